#include "mail/utf8.h"

#include <boost/locale/utf.hpp>

namespace postern::mail {
namespace {

bool is_control(char32_t point) { return point < 0x20 || (point >= 0x7f && point < 0xa0); }

}  // namespace

bool is_utf8_text(std::string_view text) {
  using Utf8 = boost::locale::utf::utf_traits<char>;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const boost::locale::utf::code_point point = Utf8::decode(at, end);
    if (!boost::locale::utf::is_valid_codepoint(point) || is_control(point)) return false;
  }
  return true;
}

}  // namespace postern::mail
