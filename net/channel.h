// A channel: typed frames over a Unix stream socket between two processes, with descriptors attached where a frame has one.
// On the wire: length of the payload (4 bytes, little-endian), number of descriptors (1 byte), payload (`net/codec.h`).
//
// What is sent in one turn of the loop leaves in one write. A frame that cannot be decoded, is over `max_frame` or lacks its
// descriptors ends the channel: it is logged, and the other side sees the end of its socket. Between two roles it ends this
// process too: nobody would introduce the two again, but the supervisor starts a role that ended, and introduces it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/codec.h"
#include "net/fd.h"
#include "net/task.h"

namespace postern::net {

inline constexpr std::size_t max_frame = 1024 * 1024;

/// Bytes and descriptors, without a view of what they mean. `Channel` is its typed face.
class FrameSocket {
 public:
  struct Frame {
    std::string_view payload;  // valid until the next `receive`
    std::vector<Fd> fds;
  };

  FrameSocket(Executor executor, Fd socket);
  FrameSocket(const FrameSocket&) = delete;
  FrameSocket& operator=(const FrameSocket&) = delete;
  ~FrameSocket();

  /// Where to append a frame's payload; `end_frame` closes it.
  std::string& begin_frame();
  void end_frame(std::vector<Fd> fds);

  [[nodiscard]] Task<> drained();
  [[nodiscard]] Task<Result<Frame>> receive();
  void close();
  bool is_open() const;

  /// User id and process id of the other end (SO_PEERCRED).
  [[nodiscard]] std::pair<unsigned, int> peer() const;

 private:
  struct State;
  std::shared_ptr<State>
      state_;  // shared with the operations under way, which may end after the socket is gone
};

/// The two ends of a new connected pair of sockets, both close-on-exec.
[[nodiscard]] std::pair<Fd, Fd> socket_pair();

/// False for frames that come from people's programs: their faults end nothing but their own channel.
template <class In>
inline constexpr bool is_between_roles = true;

/// Said once by the process of a role. Others (tests, commands) survive a bad frame.
void end_process_at_bad_frames();
void on_bad_frame(std::string_view type, bool is_from_role);

template <class Out, class In>
class Channel {
 public:
  Channel(Executor executor, Fd socket) : socket_(executor, std::move(socket)) {}

  /// Puts a frame into the outgoing buffer. On a channel that has ended it does nothing.
  void send(Out frame) {
    std::vector<Fd> fds;
    Encoder(socket_.begin_frame(), &fds).put(frame);
    socket_.end_frame(std::move(fds));
  }

  /// Waits while much is still unsent, or until the channel ends: how a slow reader slows down the source.
  [[nodiscard]] Task<> drained() { return socket_.drained(); }

  /// The next frame; an error: the channel has ended.
  [[nodiscard]] Task<Result<In>> receive() {
    Result<FrameSocket::Frame> frame = co_await socket_.receive();
    if (!frame) {
      if (frame.error() == boost::system::errc::bad_message) on_bad_frame();
      co_return frame.error();
    }
    Decoder decoder(frame->payload, frame->fds);
    In in = decoder.get_new<In>();
    if (!decoder.is_whole() || decoder.has_fds_left()) {
      close();
      on_bad_frame();
      co_return make_error_code(boost::system::errc::bad_message);
    }
    co_return in;
  }

  void close() { socket_.close(); }
  bool is_open() const { return socket_.is_open(); }
  [[nodiscard]] std::pair<unsigned, int> peer() const { return socket_.peer(); }

 private:
  static void on_bad_frame() { net::on_bad_frame(typeid(In).name(), is_between_roles<In>); }

  FrameSocket socket_;
};

}  // namespace postern::net
