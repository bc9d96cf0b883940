#include "mail/report_text.h"

#include <algorithm>
#include <utility>

namespace postern::mail {
namespace {

constexpr std::size_t longest_word = 900;  // leaves room on its line for what stands in front

}  // namespace

std::string lines(std::initializer_list<std::string_view> all) {
  std::string out;
  for (auto line : all) out.append(line).append(crlf);
  return out;
}

std::string wrapped(std::string line, std::string_view text, std::string_view indent) {
  std::string out;
  while (!text.empty()) {
    const auto word = text.substr(0, std::min(text.find(' '), longest_word));
    text.remove_prefix(word.size());
    if (text.starts_with(' ')) text.remove_prefix(1);
    if (word.empty()) continue;
    if (line.size() + 1 + word.size() > aimed_line) {
      out.append(std::exchange(line, std::string(indent))).append(crlf);
    }
    if (!line.empty() && !line.ends_with(' ')) line += ' ';
    line += word;
  }
  return out.append(line).append(crlf);
}

}  // namespace postern::mail
