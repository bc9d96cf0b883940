// A self-signed certificate for tests, new in every process.
#pragma once

#include <string>

namespace postern::smtpd {

struct CertificatePem {
  std::string chain;
  std::string key;
};

const CertificatePem& test_certificate();

}  // namespace postern::smtpd
