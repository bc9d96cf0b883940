// Where the leases of one queue arrive, are worked on side by side, and leave as reports.
#pragma once

#include <memory>

#include "delivery/attempt.h"
#include "net/channel.h"
#include "net/frames.h"

namespace postern::delivery {

class Desk {
 public:
  /// Serves over `channel` until it ends; then all that is under way is given up, for the queue that lent it has gone.
  Desk(net::Executor executor, Resources resources, net::Fd channel)
      : resources_(resources), channel_(executor, std::move(channel)), leases_(executor) {}

  /// What leases that come from now on are worked on with.
  void use(std::shared_ptr<const Setup> setup) { setup_ = std::move(setup); }

  [[nodiscard]] net::Task<> serve();

  /// Takes no more leases. Those behind their final dot may finish, for `drain_limit` at most; all others are handed back.
  [[nodiscard]] net::Task<> drain();

 private:
  net::Task<> work(std::shared_ptr<const Setup> setup, frames::Lease lease);
  void hand_back(const frames::Lease& lease, std::string why);

  Resources resources_;
  std::shared_ptr<const Setup> setup_;
  net::Channel<frames::DeliveryToQueue, frames::QueueToDelivery> channel_;
  bool is_draining_ = false;
  net::Nursery leases_;
};

}  // namespace postern::delivery
