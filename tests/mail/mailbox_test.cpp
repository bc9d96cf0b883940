#include "mail/mailbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace postern::mail {
namespace {

using std::string_literals::operator""s;

struct Accepted {
  std::string text;
  std::string local_part;
  std::string domain;
  std::string shown;
  const char* why;
};

TEST(Mailbox, AcceptsTheGrammarOfRfc5321) {  // statement 10
  const Accepted table[] = {
      {"a@b.example", "a", "b.example", "a@b.example", "plain"},
      {"John.Q.Public@EXAMPLE.com", "John.Q.Public", "example.com", "John.Q.Public@example.com",
       "the case of a local part has meaning, that of a domain none"},
      {"!#$%&'*+-/=?^_`{|}~@x", "!#$%&'*+-/=?^_`{|}~", "x", "!#$%&'*+-/=?^_`{|}~@x",
       "all of atext"},
      {"user%dom@ours.example", "user%dom", "ours.example", "user%dom@ours.example",
       "percent has no meaning, so it routes nothing (statement 8)"},
      {"dom!user@ours.example", "dom!user", "ours.example", "dom!user@ours.example",
       "nor has a bang"},
      {R"("user@dom"@ours.example)", "user@dom", "ours.example", R"("user@dom"@ours.example)",
       "in quotes @ is a letter like others"},
      {R"("a b"@x.example)", "a b", "x.example", R"("a b"@x.example)", "a quoted space"},
      {R"("a\"b\\c"@x.example)", R"(a"b\c)", "x.example", R"("a\"b\\c"@x.example)", "escapes"},
      {R"("\a\b"@x.example)", "ab", "x.example", "ab@x.example", "needless quotes and escapes go"},
      {R"("a..b"@x.example)", "a..b", "x.example", R"("a..b"@x.example)", "dots that need quotes"},
      {R"(".a"@x.example)", ".a", "x.example", R"(".a"@x.example)", "a dot that needs quotes"},
      {"u@[192.0.2.1]", "u", "[192.0.2.1]", "u@[192.0.2.1]", "address literal"},
      {"u@[ipv6:2001:DB8:0::1]", "u", "[IPv6:2001:db8::1]", "u@[IPv6:2001:db8::1]",
       "one form of many"},
      {"u@[IPv6:::ffff:192.0.2.1]", "u", "[192.0.2.1]", "u@[192.0.2.1]",
       "a mapped address is IPv4"},
      {"u@under_score.example", "u", "under_score.example", "u@under_score.example",
       "see is_label"},
      {"u@1.2.3.example", "u", "1.2.3.example", "u@1.2.3.example",
       "labels may be numbers, but the last"},
      {"u@b\xc3\xbc"
       "cher.example",
       "u", "xn--bcher-kva.example", "u@xn--bcher-kva.example", "IDN"},
      {"u@B\xc3\x9c"
       "CHER.EXAMPLE",
       "u", "xn--bcher-kva.example", "u@xn--bcher-kva.example", "case is mapped beyond ASCII too"},
      {"u@b\xc3\xbc"
       "cher\xe3\x80\x82"
       "example",
       "u", "xn--bcher-kva.example", "u@xn--bcher-kva.example",
       "the ideographic full stop is a dot (UTS 46)"},
      {"u@XN--BCHER-KVA.example", "u", "xn--bcher-kva.example", "u@xn--bcher-kva.example",
       "A-label"},
      {"u@fa\xc3\x9f.example", "u", "xn--fa-hia.example", "u@xn--fa-hia.example",
       "sharp s is a letter of its own since IDNA 2008"},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.text + ": " + row.why);
    const auto mailbox = Mailbox::parse(row.text);
    ASSERT_TRUE(mailbox) << mailbox.error().reason;
    EXPECT_EQ(mailbox->local_part(), row.local_part);
    EXPECT_EQ(mailbox->domain(), row.domain);
    EXPECT_EQ(mailbox->text(), row.shown);
    EXPECT_EQ(mailbox->has_address_literal(), row.domain.front() == '[');
    EXPECT_EQ(*Mailbox::parse(mailbox->text()), *mailbox) << "what is accepted re-parses the same";
  }
}

struct Refused {
  std::string text;
  const char* why;
};

