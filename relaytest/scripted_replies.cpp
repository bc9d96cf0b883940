#include "relaytest/scripted_replies.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace postern::relaytest {
namespace {

using mail::Parsed;
using mail::SyntaxError;

constexpr std::pair<std::string_view, Step> steps[] = {
    {"connect", Step::connect}, {"ehlo", Step::ehlo}, {"mail", Step::mail},
    {"rcpt", Step::rcpt},       {"data", Step::data}, {"content", Step::content}};

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || behind != end) return std::nullopt;
  return number;
}

std::optional<Step> step_of(std::string_view text) {
  for (const auto& [name, step] : steps) {
    if (name == text) return step;
  }
  return std::nullopt;
}

std::optional<int> code_of(std::string_view text) {
  if (text == "drop") return ScriptedReplies::hang_up;
  const std::optional<int> code = number_of<int>(text);
  return code && *code >= 400 && *code <= 599 ? code : std::nullopt;
}

}  // namespace

Parsed<bool> ScriptedReplies::add(std::string_view text) {
  const std::size_t equals = std::min(text.find('='), text.size());
  const std::optional<Step> step = step_of(text.substr(0, equals));
  if (!step) return SyntaxError{"the step is one of connect, ehlo, mail, rcpt, data, content"};

  const std::string_view answer = text.substr(std::min(equals + 1, text.size()));
  const std::size_t colon = std::min(answer.find(':'), answer.size());
  const std::optional<int> code = code_of(answer.substr(0, colon));
  if (!code) return SyntaxError{"the code is a number from 400 to 599, or drop"};
  std::optional<std::uint64_t> times;
  if (colon < answer.size()) {
    times = number_of<std::uint64_t>(answer.substr(colon + 1));
    if (!times) return SyntaxError{"behind the colon stands how many times"};
  }
  scripts_.push_back({*step, *code, times});
  return true;
}

std::optional<int> ScriptedReplies::next(Step step) {
  for (Script& script : scripts_) {
    if (script.step != step || script.times == 0U) continue;
    if (script.times) --*script.times;
    return script.code;
  }
  return std::nullopt;
}

}  // namespace postern::relaytest
