#include "net/channel.h"

#include <sys/socket.h>
#include <sysexits.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/container/vector.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "net/log.h"

namespace postern::net {
namespace {

constexpr std::size_t header_size = 5;
constexpr std::size_t high_water = 1024 * 1024;  // unsent bytes from which on `drained` waits
constexpr std::size_t fds_at_once = 253;         // the kernel's SCM_MAX_FD
constexpr std::size_t max_waiting_fds =
    4 * fds_at_once;  // received and not yet asked for by a frame
constexpr std::size_t read_size = 64 * 1024;
constexpr int reads_in_a_row = 16;  // then others on the loop have their turn

std::uint32_t read_length(const char* at) {
  std::uint32_t length = 0;
  for (int i = 3; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(at[i]);
  return length;
}

void write_header(char* at, std::size_t length, std::size_t fds) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<char>(length >> (8 * i) & 0xff);
  at[4] = static_cast<char>(fds);
}

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

struct FrameSocket::State : std::enable_shared_from_this<State> {
  State(Executor executor, Fd fd) : socket(executor), is_drained(executor) {
    is_drained.expires_at(Timer::time_point::max());
    socket.assign(asio::local::stream_protocol(), fd.release());
    socket.native_non_blocking(true);
  }

  std::size_t unsent() const { return out.size() - sent; }

  void schedule_flush() {
    if (is_flushing || !socket.is_open()) return;
    is_flushing = true;
    asio::post(socket.get_executor(), [self = shared_from_this()] { self->flush(); });
  }

  void flush() {
    while (socket.is_open() && unsent() > 0) {
      if (!send_some()) return;  // goes on when the socket can be written again
    }
    is_flushing = false;
    out.clear();
    sent = 0;
    if (out.capacity() > 4 * high_water) out.shrink_to_fit();
    is_drained.cancel();
  }

  /// False: the socket is full.
  bool send_some() {
    // Descriptors travel with the first byte that follows them, so they arrive before the end of their frame.
    const std::size_t fd_count = std::min(out_fds.size(), fds_at_once);
    iovec bytes{out.data() + sent, out_fds.size() > fds_at_once ? 1 : unsent()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * fds_at_once)> control;
    if (fd_count > 0) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
      for (std::size_t i = 0; i < fd_count; ++i) {
        const int fd = out_fds[i].get();
        std::memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(int));
      }
    }
    const ssize_t n = ::sendmsg(socket.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
      out_fds.erase(out_fds.begin(), out_fds.begin() + static_cast<std::ptrdiff_t>(fd_count));
    } else if (would_block(errno)) {
      if (sent > high_water) {
        out.erase(0, sent);
        sent = 0;
      }
      socket.async_wait(UnixSocket::wait_write,
                        [self = shared_from_this()](error_code) { self->flush(); });
      return false;
    } else if (errno != EINTR) {
      close();
    }
    return true;
  }

