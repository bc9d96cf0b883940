// Auth's server for smtpd, with the smtpd that the test plays. There is one user: alice, with the password `correct horse`.
#pragma once

#include <gtest/gtest.h>

#include "auth/server.h"
#include "fixtures.h"
#include "peer.h"

namespace postern::auth {

using frames::LoginResult;
using namespace std::string_literals;

class ServerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { start_sasl(); }

  ServerTest() {
    write_file(users_file_, quick_line("alice", "correct horse"));
    settings_ = {"smarthost.example",
                 "office.example",
                 {"PLAIN", "LOGIN", "SCRAM-SHA-256"},
                 std::make_unique<UserStore>(users_file_)};
    start({});
  }
  ~ServerTest() override { stop(); }

  void stop() {
    if (smtpd_) smtpd_->close();
    loop_.restart();
    loop_.run_for(std::chrono::seconds(20));
    EXPECT_EQ(nursery_.size(), 0U) << "it ends with its channel";
    smtpd_.reset();
  }

  void start(ExchangeLimits limits) {
    stop();
    auto [ours, theirs] = net::socket_pair();
    loop_.restart();
    smtpd_.emplace(loop_, std::move(ours));
    server_.emplace(loop_.get_executor(), std::move(theirs), settings_, gate_, checker_, limits);
    nursery_.start(server_->serve());
  }

  void begin(std::uint64_t id, const std::string& mechanism, std::optional<std::string> initial,
             const std::string& client = "192.0.2.1") {
    smtpd_->send(
        frames::BeginLogin{id, mechanism, std::move(initial), net::asio::ip::make_address(client)});
  }
  frames::Verdict log_in(const std::string& mechanism, const std::string& name,
                         const std::string& password, const std::string& client = "192.0.2.1") {
    if (mechanism == "PLAIN") {
      begin(1, mechanism, "\0"s + name + "\0"s + password, client);
    } else {
      const std::string bare = "n=" + name + ",r=clientnonce";
      begin(1, mechanism, "n,," + bare, client);
      const ScramAnswer answer{bare, smtpd_->next_as<frames::Challenge>().bytes, password};
      smtpd_->send(frames::Answer{1, answer.message()});
    }
    return smtpd_->next_as<frames::Verdict>();
  }
  LoginResult result_of(const std::string& mechanism, const std::string& name,
                        const std::string& password, const std::string& client = "192.0.2.1") {
    return log_in(mechanism, name, password, client).result;
  }
  LoginResult result_of_plain(const std::string& name, const std::string& password) {
    return result_of("PLAIN", name, password);
  }

  const Folder folder_;
  const std::string users_file_ = folder_.file("users");
  net::asio::io_context loop_{1};
  net::asio::thread_pool pool_{2};
  LoginGate gate_{{.patience = std::chrono::seconds(0)}};  // what would wait is throttled
  PasswordChecker checker_{pool_, gate_, 2};
  LoginSettings settings_;
  net::Nursery nursery_{loop_.get_executor()};
  std::optional<SmtpdPeer> smtpd_;
  std::optional<Server> server_;
};

}  // namespace postern::auth
