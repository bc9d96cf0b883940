#include "mail/dsn_text.h"

#include <gtest/gtest.h>

namespace postern::mail {
namespace {

TEST(DsnText, WritesTheKeywordsOfRfc3461) {  // statement 86
  EXPECT_EQ(text_of(Return::unsaid), "");
  EXPECT_EQ(text_of(Return::full), "FULL");
  EXPECT_EQ(text_of(Return::headers), "HDRS");
  EXPECT_EQ(text_of(Notify{}), "");
  EXPECT_EQ(text_of(Notify{.never = true}), "NEVER");
  EXPECT_EQ(text_of(Notify{.success = true}), "SUCCESS");
  EXPECT_EQ(text_of(Notify{.failure = true, .delay = true}), "FAILURE,DELAY");
  EXPECT_EQ(text_of(Notify{.success = true, .failure = true, .delay = true}),
            "SUCCESS,FAILURE,DELAY");
}

TEST(Xtext, EncodesAndDecodes) {  // statement 88
  struct Row {
    std::string_view plain;
    std::string_view encoded;
  };
  const Row table[] = {
      {"", ""},
      {"bob@b.example", "bob@b.example"},
      {"bob+tag=x@b.example", "bob+2Btag+3Dx@b.example"},
      {"\"a b\"@b.example", "\"a+20b\"@b.example"},
      {std::string_view("\0\r\n\x7f\xff", 5), "+00+0D+0A+7F+FF"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(to_xtext(row.plain), row.encoded);
    EXPECT_EQ(from_xtext(row.encoded), row.plain);
  }
}

TEST(Xtext, ThatIsMalformedStaysAsItIs) {
  for (const char* text : {"+", "a+", "+2", "+2b", "+G0", "++"}) EXPECT_EQ(from_xtext(text), text);
}

TEST(EmbeddedUnicode, IsAsciiWhateverItIsGiven) {  // RFC 6533, 3
  struct Row {
    const char* why;
    std::string_view text;
    std::string_view ascii;
  };
  const Row table[] = {
      {"ASCII stays, what is encoded already too", "a+b=\\x{E9} c", "a+b=\\x{E9} c"},
      {"two octets", "caf\xc3\xa9", "caf\\x{E9}"},
      {"three octets", "\xe7\x94\xa8", "\\x{7528}"},
      {"four octets", "\xf0\x9f\x93\xa7", "\\x{1F4E7}"},
      {"no UTF-8: a lone octet, one that is cut off, one too long", "\x80|\xc3|\xe7\x94",
       "\\x{FFFD}|\\x{FFFD}|\\x{FFFD}"},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(with_embedded_unicode(row.text), row.ascii);
  }
}

TEST(OriginalRecipient, IsMadeOfAMailbox) {  // RFC 3461, 5.2.1
  EXPECT_EQ(original_of(*Mailbox::parse("Bob@B.example")), "rfc822;Bob@b.example");
  EXPECT_EQ(original_of(*Mailbox::parse("bob+tag@b.example")), "rfc822;bob+2Btag@b.example");
  EXPECT_EQ(original_of(*Mailbox::parse("\"a b\"@b.example")), "rfc822;\"a+20b\"@b.example");
  EXPECT_EQ(original_of(*Mailbox::parse("j\xc3\xb6rg+x=@b.example")),
            "utf-8;j\\x{F6}rg\\x{2B}x\\x{3D}@b.example");
}

}  // namespace
}  // namespace postern::mail
