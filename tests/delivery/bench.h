// What a test of delivery needs around an attempt: a loop, settings with short limits, leases.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "delivery/attempt.h"
#include "delivery/fake_server.h"
#include "net/checksum.h"

namespace postern::delivery {

/// Limits that a loaded machine keeps, and very short ones: for servers that hang on purpose.
[[nodiscard]] TimeLimits patient_limits();
[[nodiscard]] TimeLimits impatient_limits();

[[nodiscard]] frames::Relayhost relayhost_at(std::uint16_t port,
                                             frames::HopTls tls = frames::HopTls::opportunistic);
[[nodiscard]] frames::Lease lease_of(std::string content, std::vector<std::string> recipients);

class Bench {
 public:
  explicit Bench(const std::string& ca_file = "");
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void be_impatient() { session->limits = impatient_limits(); }

  /// Runs an attempt to its end.
  [[nodiscard]] frames::Report deliver(frames::Lease lease);
  /// A message to `one@there.test`, or to others, through these relayhosts.
  [[nodiscard]] frames::Report deliver(std::vector<frames::Relayhost> via,
                                       std::vector<std::string> recipients = {"one@there.test"},
                                       std::string content = "Subject: x\r\n\r\nbody\r\n");
  /// Runs the loop until `is_done`.
  template <class Condition>
  void run_until(Condition is_done) {
    const auto deadline = net::Clock::now() + std::chrono::seconds(30);
    while (!is_done() && net::Clock::now() < deadline) {
      loop.restart();
      loop.run_one_for(std::chrono::seconds(1));
    }
    EXPECT_TRUE(is_done()) << "after half a minute, still not";
  }

  net::asio::io_context loop{1};
  AuthDesk auth{loop.get_executor()};
  std::shared_ptr<SessionSetup> session = std::make_shared<SessionSetup>();
  Setup setup;
  Pool pool{loop.get_executor(), patient_limits()};
  Random random{1};
};

/// `250`, `451 4.4.2` ...: code and status of a recipient's outcome, behind `delivered`, `deferred` or `failed`; for one that
/// has none `-`.
[[nodiscard]] std::string outcome_text(const frames::Report& report, std::uint32_t index);
/// The hindrance by its name; `none`.
[[nodiscard]] std::string hindrance_name(const frames::Report& report);

}  // namespace postern::delivery
