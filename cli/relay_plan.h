// What a run of the relay tester is to do: made of what the user said, and of what DNS and this machine add to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "relaytest/tester.h"

namespace postern::cli {

/// As written on the command line.
struct RelayArguments {
  std::string target;  // HOST or HOST:PORT
  bool is_implicit_tls = false;
  std::string mailbox;
  std::string listen;
  std::string returns;
  std::vector<std::string> sources;
  std::string server;
  std::string carrier;
  std::string hello;
  std::string contact;
  std::vector<std::string> only;
  double rate = 2;
  std::uint32_t at_a_time = 4;
  std::string timeout = "30s";
  std::string wait;  // empty: 15 minutes, as greylisting and slow queues want
  std::string retry_after = "6m";
  bool may_test = false;
  bool is_dry = false;  // connects to nothing, not even to ask the server its name
};

/// A run, and what carries it out.
struct RelayPlan {
  relaytest::Run run;
  relaytest::Setup setup;
};

/// A new run against the target. Resolves its name, and asks it its own where the user has
/// said an address. Throws Failure: a wrong argument, a target that is not found, or
/// a public one that the user did not say is his to test.
[[nodiscard]] RelayPlan new_plan(const RelayArguments& arguments);

/// Opens what the run finds its returns by: the port, or the mailbox elsewhere. Throws Failure.
void open_returns(RelayPlan& plan, net::Executor executor);

/// The user's pace and times, for a new run or a resumed one. Throws Failure.
[[nodiscard]] relaytest::Setup setup_of(const RelayArguments& arguments);

}  // namespace postern::cli
