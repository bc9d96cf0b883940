#include "mail/address_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::mail {
namespace {

using testing::ElementsAreArray;

std::vector<std::string> texts(const std::vector<ListedAddress>& addresses) {
  std::vector<std::string> all;
  for (const auto& address : addresses) all.push_back(address.text);
  return all;
}

TEST(AddressList, IsTakenApartAndQualified) {  // statement 41
  const struct {
    std::string value;
    std::vector<std::string> texts;
    std::string qualified;  // empty: nothing changes
    const char* why;
  } rows[] = {
      {"", {}, "", "nobody"},
      {" a@b.example", {"a@b.example"}, "", "one"},
      {" Bob", {"Bob"}, " Bob@d.example", "a bare name (statement 41)"},
      {" bob ,\r\n\talice\r\n ",
       {"bob", "alice"},
       " bob@d.example ,\r\n\talice@d.example\r\n ",
       "folded: the white space stays where it was"},
      {"Bob <bob>, a@b.example, <carol> (c)",
       {"bob", "a@b.example", "carol"},
       "Bob <bob@d.example>, a@b.example, <carol@d.example> (c)",
       "some have a domain"},
      {"bob (Bob (B) \\) Smith)",
       {"bob"},
       "bob@d.example (Bob (B) \\) Smith)",
       "a comment for a name"},
      {"bob(x)@(y)b.example(z)", {"bob@b.example"}, "", "comments anywhere"},
      {"\"Smith, <Bob>\" <bob@b.example>", {"bob@b.example"}, "", "quoted specials mean nothing"},
      {"\"bob smith\"@b.example, \"o\\\"x\"",
       {"\"bob smith\"@b.example", "\"o\\\"x\""},
       "\"bob smith\"@b.example, \"o\\\"x\"@d.example",
       "quoted local parts"},
      {"\"bob\r\n smith\"@b.example", {"\"bob smith\"@b.example"}, "", "folded in quotes"},
      {"=?utf-8?Q?B=C3=B6b?= =?utf-8?B?w7Y=?= <bob>",
       {"bob"},
       "=?utf-8?Q?B=C3=B6b?= =?utf-8?B?w7Y=?= <bob@d.example>",
       "encoded words"},
      {"=?utf-8?Q?Smith,_Bob?= <b@b.example>",
       {"=?utf-8?Q?Smith", "b@b.example"},
       "",
       "half an encoded word is never a name"},
      {"John Q. Public <j@b.example>", {"j@b.example"}, "", "a dot in a display name"},
      {"j@b.example <j@b.example>", {"j@b.example"}, "", "an unquoted address as display name"},
      {"Staff: bob, Al <al@b.example>; eve",
       {"bob", "al@b.example", "eve"},
       "Staff: bob@d.example, Al <al@b.example>; eve@d.example",
       "a group"},
      {"undisclosed-recipients:;", {}, "", "a group of nobody"},
      {", a@b.example,, c ,",
       {"a@b.example", "c"},
       ", a@b.example,, c@d.example ,",
       "RFC 5322, 4.4: empty elements"},
      {"a@b.example; c", {"a@b.example", "c"}, "a@b.example; c@d.example", "as Outlook parts them"},
      {"a . b @ c . example", {"a.b@c.example"}, "", "RFC 5322, 4.4: spaces around dots"},
      {"a..b.@c.example", {"a..b.@c.example"}, "", "dots where they please"},
      {"a@[192.0.2.1], b@[IPv6:2001:db8::1]",
       {"a@[192.0.2.1]", "b@[IPv6:2001:db8::1]"},
       "",
       "literals"},
      {"J\xc3\xb6rg <j\xc3\xb6rg@b.example>, \xc3\xb6",
       {"j\xc3\xb6rg@b.example", "\xc3\xb6"},
       "J\xc3\xb6rg <j\xc3\xb6rg@b.example>, \xc3\xb6@d.example",
       "RFC 6532"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const auto addresses = parse_address_list(row.value);
    ASSERT_TRUE(addresses) << addresses.error().reason;
    EXPECT_THAT(texts(*addresses), ElementsAreArray(row.texts));
    EXPECT_EQ(qualify(row.value, *addresses, "d.example"),
              row.qualified.empty() ? row.value : row.qualified);
  }
}

TEST(AddressList, IsRefusedWhereReadersDisagree) {
  const std::string rows[] = {
      "Bob Smith",
      "<a@b.example> <c@d.example>",
      "<a@b.example> Bob",
      "<a@b.example",
      "a@b.example>",
      "<<a@b.example>>",
      "<>",
      "a@b@c",
      "a@",
      "@b",
      "\"a",
      "(a",
      "a)",
      "a@[b",
      "[a]",
      "a\\b",
      "<@r.example:a@b.example>",
      "G: a@b.example",
      "G: H: a@b.example;;",
      ": a;",
      "a@b.example: c;",
      "a@[b]c",
      "a b@c.example",
      "a@b c",
      "a\x01@b",
      "\"a\"b@c.example",
      "a \"b\" <",
      ".",
      "a@[192.0.2.1].b",
  };
  for (const std::string& value : rows) EXPECT_FALSE(parse_address_list(value)) << value;
}

TEST(AddressList, GetsSpacesWhereItMayBeFolded) {
  const struct {
    std::string value;
    std::string spread;
  } rows[] = {
      {"a@b,c@d, e@f,g@h", "a@b, c@d, e@f, g@h"},
      {"<a@b>,\"c,d\" <e@f>,g@h,", "<a@b>, \"c,d\" <e@f>, g@h,"},
      {"\"a,b\"@c,d", "\"a,b\"@c, d"},
      {"a@b(x,y),c@d", "a@b(x,y), c@d"},
      {"T:a@b;\"x,y\"@c,d@e", "T:a@b;\"x,y\"@c, d@e"},
      {"a@b;\"x,y\" <c@d>", "a@b;\"x,y\" <c@d>"},
      {"a@b,\"x,y\"@c", "a@b, \"x,y\"@c"},
      {"G:a,b;", "G:a, b;"},
      {"a@b;c@d,e@f", "a@b;c@d, e@f"},
      {"a", "a"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(spread(row.value, *parse_address_list(row.value)), row.spread);
}

TEST(AddressList, HasALimit) {
  std::string value;
  for (std::size_t i = 0; i < max_listed_addresses; ++i) value += "a,";
  EXPECT_EQ(parse_address_list(value)->size(), max_listed_addresses);
  EXPECT_FALSE(parse_address_list(value + 'a'));
  EXPECT_FALSE(parse_address_list(std::string(200'000, '(')));
}

}  // namespace
}  // namespace postern::mail
