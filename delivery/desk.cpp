#include "delivery/desk.h"

#include "net/log.h"

namespace postern::delivery {
namespace {

// How often a drain looks again: those that just heard the reply to their final dot are to end then, too.
constexpr std::chrono::milliseconds drain_step{20};

}  // namespace

net::Task<> Desk::serve() {
  for (;;) {
    net::Result<frames::QueueToDelivery> frame = co_await channel_.receive();
    if (!frame) break;
    auto& lease = std::get<frames::Lease>(*frame);
    if (is_draining_ || !setup_ || leases_.size() >= max_leases) {
      hand_back(lease, is_draining_ ? "shutting down" : "too many leases");
    } else {
      leases_.start(work(setup_, std::move(lease)));
    }
  }
  leases_.cancel();
  co_await leases_.join();
}

net::Task<> Desk::work(std::shared_ptr<const Setup> setup, frames::Lease lease) {
  Attempt attempt(*setup, resources_, std::move(lease));
  try {
    co_await attempt.run();
  } catch (const boost::system::system_error& error) {
    if (error.code() == net::asio::error::operation_aborted) {
      attempt.stop(frames::Hindrance::aborted, "shutting down");
    } else {
      attempt.give_up(error.what());
    }
  } catch (const std::exception& error) {
    attempt.give_up(error.what());
  }
  channel_.send(attempt.take_report());
}

void Desk::hand_back(const frames::Lease& lease, std::string why) {
  frames::Report report;
  report.lease = lease.lease;
  report.hindrance = frames::Hindrance::aborted;
  report.hindrance_text = std::move(why);
  channel_.send(std::move(report));
}

net::Task<> Desk::drain() {
  is_draining_ = true;
  const auto deadline = net::Clock::now() + drain_limit;
  do {
    leases_.cancel();                     // passes over those behind their final dot
    co_await net::sleep_for(drain_step);  // and lets the channel write the reports
  } while (leases_.size() > 0 && net::Clock::now() < deadline);
}

}  // namespace postern::delivery
