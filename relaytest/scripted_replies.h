// What `postern catch` is told to answer instead of yes: `--reply rcpt=451:3` refuses the first three recipients.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/parsed.h"

namespace postern::relaytest {

/// Where a server answers. `content` is the reply to the final dot.
enum class Step : std::uint8_t { connect, ehlo, mail, rcpt, data, content };

class ScriptedReplies {
 public:
  static constexpr int hang_up = 0;  // in place of a code: no reply at all, the connection ends

  /// `STEP=CODE` for always, `STEP=CODE:TIMES` for the first so many; CODE is 400 to 599, or `drop`. Several for one step come
  /// one after another.
  [[nodiscard]] mail::Parsed<bool> add(std::string_view text);

  /// The code for the next answer at this step; nothing: it goes the usual way.
  [[nodiscard]] std::optional<int> next(Step step);

 private:
  struct Script {
    Step step;
    int code;
    std::optional<std::uint64_t> times;  // left; nothing: always
  };
  std::vector<Script> scripts_;
};

}  // namespace postern::relaytest
