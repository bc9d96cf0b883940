#include "relaytest/utf8_text.h"

#include <boost/locale/utf.hpp>

namespace postern::relaytest {

std::string as_utf8(std::string_view text) {
  using Utf8 = boost::locale::utf::utf_traits<char>;
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char* behind = text.data();
    const auto point = Utf8::decode(behind, text.data() + text.size());
    if (boost::locale::utf::is_valid_codepoint(point)) {
      out.append(text.data(), behind);
      text.remove_prefix(static_cast<std::size_t>(behind - text.data()));
    } else {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace postern::relaytest
