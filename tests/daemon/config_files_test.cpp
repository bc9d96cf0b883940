#include "daemon/config_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "certificate.h"
#include "daemon/secret_file.h"

namespace postern::daemon {
namespace {

using testing::HasSubstr;

class NamedFilesOnDisk : public testing::Test {
 protected:
  NamedFilesOnDisk() {
    std::string pattern = testing::TempDir() + "postern-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~NamedFilesOnDisk() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name, const std::string& content, mode_t mode = 0600) {
    const std::string path = folder_ / name;
    std::ofstream(path) << content;
    ::chmod(path.c_str(), mode);
    return path;
  }
  std::string nowhere() const { return folder_ / "nowhere"; }
  std::string folder() const { return folder_; }

  static Findings check(const std::vector<NamedFile>& files) {
    Findings findings;
    check_files(files, findings);
    return findings;
  }
  static void expect_error(const NamedFile& file, const std::string& what) {
    const Findings findings = check({file});
    ASSERT_EQ(findings.errors().size(), 1U) << what;
    EXPECT_THAT(findings.errors()[0].what, HasSubstr(what));
    EXPECT_THAT(findings.errors()[0].what, HasSubstr(file.path));
    EXPECT_EQ(findings.errors()[0].line, 7U);
  }

  static constexpr Position at{7, 3};

 private:
  std::filesystem::path folder_;
};

TEST_F(NamedFilesOnDisk, AreFineAsTheyShouldBe) {
  const tests::Certificate certificate("DNS:smarthost.office.example");
  const Findings findings = check({
      {FileUse::certificate, file("cert", certificate.pem(), 0644), "tls.certificate", at},
      {FileUse::private_key, file("key", certificate.key_pem()), "tls.private_key", at},
      {FileUse::ca_certificates, file("roots", certificate.pem(), 0644), "delivery.tls_ca_file",
       at},
      {FileUse::password, file("password", "secret\n"), "route.password_file", at},
      {FileUse::users, file("users", ""), "auth.users", at},
  });
  EXPECT_TRUE(findings.errors().empty()) << text_of("", findings.errors()[0]);
}

TEST_F(NamedFilesOnDisk, MustBeThereAndBeFiles) {
  for (FileUse use :
       {FileUse::certificate, FileUse::private_key, FileUse::ca_certificates, FileUse::password}) {
    expect_error({use, nowhere(), "key", at}, "No such file");
    expect_error({use, folder(), "key", at}, "it is no file");
  }
  expect_error({FileUse::users, folder(), "key", at}, "it is no file");
}

TEST_F(NamedFilesOnDisk, MayLackTheUsersThatAreYetToBeMade) {
  const Findings findings = check({{FileUse::users, nowhere(), "auth.users", at}});
  EXPECT_FALSE(findings.has_errors());
  ASSERT_EQ(findings.warnings().size(), 1U);
  EXPECT_THAT(findings.warnings()[0].remedy, HasSubstr("postern user add"));
}

TEST_F(NamedFilesOnDisk, MustNotLetOthersReadSecrets) {
  const tests::Certificate certificate("DNS:a.example");
  expect_error({FileUse::private_key, file("key", certificate.key_pem(), 0644), "key", at},
               "mode 0644");
  expect_error({FileUse::users, file("users", "", 0604), "key", at}, "mode 0604");
  expect_error({FileUse::password, file("password", "secret", 0644), "key", at}, "mode 0644");
}

TEST_F(NamedFilesOnDisk, MustHoldWhatTheirKeySays) {
  const tests::Certificate certificate("DNS:a.example");
  expect_error({FileUse::certificate, file("a", "no certificate"), "key", at},
               "no certificate in PEM form");
  expect_error({FileUse::certificate, file("b", certificate.key_pem()), "key", at},
               "no certificate in PEM form");
  expect_error({FileUse::private_key, file("c", certificate.pem()), "key", at},
               "no private key in PEM form");
  expect_error({FileUse::private_key, file("d", ""), "key", at}, "no private key in PEM form");
  expect_error({FileUse::ca_certificates, file("e", ""), "key", at}, "no certificate in PEM form");
}

TEST_F(NamedFilesOnDisk, MustBeACertificateAndItsOwnKey) {
  const tests::Certificate one("DNS:a.example");
  const tests::Certificate other("DNS:a.example");
  const Findings findings =
      check({{FileUse::certificate, file("cert", one.pem()), "tls.certificate", at},
             {FileUse::private_key, file("key", other.key_pem()), "tls.private_key", at}});
  ASSERT_EQ(findings.errors().size(), 1U);
  EXPECT_THAT(findings.errors()[0].what, HasSubstr("is not the certificate of tls.private_key"));
}

TEST_F(NamedFilesOnDisk, WarnOfACertificateThatEndsSoon) {
  const tests::Certificate certificate("DNS:a.example");  // ends in an hour
  const Findings findings =
      check({{FileUse::certificate, file("cert", certificate.pem()), "key", at}});
  ASSERT_EQ(findings.warnings().size(), 1U);
  EXPECT_THAT(findings.warnings()[0].what, HasSubstr("expires within two weeks"));
}

TEST_F(NamedFilesOnDisk, HaveAPasswordThatIsOneLine) {
  EXPECT_EQ(read_password(file("a", "secret")).value(), "secret");
  EXPECT_EQ(read_password(file("b", "secret\n")).value(), "secret");
  EXPECT_EQ(read_password(file("c", "secret\r\n")).value(), "secret");
  EXPECT_EQ(read_password(file("d", " with spaces ")).value(), " with spaces ");
  EXPECT_EQ(read_password(file("e", std::string(max_password, 'x') + "\r\n")).value().size(),
            max_password);

  const auto refused = [&](const std::string& content) {
    const auto password = read_password(file("f", content));
    return password ? "" : password.error().reason;
  };
  EXPECT_THAT(refused(""), HasSubstr("empty"));
  EXPECT_THAT(refused("\n"), HasSubstr("empty"));
  EXPECT_THAT(refused("a\nb"), HasSubstr("more than one line"));
  EXPECT_THAT(refused("a\n\n"), HasSubstr("more than one line"));
  EXPECT_THAT(refused(std::string(max_password + 1, 'x')), HasSubstr("longer than"));
  EXPECT_THAT(refused(std::string(100'000, 'x')), HasSubstr("longer than"));
  EXPECT_THAT(refused(std::string("a\0b", 3)), HasSubstr("no text"));
}

struct ModeRow {
  mode_t mode;
  bool is_exposed;
  const char* why;
};

TEST_F(NamedFilesOnDisk, AreExposedByTheirMode) {
  const bool is_root = ::geteuid() == 0;
  const ModeRow rows[] = {
      {0600, false, "the owner's"},
      {0400, false, "the owner's, read-only"},
      {0640, !is_root, "root's, and for a group to read"},
      {0660, true, "a group may change it"},
      {0604, true, "all may read it"},
      {0602, true, "all may change it"},
  };
  for (const ModeRow& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(!exposure_of(file("secret", "x", row.mode)).empty(), row.is_exposed);
  }
}

}  // namespace
}  // namespace postern::daemon
