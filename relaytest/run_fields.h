// What a run is made of, as its JSON has it (run_json.h): one list for both directions, of the writer and of the reader. Only
// run_json.cpp includes this.
//
// `f(key, value)` is of the run itself; `f.derived(key, make)` is only written, for who reads it; `f.secret(key, value)` is there
// only where a run is kept.
#pragma once

#include <array>
#include <boost/json.hpp>
#include <concepts>
#include <optional>
#include <string_view>
#include <type_traits>

#include "relaytest/catalogue.h"
#include "relaytest/judge.h"
#include "relaytest/run.h"

namespace postern::relaytest {

inline constexpr int format_version = 1;

/// As they are written, by their number.
template <class E>
inline constexpr std::array<std::string_view, 0> names{};
template <>
inline constexpr std::array<std::string_view, 3> names<Line::Who>{"client", "server", "note"};
template <>
inline constexpr std::array<std::string_view, 3> names<Return::What>{"relayed", "bounced",
                                                                     "answered"};
template <>
inline constexpr std::array<std::string_view, 3> names<Kind>{"message", "smuggling", "question"};
template <>
inline constexpr std::array<std::string_view, 2> names<Door::Tls>{"as_offered", "implicit"};
template <>
inline constexpr std::array<std::string_view, 8> names<Outcome>{
    "not_tried", "not_offered", "refused",   "deferred",
    "accepted",  "broken_off",  "no_answer", "answered"};

template <class T, class Plain>
concept Maybe = std::same_as<std::remove_const_t<T>, Plain>;

void fields(auto& f, Maybe<Line> auto& line) {
  f("who", line.who);
  f("at_ms", line.at);
  f("text", line.text);
}

void fields(auto& f, Maybe<Return> auto& it) {
  f("what", it.what);
  f("is_carrier", it.is_carrier);
  f("at", it.at);
  f("peer", it.peer);
  f("reverse_path", it.reverse_path);
  f("received", it.received);
  f("head", it.head);
}

/// An empty one where it is of another version.
inline const Trick& trick_of(const ProbeResult& probe) {
  static constexpr Trick unknown{};
  const Trick* const trick = find_trick(probe.trick);
  return trick ? *trick : unknown;
}

inline boost::json::value verdict_or_null(std::optional<Verdict> verdict) {
  return verdict ? boost::json::value(name_of(*verdict)) : boost::json::value();
}

void fields(auto& f, Maybe<ProbeResult> auto& probe) {
  f("trick", probe.trick);
  f.derived("group", [&] { return boost::json::value(trick_of(probe).group); });
  f.derived("reason", [&] { return boost::json::value(trick_of(probe).reason); });
  f.derived("source", [&] { return boost::json::value(trick_of(probe).source); });
  f("kind", probe.kind);
  f("outcome", probe.outcome);
  f.derived("verdict", [&] { return verdict_or_null(verdict_of(probe)); });
  f.derived("naive_verdict", [&] { return verdict_or_null(naive_verdict_of(probe)); });
  f("token", probe.token);
  f("carrier_token", probe.carrier_token);
  f("has_local_carrier", probe.has_local_carrier);
  f("has_surplus_replies", probe.has_surplus_replies);
  f("step", probe.step);
  f("reply", probe.reply);
  f("has_recipient_accepted", probe.has_recipient_accepted);
  f("from", probe.from);
  f("to", probe.to);
  f("tls", probe.tls);
  f("attempts", probe.attempts);
  f("answered_at", probe.answered_at);
  f("transcript", probe.transcript);
  f("returns", probe.returns);
}

void fields(auto& f, Maybe<Door> auto& door) {
  f("address", door.address);
  f("port", door.port);
  f("tls", door.tls);
  f("source", door.source);
  f("label", door.label);
  f("is_reachable", door.is_reachable);
  f("greeting", door.greeting);
  f("trouble", door.trouble);
  f.derived("verdict", [&] { return boost::json::value(name_of(verdict_of(door))); });
  f("probes", door.probes);
}

void fields(auto& f, Maybe<Run> auto& run) {
  f.derived("format", [] { return boost::json::value(format_version); });
  f("id", run.id);
  f.secret("secret", run.secret);
  f("target", run.target);
  f.derived("verdict", [&] { return boost::json::value(name_of(verdict_of(run))); });
  f.derived("naive_verdict", [&] { return boost::json::value(name_of(naive_verdict_of(run))); });
  f.derived("exit_code", [&] { return boost::json::value(exit_code_of(verdict_of(run))); });
  f("server", run.server);
  f("mailbox", run.mailbox);
  f("listen", run.listen);
  f("returns", run.returns);
  f("us", run.us);
  f("sender", run.sender);
  f("carrier", run.carrier);
  f("contact", run.contact);
  f("started", run.started);
  f("ended", run.ended);
  f("is_self", run.is_self);
  f("remarks", run.remarks);
  f.derived("observations", [&] { return boost::json::value_from(remarks_of(run)); });
  f("doors", run.doors);
}

}  // namespace postern::relaytest
