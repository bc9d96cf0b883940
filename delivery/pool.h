// Connections that wait for their next message, for a few seconds (behaviour 80). A connection serves only hops that are the
// same in address, TLS policy and user, so never one policy or route through another's connection.
#pragma once

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "delivery/session.h"
#include "net/task.h"

namespace postern::delivery {

class Pool {
 public:
  Pool(net::Executor executor, const TimeLimits& limits) : limits_(limits), nursery_(executor) {}

  /// An idle session with any of the best of `hops` (those of the first one's rank), or none. It may be dead by now: the
  /// server may have closed it.
  [[nodiscard]] std::unique_ptr<Session> take(const std::vector<Hop>& hops);

  /// Keeps a session for the next message, or takes its leave from the server.
  void put(std::unique_ptr<Session> session);

  /// Closes what is idle, without a word.
  void close();
  [[nodiscard]] net::Task<> join() { return nursery_.join(); }

  std::size_t size() const { return size_; }

 private:
  struct Idle {
    std::unique_ptr<Session> session;
    net::Clock::time_point since;
  };

  /// Orders hops by all that a connection depends on: of two that are equal here, one serves for the other.
  struct ByConnection {
    static auto order(const Hop& hop) {
      return std::tie(hop.endpoint, hop.host, hop.tls, hop.tls_verify, hop.is_relayhost, hop.user);
    }
    bool operator()(const Hop& a, const Hop& b) const { return order(a) < order(b); }
  };

  void retire(std::unique_ptr<Session> session);
  net::Task<> sweep();

  TimeLimits limits_;
  std::map<Hop, std::vector<Idle>, ByConnection> idle_;  // the last one is the most recent
  std::size_t size_ = 0;
  bool is_sweeping_ = false;
  net::Nursery nursery_;
};

}  // namespace postern::delivery
