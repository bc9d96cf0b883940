// The way back: which of the messages at our mailbox are ours, and of which probe.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "relaytest/catch_session.h"
#include "relaytest/run.h"

namespace postern::relaytest {

/// Looks into a message for a token of the run, and notes the return with its probe. Relayed is what carries the token in its own
/// header, in the field of its name or in Message-ID; a token that stands deeper, or in another field, was bounced or quoted.
/// True: it was one of the run's. The same message seen twice counts once.
bool note_return(Run& run, const CaughtMessage& message, system_clock::time_point at);

/// A mailbox that others fill: a maildir (with `new` and `cur`), a folder of `postern catch --directory`, or a file that
/// `postern catch --show headers` or `--show all` writes its output to. Read only, never changed.
class ReturnsElsewhere {
 public:
  /// Throws std::runtime_error, with words for the user, where it is none of these.
  explicit ReturnsElsewhere(std::filesystem::path path);

  /// Notes what is new since the last look.
  void look(Run& run);

 private:
  std::filesystem::path path_;
};

}  // namespace postern::relaytest