TEST(Mailbox, RefusesAllElse) {
  const Refused table[] = {
      {"", "nothing"},
      {"user", "no domain"},
      {"@x.example", "no local part"},
      {"u@", "no domain behind the @"},
      {R"(""@x.example)", "an empty local part, quoted"},
      {"a@b@c.example", "two @ (statement 8)"},
      {"u@d@", "two @, the second domain empty"},
      {"u@@x.example", "two @"},
      {".a@x.example", "a dot in front"},
      {"a.@x.example", "a dot behind"},
      {"a..b@x.example", "two dots"},
      {"u@x..example", "an empty label"},
      {"u@.x.example", "an empty label in front"},
      {"u@x.example.", "a trailing dot"},
      {"u@-x.example", "a hyphen in front"},
      {"u@x-.example", "a hyphen behind"},
      {"a b@x.example", "a bare space"},
      {" a@x.example", "a space in front"},
      {"a@x.example ", "a space behind"},
      {"u@x example", "a space in the domain"},
      {"u@x.example\r\nRCPT TO:<v@y>", "line ends"},
      {"\"a\r\nb\"@x.example", "line ends in quotes"},
      {"\"a\\\nb\"@x.example", "an escaped line end"},
      {"a\tb@x.example", "a tab"},
      {"\"a\tb\"@x.example", "a quoted tab"},
      {"a\0b@x.example"s, "NUL in the local part"},
      {"\"a\0b\"@x.example"s, "NUL in quotes"},
      {"u@x.example\0.y"s, "NUL in the domain"},
      {"u@b\xc3\xbc.example\0.y"s, "NUL in an internationalised domain"},
      {"a\x7f@x.example", "DEL"},
      {R"("a@x.example)", "quotes not closed"},
      {R"("a\)", "an escape of nothing"},
      {R"("a"b@x.example)", "text behind the quotes"},
      {R"(a"b"@x.example)", "quotes in the middle"},
      {R"(a\@b@x.example)", "an escape without quotes"},
      {"<a@x.example>", "brackets belong to the path"},
      {"@a,@b:u@c", "a source route belongs to the path"},
      {"u@x,y", "a list"},
      {"u@x/y", "a path"},
      {"u@192.0.2.1", "an address without brackets"},
      {"u@300.1.2.3", "a number as top-level domain"},
      {"u@[192.0.2.1", "an open bracket"},
      {"u@[192.0.2.1]x", "text behind the bracket"},
      {"u@[]", "an empty literal"},
      {"u@[IPv6:]", "an empty IPv6 literal"},
      {"u@[IPv6:192.0.2.1]", "IPv4 with the tag of IPv6"},
      {"u@[2001:db8::1]", "IPv6 without its tag"},
      {"u@[192.0.2.01]", "a leading zero may be octal"},
      {"u@[192.0.513]", "a short form"},
      {"u@[0xc0000201]", "a hexadecimal form"},
      {"u@[IPv6:fe80::1%eth0]", "a zone"},
      {"u@[192.0.2.1\0]"s, "NUL in a literal"},
      {"u@[x400:c=de]", "a tag that nobody registered"},
      {"\xfc@x.example", "a local part that is no UTF-8"},
      {"\xc3@x.example", "half a character"},
      {"\xc0\xae@x.example", "an overlong form"},
      {"\xed\xa0\x80@x.example", "a surrogate"},
      {"\"\xc2\x85\"@x.example", "a control character of C1"},
      {"u@\xff.example", "no UTF-8"},
      {"u@\xef\xbc\xa0x.example", "a full-width @ maps to @"},
      {"u@\xe2\x80\xae.example", "a direction override"},
  };
  for (const auto& row : table) {
    EXPECT_FALSE(Mailbox::parse(row.text)) << row.why << ": " << row.text;
  }
}

TEST(Mailbox, KnowsWhetherItNeedsSmtputf8) {
  const auto outside = Mailbox::parse("j\xc3\xb6rg@x.example");
  ASSERT_TRUE(outside);
  EXPECT_TRUE(outside->needs_utf8());
  EXPECT_EQ(outside->text(), "j\xc3\xb6rg@x.example");
  const auto domain_only = Mailbox::parse(
      "joerg@b\xc3\xbc"
      "cher.example");
  ASSERT_TRUE(domain_only);
  EXPECT_FALSE(domain_only->needs_utf8());
}

std::string domain_of(std::size_t octets) {
  std::string domain;
  while (domain.size() + 64 < octets) domain += std::string(62, 'd') + '.';
  return domain + std::string(octets - domain.size(), 'd');
}

