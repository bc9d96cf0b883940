#include "queue/role.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <memory>
#include <random>

#include "net/role.h"
#include "queue/control.h"
#include "queue/dispatch.h"
#include "queue/intake.h"
#include "queue/log_store.h"
#include "queue/queue.h"
#include "queue/reporter.h"

namespace postern::queue {
namespace {

// How long a drain waits for messages that are being committed. The supervisor drains this role after those that
// talk.
constexpr std::chrono::seconds longest_commit{1};
constexpr std::chrono::seconds room_interval{1};
constexpr std::chrono::seconds sweep_interval{10};

/// All parts, once the spool is open.
class Parts {
 public:
  Parts(net::Executor executor, std::unique_ptr<LogStore> store,
        const frames::QueueSettings& settings)
      : store_(std::move(store)),
        queue_(*store_, settings, Moment::now(), std::random_device()()),
        reporter_(*store_, queue_, [this] { wake(); }),
        dispatch_(*store_, queue_, reporter_),
        intake_(executor, *store_, queue_, [this] { wake(); }),
        control_(executor, *store_, queue_, reporter_, [this] { wake(); }),
        alarm_(executor),
        tasks_(executor) {
    grace_ = settings.first_retry;
    reporter_.configure(settings.hostname);
  }

  /// Reads the spool and begins to work.
  std::optional<frames::CannotStart> start() {
    std::optional<frames::CannotStart> failure = store_->recover(queue_.ledger());
    if (failure) return failure;
    queue_.start(Moment::now());
    net::log("spool-ready", {{"messages", queue_.size()}});
    tasks_.start(pump());
    tasks_.start(watch());
    return std::nullopt;
  }

  void configure(const frames::QueueSettings& settings) {
    reporter_.configure(settings.hostname);
    queue_.configure(settings, Moment::now());
    wake();
  }

  void listen(net::Fd control) { control_.listen(std::move(control)); }
  void connect_smtpd(std::uint32_t instance, net::Fd channel) {
    intake_.connect(instance, std::move(channel));
  }
  void connect_delivery(net::Fd channel) { tasks_.start(serve_delivery(std::move(channel))); }

  net::Task<> drain() {
    dispatch_.connect(nullptr, Moment::now());
    co_await intake_.drain(longest_commit);
    store_->settle_down();
    co_await store_->flushed();
  }

 private:
  using DeliveryChannel = net::Channel<frames::QueueToDelivery, frames::DeliveryToQueue>;

  void wake() { alarm_.cancel(); }

  // Should a fault of our own end this, nothing would leave any more, and nobody would know.
  std::optional<SteadyTime> lend() {
    try {
      return dispatch_.pump(Moment::now());
    } catch (const std::exception& error) {
      net::log_bug(error.what());
      std::_Exit(EX_SOFTWARE);
    }
  }

  /// Lends out what is due, whenever something changed or becomes due.
  net::Task<> pump() {
    for (;;) {
      const std::optional<SteadyTime> next = lend();
      alarm_.expires_at(next.value_or(net::Timer::time_point::max()));
      co_await alarm_.async_wait(net::as_result);
    }
  }

  net::Task<> watch() {
    // Not at once: mail that grew old while nobody served it is tried before it is given up.
    for (net::Clock::time_point next_sweep = net::Clock::now() + grace_;;) {
      intake_.check_room();
      const Moment now = Moment::now();
      if (now.steady >= next_sweep) {
        reporter_.sweep(now);
        next_sweep = now.steady + sweep_interval;
      }
      co_await net::sleep_for(room_interval);
    }
  }

  net::Task<> serve_delivery(net::Fd fd) {
    auto channel = std::make_shared<DeliveryChannel>(tasks_.executor(), std::move(fd));
    delivery_ = channel;
    dispatch_.connect([channel](frames::Lease lease) { channel->send(std::move(lease)); },
                      Moment::now());
    wake();
    for (;;) {
      net::Result<frames::DeliveryToQueue> frame = co_await channel->receive();
      if (!frame || delivery_ != channel) break;
      dispatch_.on_report(std::get<frames::Report>(*frame), Moment::now());
      wake();
    }
    if (delivery_ == channel) dispatch_.connect(nullptr, Moment::now());
  }

  std::unique_ptr<LogStore> store_;
  Queue queue_;
  Reporter reporter_;
  Dispatch dispatch_;
  Intake intake_;
  Control control_;
  net::Clock::duration grace_{};
  net::Timer alarm_;
  std::shared_ptr<DeliveryChannel> delivery_;
  net::Nursery tasks_;
};

class QueueRole {
 public:
  using Incoming = frames::ToQueue;

  explicit QueueRole(net::Executor executor) : executor_(executor) {}

  net::Task<std::optional<frames::CannotStart>> configure(frames::QueueSettings settings) {
    std::optional<frames::CannotStart> failure;
    if (!parts_) {
      failure = open(settings);
    } else {
      if (settings.directory != directory_) {
        net::log(net::Level::warning, "restart-needed", {{"for", "queue.directory"}});
      }
      parts_->configure(settings);
    }
    if (parts_ && settings.control) parts_->listen(std::move(settings.control));
    co_return failure;
  }

  void connect(frames::Peer peer) {
    if (!parts_) return;
    if (peer.role == frames::Role::smtpd) {
      parts_->connect_smtpd(peer.instance, std::move(peer.channel));
    } else if (peer.role == frames::Role::delivery) {
      parts_->connect_delivery(std::move(peer.channel));
    }
  }

  net::Task<> drain() {
    if (parts_) co_await parts_->drain();
  }

 private:
  std::optional<frames::CannotStart> open(const frames::QueueSettings& settings) {
    std::optional<frames::CannotStart> failure = try_open(settings);
    if (failure) failure->reason = settings.directory + ": " + failure->reason;
    return failure;
  }

  std::optional<frames::CannotStart> try_open(const frames::QueueSettings& settings) {
    auto opened = LogStore::open(executor_, settings.directory);
    if (auto* failure = std::get_if<frames::CannotStart>(&opened)) return std::move(*failure);
    auto& store = std::get<std::unique_ptr<LogStore>>(opened);
    auto parts = std::make_unique<Parts>(executor_, std::move(store), settings);
    std::optional<frames::CannotStart> failure = parts->start();
    if (failure) return failure;
    parts_ = std::move(parts);
    directory_ = settings.directory;
    return std::nullopt;
  }

  net::Executor executor_;
  std::string directory_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace

int run(net::Fd supervisor) {
  net::name_log("queue");
  return net::RoleLoop<QueueRole>(std::move(supervisor)).run();
}

}  // namespace postern::queue
