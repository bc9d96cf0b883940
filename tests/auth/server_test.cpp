#include "server_fixture.h"

namespace postern::auth {
namespace {

TEST_F(ServerTest, AcceptsTheRightPasswordAndNamesTheLogin) {
  begin(7, "PLAIN", "\0alice\0correct horse"s);
  const auto verdict = smtpd_->next_as<frames::Verdict>();
  EXPECT_EQ(verdict.exchange, 7U);
  EXPECT_EQ(verdict.result, LoginResult::accepted);
  EXPECT_EQ(verdict.identity.login, "alice");
  EXPECT_FALSE(verdict.last);
}

// Behaviour 30: whoever asks whether a sender is the login's own finds the answer in the verdict.
TEST_F(ServerTest, SaysWhichSendersAreTheLogins) {
  const std::string verifier = quick_verifier("correct horse").text();
  write_file(users_file_,
             fmt::format("alice {0}\nbob@elsewhere.example {0} sender=sales@office.example "
                         "sender=bob@office.example\nscanner {0} any-sender\n\"a..b {0}\n",
                         verifier));
  const struct {
    std::string login;
    std::vector<std::string> senders;
    bool any_sender;
    const char* why;
  } rows[] = {
      {"alice", {"alice@office.example"}, false, "a name without a domain gets the office's"},
      {"bob@elsewhere.example",
       {"sales@office.example", "bob@office.example", "bob@elsewhere.example"},
       false,
       "an address is its own sender, beside those of the file"},
      {"scanner", {"scanner@office.example"}, true, "any sender"},
      {"\"a..b", {}, false, "a name that can be no address has none"},
  };
  for (const std::string mechanism : {"PLAIN", "SCRAM-SHA-256"}) {
    for (const auto& row : rows) {
      SCOPED_TRACE(mechanism + ": " + row.why);
      const mail::Identity identity = log_in(mechanism, row.login, "correct horse").identity;
      EXPECT_EQ(identity.login, row.login);
      EXPECT_EQ(identity.any_sender, row.any_sender);
      std::vector<std::string> senders;
      for (const mail::Mailbox& sender : identity.senders) senders.push_back(sender.text());
      EXPECT_EQ(senders, row.senders);
    }
  }
}

// Behaviour 27: one and the same verdict.
TEST_F(ServerTest, RefusesAWrongPasswordAndAWrongUserAlike) {
  for (const std::string name : {"alice", "mallory", "al ice", ""}) {
    begin(1, "PLAIN", "\0"s + name + "\0wrong horse"s);
    const auto verdict = smtpd_->next_as<frames::Verdict>();
    EXPECT_EQ(verdict.result, LoginResult::refused) << name;
    EXPECT_EQ(verdict.identity.login, "");
    EXPECT_FALSE(verdict.last);
  }
}

TEST_F(ServerTest, RunsManyExchangesAtOnce) {
  for (std::uint64_t id = 1; id <= 50; ++id)
    begin(id, "LOGIN", std::nullopt, "192.0.2." + std::to_string(id));
  for (int i = 0; i < 50; ++i) {
    const auto challenge = smtpd_->next_as<frames::Challenge>();
    EXPECT_EQ(challenge.bytes, "Username:");
    smtpd_->send(frames::Answer{challenge.exchange, "alice"});
  }
  for (int i = 0; i < 50; ++i) {
    const auto challenge = smtpd_->next_as<frames::Challenge>();
    smtpd_->send(frames::Answer{challenge.exchange,
                                challenge.exchange % 2 == 0 ? "correct horse" : "wrong horse"});
  }
  for (int i = 0; i < 50; ++i) {
    const auto verdict = smtpd_->next_as<frames::Verdict>();
    EXPECT_EQ(verdict.result,
              verdict.exchange % 2 == 0 ? LoginResult::accepted : LoginResult::refused);
  }
}

TEST_F(ServerTest, PassesScramsSignatureOn) {
  begin(1, "SCRAM-SHA-256", "n,,n=alice,r=clientnonce");
  const auto challenge = smtpd_->next_as<frames::Challenge>();
  const ScramAnswer answer{"n=alice,r=clientnonce", challenge.bytes, "correct horse"};
  smtpd_->send(frames::Answer{1, answer.message()});
  const auto verdict = smtpd_->next_as<frames::Verdict>();
  EXPECT_EQ(verdict.result, LoginResult::accepted);
  EXPECT_EQ(verdict.identity.login, "alice");
  EXPECT_TRUE(verdict.last.value_or("").starts_with("v="));
}

TEST_F(ServerTest, OffersOnlyTheMechanismsOfTheSettings) {
  settings_.mechanisms = {"PLAIN"};
  for (const std::string mechanism :
       {"LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "EXTERNAL", "plain", ""}) {
    begin(1, mechanism, "alice");
    EXPECT_EQ(smtpd_->next_as<frames::Verdict>().result, LoginResult::malformed) << mechanism;
  }
  EXPECT_EQ(result_of_plain("alice", "correct horse"), LoginResult::accepted);
}

TEST_F(ServerTest, RefusesAnswersThatNobodyAskedFor) {
  smtpd_->send(frames::Answer{99, "alice"});
  EXPECT_EQ(smtpd_->next_as<frames::Verdict>().result, LoginResult::refused);

  // While the password is being checked, and after the verdict.
  begin(1, "PLAIN", "\0alice\0correct horse"s);
  smtpd_->send(frames::Answer{1, "more"});
  EXPECT_EQ(smtpd_->next_as<frames::Verdict>().result, LoginResult::refused);
  EXPECT_EQ(result_of_plain("alice", "correct horse"), LoginResult::accepted)
      << "the next one is none the worse";
}

TEST_F(ServerTest, IsSilentAboutWhatWasCancelled) {
  begin(1, "LOGIN", std::nullopt);
  smtpd_->next_as<frames::Challenge>();
  smtpd_->send(frames::CancelLogin{1});
  begin(2, "PLAIN", "\0alice\0correct horse"s);
  smtpd_->send(frames::CancelLogin{2});  // while its password is being checked
  smtpd_->send(frames::CancelLogin{3});  // never begun
  begin(4, "PLAIN", "\0alice\0wrong horse"s);
  EXPECT_EQ(smtpd_->next_as<frames::Verdict>().exchange, 4U);
  EXPECT_TRUE(smtpd_->is_quiet());
}

TEST_F(ServerTest, TurnsAwayWhatIsOverItsLimit) {
  start({.exchanges = 2});
  begin(1, "LOGIN", std::nullopt);
  begin(2, "LOGIN", std::nullopt);
  smtpd_->next_as<frames::Challenge>();
  smtpd_->next_as<frames::Challenge>();
  begin(3, "LOGIN", std::nullopt);
  const auto verdict = smtpd_->next_as<frames::Verdict>();
  EXPECT_EQ(verdict.exchange, 3U);
  EXPECT_EQ(verdict.result, LoginResult::unavailable);
  smtpd_->send(frames::CancelLogin{1});
  begin(3, "LOGIN", std::nullopt);
  EXPECT_EQ(smtpd_->next_as<frames::Challenge>().exchange, 3U);
}

TEST_F(ServerTest, GivesNoSourceAllOfItsPlaces) {
  start({.exchanges = 10, .per_source = 2});
  for (std::uint64_t id = 1; id <= 3; ++id)
    begin(id, "LOGIN", std::nullopt, "2001:db8::" + std::to_string(id));
  smtpd_->next_as<frames::Challenge>();
  smtpd_->next_as<frames::Challenge>();
  EXPECT_EQ(smtpd_->next_as<frames::Verdict>().result, LoginResult::unavailable);
  begin(4, "LOGIN", std::nullopt, "2001:db8:0:1::1");
  EXPECT_EQ(smtpd_->next_as<frames::Challenge>().exchange, 4U) << "another /64";
}

TEST_F(ServerTest, DropsAnExchangeThatIdles) {
  start({.idle = std::chrono::milliseconds(20)});
  begin(1, "LOGIN", std::nullopt);
  smtpd_->next_as<frames::Challenge>();
  const auto verdict = smtpd_->next_as<frames::Verdict>();
  EXPECT_EQ(verdict.exchange, 1U);
  EXPECT_EQ(verdict.result, LoginResult::unavailable);
}

// Behaviour 27: our own failure is never a refusal, and never a success.
TEST_F(ServerTest, IsUnavailableWithoutAUsersFile) {
  ASSERT_EQ(::chmod(users_file_.c_str(), 0644), 0);
  EXPECT_EQ(result_of_plain("alice", "correct horse"), LoginResult::unavailable);
  std::filesystem::remove(users_file_);
  EXPECT_EQ(result_of_plain("alice", "correct horse"), LoginResult::unavailable);
}

TEST_F(ServerTest, GoesByTheUsersFileAsItIsNow) {
  ASSERT_EQ(result_of_plain("alice", "correct horse"), LoginResult::accepted);
  write_file(users_file_, quick_line("alice", "another password"));
  EXPECT_EQ(result_of_plain("alice", "correct horse"), LoginResult::refused)
      << "though it was proved right before";
  EXPECT_EQ(result_of_plain("alice", "another password"), LoginResult::accepted);
  write_file(users_file_, quick_line("bob", "correct horse"));
  EXPECT_EQ(result_of_plain("alice", "another password"), LoginResult::refused);
}

TEST_F(ServerTest, EndsWhileAPasswordIsBeingChecked) {
  begin(1, "PLAIN", "\0alice\0correct horse"s);
  loop_.run_one_for(std::chrono::seconds(1));
  server_->close();
}

}  // namespace
}  // namespace postern::auth