  /// Reads what is there; EAGAIN as `try_again`.
  error_code read_some() {
    if (begin > 0) {  // what is left is a frame's front, or nothing
      std::copy(in.data() + begin, in.data() + end, in.data());
      end -= begin;
      begin = 0;
    }
    const std::size_t wanted = end >= header_size ? header_size + read_length(in.data()) : 0;
    in.resize(std::max({in.size(), end + read_size, wanted}), boost::container::default_init);
    iovec bytes{in.data() + end, in.size() - end};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * fds_at_once)> control;
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t n = ::recvmsg(socket.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) return {errno == EINTR ? EAGAIN : errno, boost::system::system_category()};
    take_fds(message);
    if (n == 0) return asio::error::eof;
    end += static_cast<std::size_t>(n);
    has_left_room = end < in.size();
    if (in_fds.size() > max_waiting_fds) return make_error_code(boost::system::errc::bad_message);
    return {};
  }

  void take_fds(msghdr& message) {
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        in_fds.emplace_back(fd);
      }
    }
  }

  /// The next frame, where it is complete. An error: it never will be.
  Result<std::optional<Frame>> take_frame() {
    if (end - begin < header_size) return std::optional<Frame>();
    const std::size_t length = read_length(in.data() + begin);
    const auto fd_count = static_cast<unsigned char>(in[begin + 4]);
    if (length > max_frame) return make_error_code(boost::system::errc::bad_message);
    if (end - begin < header_size + length) return std::optional<Frame>();
    if (in_fds.size() < fd_count) return make_error_code(boost::system::errc::bad_message);
    Frame frame;
    frame.payload = std::string_view(in.data() + begin + header_size, length);
    for (int i = 0; i < fd_count; ++i) {
      frame.fds.push_back(std::move(in_fds.front()));
      in_fds.pop_front();
    }
    begin += header_size + length;
    return std::optional<Frame>(std::move(frame));
  }

  void close() {
    error_code ignored;
    socket.close(ignored);
    out.clear();
    sent = 0;
    out_fds.clear();
    is_drained.cancel();
  }

  static Task<Result<Frame>> receive(std::shared_ptr<State> self) {
    while (self->socket.is_open()) {
      if (self->reads >= reads_in_a_row) {
        self->reads = 0;
        co_await asio::post(self->socket.get_executor(), asio::use_awaitable_t<Executor>{});
        continue;
      }
      Result<std::optional<Frame>> frame = self->take_frame();
      error_code error = frame ? error_code() : frame.error();
      if (frame && *frame) co_return std::move(**frame);
      if (!error && std::exchange(self->has_left_room, false)) {
        error = asio::error::would_block;  // no need to ask: whatever is there, the wait sees it
      } else if (!error) {
        error = self->read_some();
        ++self->reads;
      }
      if (error == asio::error::would_block || error == asio::error::try_again) {
        auto [waited] = co_await self->socket.async_wait(UnixSocket::wait_read, as_result);
        error = waited;
        self->reads = 0;
      }
      if (error) {
        self->close();
        co_return error;
      }
    }
    co_return asio::error::eof;
  }

  UnixSocket socket;
  std::string out;
  std::size_t sent = 0;
  std::size_t frame_start = 0;
  std::deque<Fd> out_fds;
  bool is_flushing = false;
  Timer is_drained;
  // Never filled ahead: what no frame has reached takes no memory.
  boost::container::vector<char> in;
  std::size_t begin = 0;  // frames not yet taken are in[begin, end)
  std::size_t end = 0;
  int reads = 0;               // since the loop had a turn
  bool has_left_room = false;  // the last read left room: mostly, nothing was behind it
  std::deque<Fd> in_fds;
};

FrameSocket::FrameSocket(Executor executor, Fd socket)
    : state_(std::make_shared<State>(executor, std::move(socket))) {}

FrameSocket::~FrameSocket() { state_->close(); }

std::string& FrameSocket::begin_frame() {
  state_->frame_start = state_->out.size();
  state_->out.append(header_size, '\0');
  return state_->out;
}

void FrameSocket::end_frame(std::vector<Fd> fds) {
  State& state = *state_;
  if (!state.socket.is_open()) {
    state.out.clear();
    return;
  }
  const std::size_t length = state.out.size() - state.frame_start - header_size;
  if (length > max_frame || fds.size() > fds_at_once) {
    state.out.resize(state.frame_start);
    throw std::logic_error("a frame over its limit");
  }
  write_header(state.out.data() + state.frame_start, length, fds.size());
  for (Fd& fd : fds) state.out_fds.push_back(std::move(fd));
  state.schedule_flush();
}

Task<> FrameSocket::drained() {
  auto state = state_;
  while (state->socket.is_open() && state->unsent() > high_water) {
    co_await state->is_drained.async_wait(as_result);
  }
}

Task<Result<FrameSocket::Frame>> FrameSocket::receive() { return State::receive(state_); }

void FrameSocket::close() { state_->close(); }

bool FrameSocket::is_open() const { return state_->socket.is_open(); }

std::pair<unsigned, int> FrameSocket::peer() const {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(state_->socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) !=
      0) {
    return {~0U, 0};
  }
  return {credentials.uid, credentials.pid};
}

std::pair<Fd, Fd> socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    throw boost::system::system_error(errno, boost::system::system_category(), "socketpair");
  }
  return {Fd(fds[0]), Fd(fds[1])};
}

namespace {
bool& ends_at_bad_frames() {
  static bool ends = false;
  return ends;
}
}  // namespace

void end_process_at_bad_frames() { ends_at_bad_frames() = true; }

void on_bad_frame(std::string_view type, bool is_from_role) {
  log(Level::error, "ipc-violation", {{"conversation", type}});
  if (is_from_role && ends_at_bad_frames()) std::_Exit(EX_SOFTWARE);
}

}  // namespace postern::net
