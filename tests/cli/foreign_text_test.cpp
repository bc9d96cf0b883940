#include "foreign_text.h"

#include <gtest/gtest.h>

namespace postern::cli {
namespace {

struct Row {
  const char* why;
  std::string_view text;
  std::string_view printed;
  std::string_view json;
};

const Row rows[] = {
    {"plain", "550 no", "550 no", "\"550 no\""},
    {"escape sequences", "a\x1b[31m\x07\x7f", "a?[31m??", "\"a\\u001b[31m\\u0007\\u007f\""},
    {"C1, with which some terminals begin sequences, too",
     "\xc2\x9b"
     "31m",
     "?31m", "\"\\u009b31m\""},
    {"lines and tabs", "a\r\n\tb", "a\n\tb", "\"a\\u000d\\u000a\\u0009b\""},
    {"quotes", "\"\\", "\"\\", "\"\\\"\\\\\""},
    {"UTF-8", "\xc3\xa4\xf0\x9f\x93\xae", "\xc3\xa4\xf0\x9f\x93\xae",
     "\"\xc3\xa4\xf0\x9f\x93\xae\""},
    {"right to left from here on", "a\xe2\x80\xaegpj", "a?gpj", "\"a\xe2\x80\xaegpj\""},
    {"Latin-1", "\xe4q", "?q", "\"\\ufffdq\""},
    {"cut within a character", "\xc3", "?", "\"\\ufffd\""},
    {"a surrogate", "\xed\xa0\x80", "???", "\"\\ufffd\\ufffd\\ufffd\""},
    {"NUL", std::string_view("\0x", 2), "?x", "\"\\u0000x\""},
};

TEST(ForeignText, DoesNoHarmWhereItIsShown) {
  for (const auto& [why, text, printed, json] : rows) {
    SCOPED_TRACE(why);
    EXPECT_EQ(printable(text), printed);
    EXPECT_EQ(json_string(text), json);
  }
}

}  // namespace
}  // namespace postern::cli
