#include "auth/role.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <thread>

#include "fixtures.h"
#include "peer.h"

namespace postern::auth {
namespace {

using namespace std::string_literals;

/// The role on a thread of its own, with a supervisor that the test plays.
class RoleTest : public testing::Test {
 protected:
  RoleTest() {
    auto [ours, theirs] = net::socket_pair();
    supervisor_.emplace(loop_, std::move(ours));
    thread_ = std::thread(
        [this, socket = std::move(theirs)]() mutable { exit_code_ = run(std::move(socket)); });
  }
  ~RoleTest() override {
    supervisor_->close();
    loop_.run_for(std::chrono::seconds(1));
    thread_.join();
  }

  void configure(std::vector<std::string> mechanisms = {"PLAIN", "LOGIN", "SCRAM-SHA-256"}) {
    frames::AuthSettings settings{
        "smarthost.example", "office.example", users_file_, std::move(mechanisms), {}};
    settings.credentials.push_back({"relay.example", 587, "office", "secret"});
    supervisor_->send(std::move(settings));
  }
  net::Fd introduce(frames::Role role) {
    auto [ours, theirs] = net::socket_pair();
    supervisor_->send(frames::Peer{role, 0, std::move(theirs)});
    return std::move(ours);
  }

  const Folder folder_;
  const std::string users_file_ = folder_.file("users");
  net::asio::io_context loop_{1};
  std::optional<Peer<frames::ToAuth, frames::ToSupervisor>> supervisor_;
  std::thread thread_;
  int exit_code_ = -1;
};

TEST_F(RoleTest, ServesItsPeersAndEndsWhenItIsDrained) {
  write_file(users_file_, quick_line("alice", "correct horse"));
  configure();
  supervisor_->next_as<frames::Ready>();
  {
    SmtpdPeer smtpd(loop_, introduce(frames::Role::smtpd));
    DeliveryPeer delivery(loop_, introduce(frames::Role::delivery));
    smtpd.send(frames::BeginLogin{1, "PLAIN", "\0alice\0correct horse"s, {}});
    EXPECT_EQ(smtpd.next_as<frames::Verdict>().result, frames::LoginResult::accepted);
    delivery.send(frames::BeginClient{1, "relay.example", 587, "office", "PLAIN"});
    EXPECT_EQ(delivery.next_as<frames::ClientStep>().bytes, "\0office\0secret"s);
    smtpd.send(frames::BeginLogin{2, "LOGIN", std::nullopt, {}});
    smtpd.next_as<frames::Challenge>();
    supervisor_->send(frames::Drain{});
    loop_.run_for(std::chrono::milliseconds(1));
  }
  thread_.join();
  EXPECT_EQ(exit_code_, 0);
  thread_ = std::thread([] {});
}

TEST_F(RoleTest, TakesNewSettingsWhileItRuns) {
  write_file(users_file_, quick_line("alice", "correct horse"));
  configure();
  supervisor_->next_as<frames::Ready>();
  SmtpdPeer smtpd(loop_, introduce(frames::Role::smtpd));
  configure({"LOGIN"});
  supervisor_->next_as<frames::Ready>();
  smtpd.send(frames::BeginLogin{1, "PLAIN", "\0alice\0correct horse"s, {}});
  EXPECT_EQ(smtpd.next_as<frames::Verdict>().result, frames::LoginResult::malformed);
}

TEST_F(RoleTest, DoesNotStartWithAUsersFileThatOthersMayRead) {
  write_file(users_file_, quick_line("alice", "correct horse"), 0644);
  configure();
  const auto failure = supervisor_->next_as<frames::CannotStart>();
  EXPECT_EQ(failure.exit_code, EX_CONFIG);
  EXPECT_NE(failure.reason.find("chmod 0640"), std::string::npos) << failure.reason;
}

TEST_F(RoleTest, StartsWithoutAnyUser) {
  configure();
  supervisor_->next_as<frames::Ready>();
}

TEST_F(RoleTest, NamesThePackageOfAMechanismThatIsMissing) {
  configure({"PLAIN", "GSSAPI"});
  const auto failure = supervisor_->next_as<frames::CannotStart>();
  EXPECT_EQ(failure.exit_code, EX_UNAVAILABLE);
  EXPECT_EQ(failure.reason,
            "Cyrus SASL has no plugin for GSSAPI: apt-get install libsasl2-modules");
}

TEST_F(RoleTest, LeavesNoCoreDump) {
  configure();
  supervisor_->next_as<frames::Ready>();
  rlimit cores{};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &cores), 0);
  EXPECT_EQ(cores.rlim_cur, 0U);
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 0);
}

}  // namespace
}  // namespace postern::auth
