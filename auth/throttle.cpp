#include "auth/throttle.h"

#include <algorithm>

#include "auth/source.h"

namespace postern::auth {
namespace {

// No name has a NUL.
std::string pair_of(std::string_view login, std::string_view source) {
  std::string key(login);
  key += '\0';
  key += source;
  return key;
}

}  // namespace

Backoff::Duration Backoff::delay(unsigned failures) const {
  if (failures <= free) return Duration::zero();
  Duration delay = first;
  for (unsigned n = free + 1; n < failures && delay < longest; ++n) delay *= 2;
  return std::min(delay, longest);
}

Throttle::Throttle(ThrottleLimits limits)
    : limits_(limits),
      sources_(limits.entries),
      networks_(limits.entries),
      logins_(limits.entries),
      homes_(limits.entries) {}

void Throttle::Failures::take_back(Duration penalty) {
  count.take_back();
  ready -= penalty;
}

Throttle::Duration Throttle::wait(std::string_view source, std::string_view login, Time now) const {
  Time start = now;
  if (const Failures* known = sources_.find(source)) start = std::max(start, known->ready);
  if (const Failures* known = logins_.find(pair_of(login, source)))
    start = std::max(start, known->ready);
  if (const auto network = network_of(source)) {
    if (const Failures* known = networks_.find(*network)) start = std::max(start, known->ready);
  }
  return start - now;
}

std::optional<Throttle::Attempt> Throttle::admit(std::string_view source, std::string_view login,
                                                 Time now, Duration patience) {
  const Duration waiting = wait(source, login, now);
  if (waiting > patience) return std::nullopt;
  const auto count = [&](auto& table, std::string_view key, const Backoff& backoff) {
    Failures& failures = table.use(key, [&](const Failures& other) {
      return other.count.at(now, backoff.leak) > backoff.free;
    });
    failures.count.add(now, backoff.leak);
    const Duration penalty = backoff.delay(failures.count.at(now, backoff.leak));
    // A wait for the other count's sake does not move this one.
    if (penalty > Duration::zero()) failures.ready = now + waiting + penalty;
    return penalty;
  };
  count(logins_, pair_of(login, source), limits_.login);
  Attempt attempt{.wait = waiting, .penalty = count(sources_, source, limits_.source)};
  if (const auto network = network_of(source))
    attempt.network_penalty = count(networks_, *network, limits_.network);
  return attempt;
}

void Throttle::succeeded(std::string_view source, std::string_view login, const Attempt& attempt) {
  if (Failures* failures = sources_.find(source)) failures->take_back(attempt.penalty);
  if (const auto network = network_of(source)) {
    if (Failures* failures = networks_.find(*network)) failures->take_back(attempt.network_penalty);
  }
  peeked_right(source, login);
}

bool Throttle::may_peek(std::string_view source, std::string_view login, Time now) {
  const Home* home = homes_.find(pair_of(login, source));
  return home != nullptr && home->wrong_peeks.at(now, limits_.peek_leak) < limits_.peeks;
}

void Throttle::peeked_right(std::string_view source, std::string_view login) {
  const std::string pair = pair_of(login, source);
  logins_.erase(pair);
  homes_.use(pair);
}

void Throttle::peeked_wrong(std::string_view source, std::string_view login, Time now) {
  if (Home* home = homes_.find(pair_of(login, source)))
    home->wrong_peeks.add(now, limits_.peek_leak);
}

}  // namespace postern::auth
