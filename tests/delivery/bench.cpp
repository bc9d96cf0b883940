#include "delivery/bench.h"

#include <signal.h>

namespace postern::delivery {

namespace {

TimeLimits limits_of(std::chrono::milliseconds each) {
  TimeLimits limits;
  for (auto* limit : {&limits.connect, &limits.greeting, &limits.command, &limits.handshake,
                      &limits.data, &limits.block, &limits.final_dot, &limits.auth_role}) {
    *limit = each;
  }
  limits.last_words = each;
  return limits;
}

}  // namespace

TimeLimits patient_limits() { return limits_of(std::chrono::seconds(15)); }

TimeLimits impatient_limits() { return limits_of(std::chrono::milliseconds(300)); }

frames::Relayhost relayhost_at(std::uint16_t port, frames::HopTls tls) {
  frames::Relayhost relayhost;
  relayhost.tls = tls;
  relayhost.host = "127.0.0.1";
  relayhost.port = port;
  return relayhost;
}

frames::Lease lease_of(std::string content, std::vector<std::string> recipients) {
  frames::Lease lease;
  lease.lease = 7;
  lease.reverse_path = *mail::Mailbox::parse("sender@here.test");
  for (const std::string& recipient : recipients) {
    lease.recipients.push_back({*mail::Mailbox::parse(recipient)});
  }
  lease.size = content.size();
  lease.crc = net::crc32c(content);
  lease.content = std::move(content);
  return lease;
}

Bench::Bench(const std::string& ca_file) {
  ::signal(SIGPIPE, SIG_IGN);  // as in every role: OpenSSL writes without MSG_NOSIGNAL
  session->hostname = "client.test";
  session->limits = patient_limits();
  session->tls = ca_file.empty() ? net::SslContext(SSL_CTX_new(TLS_client_method()), SSL_CTX_free)
                                 : *net::client_tls(ca_file);
  setup.session = session;
  setup.mx.hostname = "client.test";
  setup.resolver = std::make_unique<net::Resolver>(
      loop.get_executor(), std::vector<std::string>{"127.0.0.1:1"}, std::chrono::milliseconds(20));
}

frames::Report Bench::deliver(frames::Lease lease) {
  Attempt attempt(setup, Resources{auth, pool, random}, std::move(lease));
  net::Nursery nursery(loop.get_executor());
  nursery.start(attempt.run());
  run_until([&] { return nursery.size() == 0; });
  return attempt.take_report();
}

frames::Report Bench::deliver(std::vector<frames::Relayhost> via,
                              std::vector<std::string> recipients, std::string content) {
  frames::Lease lease = lease_of(std::move(content), std::move(recipients));
  lease.via = std::move(via);
  return deliver(std::move(lease));
}

std::string outcome_text(const frames::Report& report, std::uint32_t index) {
  for (const auto& [at, outcome, is_dsn_passed_on] : report.outcomes) {
    if (at != index) continue;
    constexpr const char* names[] = {"delivered ", "deferred ", "failed "};
    const mail::Reply& reply = mail::reply_of(outcome);
    const std::string status = reply.status.is_given() ? ' ' + reply.status.text() : "";
    return names[outcome.index()] + std::to_string(reply.code) + status;
  }
  return "-";
}

std::string hindrance_name(const frames::Report& report) {
  constexpr const char* names[] = {"none", "unreachable", "route", "damaged", "aborted"};
  return names[static_cast<std::size_t>(report.hindrance)];
}

}  // namespace postern::delivery
