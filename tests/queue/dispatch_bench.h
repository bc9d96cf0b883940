// What the tests of dispatch and reports share: the real queue over a real store, with a clock that the test moves.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "queue/dispatch.h"
#include "queue/reporter.h"
#include "temporary_spool.h"

namespace postern::queue {

using namespace std::chrono_literals;
using frames::Hindrance;

inline const std::string content = "From: a@from.example\r\nSubject: hello\r\n\r\nbody\r\n";

inline frames::QueueSettings settings() {
  frames::QueueSettings settings;
  settings.hostname = "smarthost.example";
  settings.first_retry = 5min;
  settings.max_retry = 1h;
  settings.warn_after = 4h;
  settings.expire = 120h;
  settings.connections = 20;
  return settings;
}

inline frames::Route route_to(const std::string& host) {
  frames::Route route;
  route.via.push_back({frames::HopTls::starttls, host, 587, "", true});
  return route;
}

class DispatchTest : public testing::Test {
 protected:
  DispatchTest() { connect(); }

  void connect() {
    dispatch.connect([this](frames::Lease lease) { leases.push_back(std::move(lease)); }, now);
  }
  void pass(net::Clock::duration time) {
    now.steady += time;
    now.wall += std::chrono::duration_cast<WallTime::duration>(time);
  }
  void accept(std::uint64_t id, const mail::Envelope& from_to, const std::string& text = content) {
    spool.accept(id, text, from_to);
    spool.run();
    ASSERT_TRUE(spool.is_committed(id));
    const auto stored = spool.store->read(mail::MessageId(id));
    MessageHead head = stored->head;
    head.arrival = now.wall;
    queue.add(mail::MessageId(id), head, now);
  }
  void accept(std::uint64_t id) { accept(id, envelope("a@from.example", {"b@to.example"})); }

  // What is lent out now.
  std::vector<frames::Lease> lent() {
    leases.clear();
    dispatch.pump(now);
    return std::move(leases);
  }
  void report(const frames::Lease& lease, const std::vector<mail::Reply>& replies,
              Hindrance hindrance = Hindrance::none, bool is_dsn_passed_on = false) {
    frames::Report report;
    report.lease = lease.lease;
    report.remote = "mx.to.example[192.0.2.1]:25";
    report.hindrance = hindrance;
    report.hindrance_text = "the reason";
    for (std::uint32_t i = 0; i < replies.size(); ++i) {
      report.outcomes.push_back({i, mail::outcome_of(replies[i]), is_dsn_passed_on});
    }
    dispatch.on_report(report, now);
    spool.run();
  }
  // What a restart would find.
  std::map<std::uint64_t, std::vector<RecipientState>> on_disk() {
    spool.store.reset();
    Spool again(directory.path());
    std::map<std::uint64_t, std::vector<RecipientState>> states;
    Ledger ledger(now, 1h);
    for (const auto& [id, head] : again.found.heads) ledger.on_message(id, head);
    for (const auto& update : again.found.updates) ledger.on_update(update);
    for (const auto& [id, message] : ledger.messages()) {
      for (const auto& recipient : message.recipients)
        states[id.value()].push_back(recipient.state);
    }
    return states;
  }

  const mail::Reply ok{250, {2, 0, 0}, "queued"};
  const mail::Reply later{451, {4, 2, 0}, "greylisted"};
  const mail::Reply never{550, {5, 1, 1}, "no such user here"};

  TemporaryDirectory directory;
  Spool spool{directory.path()};
  Moment now{SteadyTime(10000h), WallTime(500000h)};
  Queue queue{*spool.store, settings(), now, 1};
  int wakes = 0;
  Reporter reporter{*spool.store, queue, [this] { ++wakes; }};
  Dispatch dispatch{*spool.store, queue, reporter};
  std::vector<frames::Lease> leases;
};

}  // namespace postern::queue
