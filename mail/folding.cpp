#include "mail/folding.h"

#include <algorithm>

namespace postern::mail {
namespace {

constexpr std::string_view crlf = "\r\n";
constexpr std::string_view white = " \t";
constexpr std::size_t wanted_line = 78;  // RFC 5322, 2.1.1

// The white space to fold `line` at: the last one that leaves at most `wanted_line` octets in front of it, else the first.
// Never in front of the first word (a line of white space only would be no folding), nor behind the last.
std::size_t fold_at(std::string_view line, std::size_t first_word) {
  std::size_t best = std::string_view::npos;
  for (auto at = line.find_first_of(white, first_word); at != std::string_view::npos;) {
    const auto word = line.find_first_not_of(white, at);
    if (word == std::string_view::npos) break;
    if (at > wanted_line && best != std::string_view::npos) break;
    best = at;
    at = line.find_first_of(white, word);
  }
  return best;
}

// False: a word is too long.
bool fold_line(std::string_view line, std::string& out) {
  while (line.size() > wanted_line) {
    const auto first_word = std::min(line.find_first_not_of(white), line.size());
    const auto at = fold_at(line, first_word);
    if (at == std::string_view::npos) break;
    if (at > max_line) return false;
    out.append(line.substr(0, at)).append(crlf);
    line.remove_prefix(at);
  }
  out.append(line).append(crlf);
  return line.size() <= max_line;
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find(crlf);
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + crlf.size());
  return line;
}

}  // namespace

bool has_long_line(std::string_view text) {
  while (text.size() > max_line) {
    if (take_line(text).size() > max_line) return true;
  }
  return false;
}

std::optional<std::string> refold(std::string_view field) {
  std::string folded;
  while (!field.empty()) {
    const auto line = take_line(field);
    if (line.size() <= max_line) {
      folded.append(line).append(crlf);
    } else if (!fold_line(line, folded)) {
      return std::nullopt;
    }
  }
  return folded;
}

}  // namespace postern::mail
