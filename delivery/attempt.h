// One lease, from its arrival to its report: find the next hops, try them in order, keep what each recipient was answered.
//
// What it comes to, when no hop took the message: a hop that could not take just this message (its size, its octets) fails
// it; a session that broke in the middle of its transaction defers it, for the message itself may be the cause, and must
// not keep its destination closed for others; what went wrong before any MAIL is no attempt: the route's fault where a
// relayhost refused our password or showed a bad certificate, else the destination is unreachable.
//
// The report names the hop only where it has words of a hop: what it says without one, Postern says. A 421 to a recipient
// or to the content is an outcome, and unreachable besides: it has no time for more.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "delivery/auth_desk.h"
#include "delivery/next_hops.h"
#include "delivery/pool.h"
#include "delivery/session.h"
#include "delivery/transaction.h"
#include "net/dns.h"
#include "net/frames.h"

namespace postern::delivery {

/// What the settings come to: what every attempt needs, and none changes.
struct Setup {
  std::shared_ptr<const SessionSetup> session;
  MxRules mx;
  std::unique_ptr<net::Resolver> resolver;
};

/// What attempts share.
struct Resources {
  AuthDesk& auth;
  Pool& pool;
  Random& random;
};

class Attempt {
 public:
  Attempt(const Setup& setup, Resources resources, frames::Lease lease);
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  /// Comes to a result for all recipients, or to what hindered. Throws where it is cancelled; `stop` says the rest then.
  [[nodiscard]] net::Task<> run();

  /// Ends it early: the recipients without an outcome are handed back.
  void stop(frames::Hindrance hindrance, std::string text);
  /// A fault of ours: those without an outcome are deferred, so that the message is tried ever less often.
  void give_up(const std::string& what);

  /// For the queue; replies are cut so that it fits a frame, however many recipients there are.
  [[nodiscard]] frames::Report take_report();

 private:
  [[nodiscard]] std::optional<mail::Failed> flaw(const Inspection& inspection) const;
  static net::Task<> still_wanted();
  net::Task<> try_mx();
  net::Task<> try_relayhosts();
  net::Task<> try_hops(std::vector<Hop> hops);
  net::Task<> try_hop(Hop hop);
  net::Task<> use(std::unique_ptr<Session> session, bool is_reused);
  [[nodiscard]] bool keep(Transaction transaction, const std::vector<std::uint32_t>& recipients,
                          bool has_dsn);
  void note(Trouble trouble);
  void conclude();
  void tell(frames::Hindrance hindrance, const Trouble& trouble);
  void decide(const mail::Outcome& outcome);
  [[nodiscard]] std::vector<std::uint32_t> undecided() const;
  [[nodiscard]] bool is_settled() const;

  const Setup& setup_;
  Resources resources_;
  frames::Lease lease_;
  Content content_{lease_};
  Inspection inspection_;
  std::vector<bool> is_decided_;
  std::vector<Trouble> troubles_;   // of the hops tried: a few for each relayhost
  std::optional<Trouble> closing_;  // the last hop decided all, but had no time for more
  bool is_answered_ = false;        // what is reported has words of a hop
  frames::Report report_;
};

}  // namespace postern::delivery
