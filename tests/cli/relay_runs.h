// Runs of the relay tester, made by hand, for the tests of its reports.
#pragma once

#include "relaytest/run.h"

namespace postern::cli {

using namespace std::chrono_literals;

inline const relaytest::system_clock::time_point run_begin{1795332600s};  // 2026-11-22 07:30:00 UTC

inline relaytest::ProbeResult probe(std::string trick, relaytest::Outcome outcome,
                                    std::string reply) {
  using Who = relaytest::Line::Who;
  relaytest::ProbeResult made;
  made.trick = std::move(trick);
  made.token = "run." + made.trick + ".00112233445566778899aabbccddeeff";
  made.outcome = outcome;
  made.step = outcome == relaytest::Outcome::accepted ? "content" : "RCPT";
  made.has_recipient_accepted = outcome == relaytest::Outcome::accepted;
  made.from = "<probe@returns.test>";
  made.to = "<probe@returns.test>";
  made.attempts = 1;
  made.answered_at = run_begin + 10s;
  made.transcript = {{Who::server, 1ms, "220 mx.example ESMTP"},
                     {Who::client, 1ms, "EHLO tester.example"},
                     {Who::server, 2ms, "250 mx.example"},
                     {Who::client, 2ms, "MAIL FROM:" + made.from},
                     {Who::server, 3ms, "250 2.1.0 Ok"},
                     {Who::client, 3ms, "RCPT TO:" + made.to},
                     {Who::server, 5ms, reply},
                     {Who::note, 6ms, "the connection was closed"}};
  made.reply = std::move(reply);
  return made;
}

inline relaytest::ProbeResult refused(std::string trick) {
  return probe(std::move(trick), relaytest::Outcome::refused, "554 5.7.1 Relay access denied");
}

inline relaytest::ProbeResult accepted(std::string trick) {
  return probe(std::move(trick), relaytest::Outcome::accepted, "250 2.0.0 Ok: queued as 4F2A");
}

inline relaytest::ProbeResult with_return(std::string trick, relaytest::Return::What what,
                                          std::vector<std::string> received, std::string head) {
  relaytest::ProbeResult made = accepted(std::move(trick));
  relaytest::Return back;
  back.what = what;
  back.at = run_begin + 12s;
  back.peer = "192.0.2.1";
  back.received = std::move(received);
  back.head = std::move(head);
  made.returns.push_back(std::move(back));
  return made;
}

inline relaytest::ProbeResult came_back(std::string trick) {
  return with_return(std::move(trick), relaytest::Return::What::relayed,
                     {"from mx.example (mx.example [192.0.2.1]) by tester.example",
                      "from tester.example (unknown [192.0.2.9]) by mx.example (Postfix)"},
                     "Received: from mx.example\r\nSubject: relay test\r\n");
}

inline relaytest::ProbeResult bounced(std::string trick) {
  return with_return(std::move(trick), relaytest::Return::What::bounced, {},
                     "Subject: Undelivered\r\n");
}

/// VRFY, answered with 2xx.
inline relaytest::ProbeResult question(std::string reply) {
  relaytest::ProbeResult made = probe("vrfy", relaytest::Outcome::answered, std::move(reply));
  made.kind = relaytest::Kind::question;
  made.step = "VRFY";
  return made;
}

/// A run with one door.
inline relaytest::Run run_of(std::vector<relaytest::ProbeResult> probes) {
  relaytest::Run run;
  run.id = "20261122-073000-ab12";
  run.secret = "not to be shown";
  run.target = "mx.example";
  run.server = "mx.example";
  run.mailbox = "probe@returns.test";
  run.listen = "192.0.2.9:25";
  run.contact = "postmaster@returns.test";
  run.started = run_begin;
  run.ended = run_begin + 70s;
  relaytest::Door door;
  door.address = mail::IpAddress::from_string("192.0.2.1");
  door.label = "192.0.2.1:25";
  door.is_reachable = true;
  door.greeting = "220 mx.example ESMTP";
  door.probes = std::move(probes);
  run.doors.push_back(std::move(door));
  return run;
}

}  // namespace postern::cli
