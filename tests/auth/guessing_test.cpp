// Guessing at passwords, as auth's server meets it (statements 27 and 28).
#include "server_fixture.h"

namespace postern::auth {
namespace {

class GuessingTest : public ServerTest {};

TEST_F(GuessingTest, IsThrottledByEveryMechanism) {
  for (const std::string mechanism : {"PLAIN", "SCRAM-SHA-256"}) {
    SCOPED_TRACE(mechanism);
    const std::string network = mechanism == "PLAIN" ? "2001:db8:0:1::" : "2001:db8:0:2::";
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(result_of(mechanism, "alice", "wrong horse", network + "1"), LoginResult::refused);
    }
    EXPECT_EQ(result_of(mechanism, "alice", "wrong horse", network + "2"), LoginResult::throttled)
        << "from all of the /64";
    EXPECT_EQ(result_of(mechanism, "alice", "correct horse", network + "1"), LoginResult::throttled)
        << "the password is not looked at";
    EXPECT_EQ(result_of(mechanism, "alice", "correct horse", "198.51.100.7"), LoginResult::accepted)
        << "the owner from elsewhere";
  }
}

TEST_F(GuessingTest, IsCountedOverAllMechanisms) {
  for (const std::string mechanism : {"PLAIN", "SCRAM-SHA-256", "PLAIN", "SCRAM-SHA-256"})
    EXPECT_EQ(result_of(mechanism, "alice", "wrong horse"), LoginResult::refused);
  EXPECT_EQ(result_of("PLAIN", "alice", "correct horse"), LoginResult::throttled);
  EXPECT_EQ(result_of("SCRAM-SHA-256", "alice", "correct horse"), LoginResult::throttled);
}

TEST_F(GuessingTest, IsThrottledAlikeForUnknownUsers) {
  for (const std::string name : {"alice", "mallory"}) {
    const std::string client = name == "alice" ? "192.0.2.1" : "192.0.2.2";
    std::string results;
    for (int i = 0; i < 8; ++i) {
      const LoginResult result = result_of("PLAIN", name, "wrong horse", client);
      results += result == LoginResult::refused ? 'r' : 't';
    }
    EXPECT_EQ(results, "rrrrtttt") << name;
  }
}

TEST_F(GuessingTest, IsRememberedWhenSmtpdIsRestarted) {
  for (int i = 0; i < 4; ++i) result_of("PLAIN", "alice", "wrong horse");
  start({});
  EXPECT_EQ(result_of("PLAIN", "alice", "correct horse"), LoginResult::throttled);
}

// The owner sits behind the attacker's own address, as in an office with NAT.
TEST_F(GuessingTest, DoesNotLockTheOwnerOutWhereHeLoggedInBefore) {
  for (const std::string mechanism : {"PLAIN", "SCRAM-SHA-256"}) {
    const std::string office = mechanism == "PLAIN" ? "192.0.2.1" : "192.0.2.2";
    ASSERT_EQ(result_of(mechanism, "alice", "correct horse", office), LoginResult::accepted);
    for (int i = 0; i < 12; ++i) {
      for (const std::string& name : {"alice"s, "a" + std::to_string(i), "b" + std::to_string(i)})
        result_of(mechanism, name, "wrong horse", office);
    }
    ASSERT_EQ(result_of(mechanism, "bob", "wrong horse", office), LoginResult::throttled);
    EXPECT_EQ(result_of(mechanism, "alice", "correct horse", office), LoginResult::accepted);
  }
}

// A login that is waited for, and withdrawn.
TEST_F(GuessingTest, CountsWhatWasCancelledBeforeItsVerdict) {
  for (std::uint64_t id = 1; id <= 10; ++id) {
    begin(id, "PLAIN", "\0alice\0wrong horse"s);
    smtpd_->send(frames::CancelLogin{id});
  }
  EXPECT_EQ(result_of("PLAIN", "alice", "correct horse"), LoginResult::throttled);
}

}  // namespace
}  // namespace postern::auth
