// What comes back to the relay tester, and the file that keeps its runs: whatever strangers send, nothing but the run's own
// tokens makes a return, what is kept is bounded, and a run that can be read can be written.
#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "relaytest/caught_log.h"
#include "relaytest/returns.h"
#include "relaytest/run_json.h"
#include "relaytest/token.h"
#include "relaytest/utf8_text.h"
#include "tests/fuzz/property.h"

namespace postern::fuzz {
namespace {

using namespace relaytest;

const std::string run_id = "20261122-081530-4f2a";
const std::string secret = "secret";

Run run_with_probes() {
  Run run;
  run.doors.resize(1);
  run.doors[0].probes.resize(2);
  run.doors[0].probes[0].token = token_of(run_id, secret, "0-plain");
  run.doors[0].probes[1].token = token_of(run_id, secret, "0-hidden");
  run.doors[0].probes[1].carrier_token = token_of(run_id, secret, "0-carrier");
  return run;
}

// No input has a token by itself: a digit behind a dollar stands for one.
std::string with_tokens(const Run& run, std::string_view input) {
  const std::vector<ProbeResult>& probes = run.doors[0].probes;
  const std::string tokens[] = {probes[0].token, probes[1].token, probes[1].carrier_token};
  std::string out;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const bool is_token =
        input[i] == '$' && i + 1 < input.size() && input[i + 1] >= '0' && input[i + 1] <= '2';
    out += is_token ? tokens[input[++i] - '0'] : std::string(1, input[i]);
  }
  return out;
}

void check_return(std::string_view input) {
  Run run = run_with_probes();
  CaughtMessage message;
  message.content = input;
  require(!note_return(run, message, {}), "a return needs a token");
  message.content = with_tokens(run, input);
  const bool is_noted = note_return(run, message, {});
  require(note_return(run, message, {}) == is_noted, "a message is judged the same again");
  std::size_t count = 0;
  for (const ProbeResult& probe : run.doors[0].probes) {
    count += probe.returns.size();
    for (const Return& it : probe.returns) {
      require(it.head.size() <= 3 * max_returned_head, "a head is bounded");
      require(as_utf8(it.head) == it.head, "a head is UTF-8");
    }
  }
  require(count == (is_noted ? 1 : 0), "the same message counts once");
  Run again = run_of(json_of(run, true));
  require(json_of(again, true) == json_of(run, true), "a run comes back as it was");
}

void check_log(std::string_view input) {
  std::string whole, pieces;
  CaughtLog at_once, bit_by_bit;
  at_once.take(input, [&](const CaughtMessage& message) { whole = message.content; });
  for (std::size_t i = 0; i < input.size(); i += 7)
    bit_by_bit.take(input.substr(i, 7),
                    [&](const CaughtMessage& message) { pieces = message.content; });
  require(whole == pieces, "a log is read the same in pieces");
}

void check_json(std::string_view input) {
  try {
    const Run run = run_of(input);
    const std::string text = json_of(run, true);
    require(json_of(run_of(text), true) == text, "what can be read can be written");
  } catch (const std::runtime_error&) {  // it is no run
  }
}

}  // namespace
}  // namespace postern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  postern::fuzz::check_return(input);
  postern::fuzz::check_log(input);
  postern::fuzz::check_json(input);
  return 0;
}
