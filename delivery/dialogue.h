// A client's side of an SMTP connection: commands out, whole replies in, and words for what goes wrong.
#pragma once

#include <string>
#include <string_view>

#include "delivery/limits.h"
#include "delivery/next_hops.h"
#include "delivery/trouble.h"
#include "mail/reply.h"
#include "net/stream.h"

namespace postern::delivery {

class Dialogue {
 public:
  Dialogue(net::TcpSocket socket, Hop hop) : stream_(std::move(socket)), hop_(std::move(hop)) {}

  /// Writes all of `bytes`, which must live until then.
  [[nodiscard]] net::Task<net::Result<>> write(std::string_view bytes, net::Clock::duration limit);

  /// The next reply, all its lines within `limit`. The error `bad_message`: that is no SMTP.
  [[nodiscard]] net::Task<net::Result<mail::Reply>> read_reply(net::Clock::duration limit);

  /// Sends one command, given without its CRLF, and reads the reply.
  [[nodiscard]] net::Task<net::Result<mail::Reply>> ask(std::string command,
                                                        net::Clock::duration limit);

  /// Until when all that follows must be over, whatever its own limits. None: only those.
  void finish_before(net::Clock::time_point deadline) { deadline_ = deadline; }

  /// The hop said no to `command`.
  [[nodiscard]] Trouble refused(Trouble::Kind kind, std::string_view command,
                                mail::Reply reply) const;
  /// The connection failed during `step`, e.g. `EHLO`.
  [[nodiscard]] Trouble failed(Trouble::Kind kind, std::string_view step,
                               net::error_code error) const;
  /// Something else is wrong; `reply` is ours.
  [[nodiscard]] Trouble trouble(Trouble::Kind kind, mail::Reply reply) const;

  net::Stream& stream() { return stream_; }
  const net::Stream& stream() const { return stream_; }
  const Hop& hop() const { return hop_; }

 private:
  void limit_to(net::Clock::duration limit);

  net::Stream stream_;
  Hop hop_;
  net::Clock::time_point deadline_ = net::Clock::time_point::max();
};

/// In words: why an operation on a connection failed.
[[nodiscard]] std::string words_of(net::error_code error);

}  // namespace postern::delivery
