#include "delivery/role.h"

#include <sysexits.h>

#include <optional>
#include <variant>

#include "delivery/desk.h"
#include "delivery/setup.h"
#include "net/log.h"
#include "net/role.h"

namespace postern::delivery {
namespace {

class Delivery {
 public:
  using Incoming = frames::ToDelivery;

  explicit Delivery(net::Executor executor)
      : executor_(executor), auth_(executor), pool_(executor, TimeLimits{}), desks_(executor) {}

  net::Task<std::optional<frames::CannotStart>> configure(frames::DeliverySettings settings) {
    auto setup = setup_of(executor_, settings);
    if (!setup) co_return frames::CannotStart{EX_CONFIG, setup.error()};
    setup_ = *setup;
    if (desk_) desk_->use(setup_);
    co_return std::nullopt;
  }

  void connect(frames::Peer peer) {
    if (peer.role == frames::Role::auth) {
      auth_.connect(std::move(peer.channel));
    } else if (peer.role == frames::Role::queue) {
      desk_ = std::make_shared<Desk>(executor_, Resources{auth_, pool_, random_},
                                     std::move(peer.channel));
      desk_->use(setup_);
      desks_.start(serve(desk_));
    } else {
      net::log_bug("delivery was handed a channel that it has no use for");
    }
  }

  net::Task<> drain() {
    if (desk_) co_await desk_->drain();
    pool_.close();
  }

 private:
  // The desk of a queue that has gone lives until its last lease has ended.
  static net::Task<> serve(std::shared_ptr<Desk> desk) { co_await desk->serve(); }

  net::Executor executor_;
  Random random_{std::random_device{}()};
  std::shared_ptr<const Setup> setup_;
  AuthDesk auth_;
  Pool pool_;
  std::shared_ptr<Desk> desk_;
  net::Nursery desks_;
};

}  // namespace

int run(net::Fd supervisor) {
  net::name_log("delivery");
  net::RoleLoop<Delivery> loop(std::move(supervisor));
  return loop.run();
}

}  // namespace postern::delivery
