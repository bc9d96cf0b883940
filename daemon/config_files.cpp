#include "daemon/config_files.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "daemon/secret_file.h"
#include "net/openssl.h"

namespace postern::daemon {
namespace {

using net::Bio;
using net::Certificate;
using net::PrivateKey;

Certificate read_certificate(const std::string& path) {
  const Bio file(BIO_new_file(path.c_str(), "r"));
  return Certificate(file ? PEM_read_bio_X509(file.get(), nullptr, net::no_passphrase, nullptr)
                          : nullptr);
}

PrivateKey read_key(const std::string& path) {
  const Bio file(BIO_new_file(path.c_str(), "r"));
  return PrivateKey(file ? PEM_read_bio_PrivateKey(file.get(), nullptr, net::no_passphrase, nullptr)
                         : nullptr);
}

/// Why the file cannot be read; empty: it can.
std::string obstacle(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || ::access(path.c_str(), R_OK) != 0)
    return std::strerror(errno);
  return S_ISREG(status.st_mode) ? "" : "it is no file";
}

class FileCheck {
 public:
  FileCheck(const NamedFile& file, Findings& findings) : file_(file), findings_(findings) {}

  void certificate(const NamedFile* key_file) {
    if (!is_readable(
            "name the file with the certificate and those between it and its root, as PEM"))
      return;
    const Certificate certificate = read_certificate(file_.path);
    if (!certificate)
      return error("has no certificate in PEM form", "convert it, or name another file");
    const PrivateKey key = key_file != nullptr ? read_key(key_file->path) : nullptr;
    if (key && X509_check_private_key(certificate.get(), key.get()) != 1) {
      error("is not the certificate of tls.private_key",
            "name a certificate and a key that belong together");
    }
    validity(*certificate);
  }

  void private_key() {
    if (!is_readable("name the file with the private key, as PEM")) return;
    hidden();
    if (!read_key(file_.path)) {
      error("has no private key in PEM form without a password",
            "convert it, or name another file");
    }
  }

  void password() {
    const mail::Parsed<std::string> password = read_password(file_.path);
    if (password) return;
    error(password.error().reason, "make it a file of one line, the password, with mode 0600");
  }

  void users() {
    struct stat status {};
    if (::stat(file_.path.c_str(), &status) != 0 && errno == ENOENT) {
      findings_.warn(file_.at, file_.key,
                     fmt::format("{}: there are no users yet, so nobody can log in", file_.path),
                     "make one with: postern user add NAME");
    } else if (is_readable("see who owns it")) {
      hidden();
    }
  }

  void ca_certificates() {
    if (!is_readable(
            "install the package ca-certificates, or name the file with the certificates to trust"))
      return;
    if (!read_certificate(file_.path)) error("has no certificate in PEM form", "name another file");
  }

 private:
  void error(const std::string& what, std::string remedy) {
    findings_.error(file_.at, file_.key, fmt::format("{}: {}", file_.path, what),
                    std::move(remedy));
  }

  bool is_readable(std::string remedy) {
    const std::string reason = obstacle(file_.path);
    if (!reason.empty()) error(reason, std::move(remedy));
    return reason.empty();
  }

  void hidden() {
    const std::string exposure = exposure_of(file_.path);
    if (!exposure.empty()) error(exposure, fmt::format("chmod 0600 {}", file_.path));
  }

  void validity(const X509& certificate) {
    const auto warn = [&](const char* what) {
      findings_.warn(file_.at, file_.key, fmt::format("{}: {}", file_.path, what),
                     "renew it: clients refuse a certificate out of its time");
    };
    std::time_t soon = std::time(nullptr) + std::chrono::seconds(renewal_warning).count();
    if (X509_cmp_current_time(X509_get0_notBefore(&certificate)) > 0) {
      warn("is not valid yet");
    } else if (X509_cmp_current_time(X509_get0_notAfter(&certificate)) < 0) {
      warn("has expired");
    } else if (X509_cmp_time(X509_get0_notAfter(&certificate), &soon) < 0) {
      warn("expires within two weeks");
    }
  }

  const NamedFile& file_;
  Findings& findings_;
};

}  // namespace

void check_files(const std::vector<NamedFile>& files, Findings& findings) {
  const auto key = std::ranges::find(files, FileUse::private_key, &NamedFile::use);
  for (const NamedFile& file : files) {
    FileCheck check(file, findings);
    switch (file.use) {
      case FileUse::certificate:
        check.certificate(key == files.end() ? nullptr : &*key);
        break;
      case FileUse::private_key:
        check.private_key();
        break;
      case FileUse::password:
        check.password();
        break;
      case FileUse::users:
        check.users();
        break;
      case FileUse::ca_certificates:
        check.ca_certificates();
        break;
    }
  }
  ERR_clear_error();
}

}  // namespace postern::daemon
