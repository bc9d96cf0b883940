#include "password_prompt.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "auth/password.h"
#include "net/fd.h"

namespace postern::cli {
namespace {

constexpr char interrupt = '\x03';  // Ctrl-C

/// The terminal, showing nothing of what is typed until this goes.
class SilentTerminal {
 public:
  explicit SilentTerminal(int fd) : fd_(fd) {
    if (::tcgetattr(fd, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    silent.c_cc[VEOL] =
        interrupt;  // read as the end of a line: killed by it, we would leave the terminal mute
    is_silent_ = ::tcsetattr(fd, TCSAFLUSH, &silent) == 0;
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  ~SilentTerminal() {
    if (is_silent_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }

  bool is_silent() const { return is_silent_; }

 private:
  int fd_;
  termios before_{};
  bool is_silent_ = false;
};

/// One byte after the other, so that nothing behind the line is taken. Nothing: an error, or a line that is too long.
std::optional<auth::Secret> read_line(int fd) {
  std::string line;
  line.reserve(auth::max_password + 1);  // never moved, so never left behind
  for (;;) {
    char byte = 0;
    const ssize_t n = ::read(fd, &byte, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 || byte == '\n') break;
    if (n < 0 || byte == interrupt || line.size() > auth::max_password) {
      auth::wipe(line);
      return std::nullopt;
    }
    line += byte;
  }
  return auth::secret_from(line);
}

std::optional<auth::Secret> ask(int terminal, const std::string& question) {
  if (::write(terminal, question.data(), question.size()) < 0) return std::nullopt;
  auto answer = read_line(terminal);
  if (::write(terminal, "\n", 1) < 0) return std::nullopt;
  return answer;
}

}  // namespace

AskedPassword ask_password(const std::string& name) {
  const net::Fd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal)
    return NoPassword{"there is no terminal to ask on: use --password-stdin or --generate"};
  const SilentTerminal silence(terminal.get());
  if (!silence.is_silent())
    return NoPassword{"the terminal cannot hide a password: use --password-stdin or --generate"};
  auto first = ask(terminal.get(), fmt::format("Password for {}: ", name));
  if (!first) return NoPassword{"no password was given"};
  const auto second = ask(terminal.get(), "The same again: ");
  if (!second || second->view() != first->view())
    return NoPassword{"the two passwords differ: try again"};
  return std::move(*first);
}

AskedPassword read_password_line() {
  auto line = read_line(STDIN_FILENO);
  if (!line)
    return NoPassword{
        fmt::format("standard input has no line of at most {} bytes", auth::max_password)};
  return std::move(*line);
}

}  // namespace postern::cli