TEST(Mailbox, HasTheLimitsOfRfc5321) {  // statement 11
  const std::string local(max_local_part, 'a');
  EXPECT_TRUE(Mailbox::parse(local + "@x.example"));
  EXPECT_FALSE(Mailbox::parse(local + "a@x.example"));
  // Counted as it goes on the wire: two quotes more.
  EXPECT_TRUE(Mailbox::parse('"' + std::string(max_local_part - 2, ' ') + "\"@x.example"));
  EXPECT_FALSE(Mailbox::parse('"' + std::string(max_local_part - 1, ' ') + "\"@x.example"));

  EXPECT_TRUE(parse_domain(domain_of(max_domain)));
  EXPECT_FALSE(parse_domain(domain_of(max_domain + 1)));
  EXPECT_TRUE(parse_domain(std::string(63, 'd') + ".example"));
  EXPECT_FALSE(parse_domain(std::string(64, 'd') + ".example"));

  const std::size_t room = max_path - 2 - std::string("u@").size();
  EXPECT_TRUE(Mailbox::parse("u@" + domain_of(room)));
  EXPECT_FALSE(Mailbox::parse("u@" + domain_of(room + 1)));
  EXPECT_FALSE(Mailbox::parse(std::string(1'000'000, '"')));
}

TEST(Mailbox, IsMeasuredWithItsALabels) {
  // A label of three octets in UTF-8 has eight as `xn--tda.`.
  const auto domain = [](int labels) {
    std::string text = "example";
    for (int i = 0; i < labels; ++i) text.insert(0, "\xc3\xbc.");
    return text;
  };
  const std::string local(max_local_part, 'a');
  EXPECT_TRUE(Mailbox::parse(local + '@' + domain(22)));
  EXPECT_FALSE(Mailbox::parse(local + '@' + domain(23)));
  EXPECT_TRUE(parse_domain(domain(30)));
  EXPECT_FALSE(parse_domain(domain(32)));
}

TEST(ReversePath, IsShownInBrackets) {
  EXPECT_EQ(text_of(ReversePath()), "<>");
  EXPECT_EQ(text_of(ReversePath(*Mailbox::parse("A@B.example"))), "<A@b.example>");
}

TEST(Domain, TakesNoAddressLiteral) { EXPECT_FALSE(parse_domain("[192.0.2.1]")); }

struct Split {
  std::string text;
  std::string path;
  std::string parameters;
  const char* why;
};

TEST(PathArgument, IsSplitBehindItsBracket) {
  const Split table[] = {
      {"<>", "", "", "the null path (statement 5)"},
      {"<a@b>", "a@b", "", "alone"},
      {"<a@b> SIZE=1 BODY=8BITMIME", "a@b", "SIZE=1 BODY=8BITMIME", "with parameters"},
      {"<a@b>  SIZE=1  ", "a@b", "SIZE=1", "spaces around are not meant (RFC 5321, 4.1.1)"},
      {"<a@b> ", "a@b", "", "a space behind"},
      {R"(<"a>b"@c> X)", R"("a>b"@c)", "X", "a quoted bracket"},
      {R"(<"a\">b"@c>)", R"("a\">b"@c)", "", "an escaped quote does not end the quotes"},
      {R"(<a\>b>)", R"(a\)", "!", "outside quotes nothing is escaped"},
      {"<postmaster>", "postmaster", "", "no domain: not for this function to judge (statement 6)"},
      {"<@a.example,@b.example:u@c.example>", "u@c.example", "", "source route (statement 7)"},
      {"<@a:u@c>", "u@c", "", "source route of one"},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.text + ": " + row.why);
    const auto split = split_path_argument(row.text);
    if (row.parameters == "!") {
      EXPECT_FALSE(split);
      continue;
    }
    ASSERT_TRUE(split) << split.error().reason;
    EXPECT_EQ(split->path, row.path);
    EXPECT_EQ(split->parameters, row.parameters);
  }
}

TEST(PathArgument, IsRefusedWhereItIsNoPath) {
  const Refused table[] = {
      {"", "nothing"},
      {"a@b", "no brackets (statement 5)"},
      {" <a@b>", "a space in front: what is tolerated is the caller's to say"},
      {"<a@b", "not closed"},
      {R"(<"a@b>)", "quotes not closed"},
      {R"(<"a\)", "an escape of nothing"},
      {"<a@b>SIZE=1", "no space before the parameters"},
      {"<a@b>>", "two brackets"},
      {"<@a:>", "a route to nowhere would pass for the null path"},
      {"<@a>", "a route without its mailbox"},
      {"<@a,b:u@c>", "a route whose second domain has no @"},
      {"<@a,:u@c>", "a route with an empty domain"},
      {"<@:u@c>", "a route through nothing"},
      {"<@a b:u@c>", "a route with a space"},
  };
  for (const auto& row : table) {
    EXPECT_FALSE(split_path_argument(row.text)) << row.why << ": " << row.text;
  }
}

}  // namespace
}  // namespace postern::mail
