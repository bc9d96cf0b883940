// What every role has in common: its channel to the supervisor, and the channels to other roles that it is handed.
#pragma once

#include <malloc.h>
#include <signal.h>
#include <sysexits.h>

#include <memory>
#include <string>
#include <utility>

#include "net/channel.h"
#include "net/frames.h"
#include "net/log.h"
#include "net/task.h"

namespace postern::net {

/// Runs one role in this process until the supervisor says Drain and `draining` is done, or its channel ends.
///
/// `R` is the role: a class with
///   using Incoming = ...;                    // frames::ToSmtpd, ...
///   R(Executor executor)
///   Task<std::optional<frames::CannotStart>> configure(Settings)   // the first alternative of Incoming
///   void connect(frames::Peer)               // a new channel to another role; the one before it has ended
///   Task<> drain()                           // take nothing on, finish what must be finished
template <class R>
class RoleLoop {
 public:
  using Settings = std::variant_alternative_t<0, typename R::Incoming>;

  explicit RoleLoop(Fd supervisor)
      : channel_(loop_.get_executor(), std::move(supervisor)), role_(loop_.get_executor()) {}

  int run() {
    // Signals are for the supervisor: it tells the roles what to do, in the right order.
    end_process_at_bad_frames();
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
    Nursery nursery(loop_.get_executor());
    nursery.start(listen());
    loop_.run();
    return exit_code_;
  }

 private:
  // Without this conversation a role is deaf: whatever ends it ends the process, and the supervisor starts another.
  Task<> listen() {
    try {
      co_await obey();
    } catch (const std::exception& error) {
      log_bug(error.what());
      exit_code_ = EX_SOFTWARE;
    }
    loop_.stop();
  }

  Task<> obey() {
    for (;;) {
      Result<typename R::Incoming> frame = co_await channel_.receive();
      if (!frame) break;  // the supervisor is gone
      if (auto* settings = std::get_if<Settings>(&*frame)) {
        std::optional<frames::CannotStart> failure = co_await role_.configure(std::move(*settings));
        if (failure) {
          channel_.send(std::move(*failure));
        } else {
          ::malloc_trim(0);  // gives back what only reading the settings needed
          channel_.send(frames::Ready{});
        }
      } else if (auto* peer = std::get_if<frames::Peer>(&*frame)) {
        role_.connect(std::move(*peer));
      } else {
        co_await role_.drain();
        break;
      }
    }
  }

  asio::io_context loop_{one_thread};
  Channel<frames::ToSupervisor, typename R::Incoming> channel_;
  R role_;
  int exit_code_ = EX_OK;
};

}  // namespace postern::net
