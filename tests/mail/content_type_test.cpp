#include "mail/content_type.h"

#include <gtest/gtest.h>

namespace postern::mail {
namespace {

TEST(ContentType, IsReadAsFarAsItMatters) {
  const struct {
    std::string value;
    ContentType type;
    const char* why;
  } rows[] = {
      {" text/html; charset=utf-8", {"text", "html"}, "plain"},
      {" (a (b) \\) c) TEXT (d)/(e) HTML (f)", {"text", "html"}, "comments, upper case"},
      {"multipart/mixed; boundary=abc", {"multipart", "mixed", "abc"}, "a token"},
      {"multipart/mixed;\r\n\tBoundary = \"a b\\\"c\" ; x=y",
       {"multipart", "mixed", "a b\"c"},
       "quoted, folded"},
      {"multipart/mixed; charset=\"; boundary=x\"; boundary=y",
       {"multipart", "mixed", "y"},
       "quoted elsewhere"},
      {"multipart/mixed; x; boundary=y", {"multipart", "mixed", "y"}, "a parameter without value"},
      {"multipart/mixed; boundary=a; boundary=b", {"multipart", "mixed", "a"}, "the first of two"},
      {"multipart/mixed; boundary=" + std::string(70, 'x'),
       {"multipart", "mixed", std::string(70, 'x')},
       "longest"},
      {"multipart/mixed; boundary=" + std::string(71, 'x'),
       {"multipart", "mixed"},
       "too long (RFC 2046, 5.1.1)"},
      {"multipart/mixed; boundary=\"a \"",
       {"multipart", "mixed"},
       "it must not end in white space"},
      {"multipart/mixed; boundary=\"\"", {"multipart", "mixed"}, "empty"},
      {"", {}, "nothing"},
      {"text", {}, "no subtype (RFC 2045, 5.2)"},
      {"/html", {}, "no type"},
      {"text/(", {}, "no end"},
      {"multipart/mixed; boundary=\"a", {"multipart", "mixed", "a"}, "quotes that do not end"},
  };
  for (const auto& row : rows) EXPECT_EQ(parse_content_type(row.value), row.type) << row.why;
}

TEST(TransferEncoding, IsReadWithoutRegardToCase) {
  using enum TransferEncoding;
  EXPECT_EQ(parse_transfer_encoding(""), identity);
  EXPECT_EQ(parse_transfer_encoding(" 7bit"), identity);
  EXPECT_EQ(parse_transfer_encoding("8BIT (x)"), identity);
  EXPECT_EQ(parse_transfer_encoding("\r\n\tbinary"), identity);
  EXPECT_EQ(parse_transfer_encoding("Quoted-Printable"), quoted_printable);
  EXPECT_EQ(parse_transfer_encoding("(x)base64"), base64);
  EXPECT_EQ(parse_transfer_encoding("x-uuencode"), unknown);
  EXPECT_EQ(parse_transfer_encoding("7bitt"), unknown);
}

}  // namespace
}  // namespace postern::mail
