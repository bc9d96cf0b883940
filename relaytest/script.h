// What one probe says at one door: a trick with its placeholders filled in. Values only; `Conversation` speaks it, and
// `--dry-run` prints it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "relaytest/catalogue.h"
#include "relaytest/run.h"

namespace postern::relaytest {

/// The values of the placeholders (catalogue.h) for one door.
class Placeholders {
 public:
  Placeholders(const Run& run, const Door& door);

  /// Throws std::logic_error at a placeholder that there is none of.
  [[nodiscard]] std::string fill(std::string_view text) const;

 private:
  std::vector<std::pair<std::string_view, std::string>> values_;
};

/// Commands are without their CRLF; empty: not said.
struct Script {
  Kind kind = Kind::message;
  bool is_rude = false;
  bool starttls = false;
  bool chunking = false;
  std::string preface;  // octets as they are
  std::string hello;
  std::string tls_hello;            // before STARTTLS, which only EHLO tells of
  std::string behind_starttls;      // octets as they are
  std::vector<std::string> claims;  // `|`: only where the one before was answered 334
  std::string mail;
  std::string also_rcpt;
  std::string rcpt;
  std::string question;
  std::string
      content;  // with line ends and final dot, as it goes out behind DATA; for BDAT without the dot
};

/// `probe` is one of `door`'s, `door` one of `run`'s.
[[nodiscard]] Script script_of(const Run& run, const Door& door, const ProbeResult& probe,
                               const Trick& trick, system_clock::time_point now);

/// What stands behind MAIL FROM: and RCPT TO: .
struct Paths {
  std::string from;
  std::string to;
};
[[nodiscard]] Paths paths_of(const Run& run, const Door& door, const Trick& trick);

}  // namespace postern::relaytest
