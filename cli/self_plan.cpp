#include "self_plan.h"

#include <fmt/format.h>
#include <sysexits.h>

#include "daemon/config.h"
#include "daemon/selftest_plan.h"
#include "failure.h"
#include "relaytest/prober.h"

namespace postern::cli {
namespace {

daemon::Config load(const std::string& file) {
  daemon::LoadedConfig loaded = daemon::load_config(file);
  if (auto* config = std::get_if<daemon::Config>(&loaded)) return std::move(*config);
  const auto& errors = std::get<std::vector<daemon::ConfigError>>(loaded);
  throw Failure{EX_CONFIG, daemon::text_of(file, errors.front())};
}

/// Asks DNS about the targets.
relaytest::SelfTest ask_for_doors(const frames::SelftestSettings& settings) {
  net::asio::io_context loop{1};
  relaytest::SelfTest test;
  net::Nursery nursery(loop.get_executor());
  const auto plan = [](relaytest::SelfTest& to,
                       const frames::SelftestSettings& from) -> net::Task<> {
    to = co_await relaytest::plan_self_test(from);
  };
  nursery.start(plan(test, settings));
  loop.run();
  return test;
}

}  // namespace

SelfPlan self_plan(const std::string& config_file, const std::vector<std::string>& only) {
  const daemon::Config config = load(config_file);
  SelfPlan self;
  daemon::SelftestPlan plan = daemon::prepare_selftest(config, self.vantage);
  self.settings = std::move(plan.settings);
  self.test = ask_for_doors(self.settings);
  self.test.gaps.insert(self.test.gaps.begin(), plan.gaps.begin(), plan.gaps.end());
  if (self.test.run.doors.empty()) {
    std::string why = "nothing can be tested from here";
    for (const std::string& gap : self.test.gaps) why += "\n  " + gap;
    throw Failure{EX_UNAVAILABLE, why};
  }
  relaytest::plan_probes(self.test.run, only);
  self.test.run.remarks = relaytest::self_remarks(self.test, self.settings);
  return self;
}

}  // namespace postern::cli
