#include "read_config.h"

namespace postern::daemon {
namespace {

using testing::HasSubstr;

TEST(Selftest, IsNotPointedAnywhereByMistake) {
  const BadRow rows[] = {
      {"[selftest]\nat_start = \"yes\"", 2, 12, "selftest.at_start", "text in quotes", ""},
      {"[selftest]\non_start = true", 2, 1, "selftest.on_start", "no such key", "at_start"},
      {"[selftest]\nreturns = \"2526\"", 2, 11, "selftest.returns", "no IP address",
       "127.0.0.1:2526"},
      {"[selftest]\nreturns = \"127.0.0.1:0\"", 2, 11, "selftest.returns", "port 0",
       "127.0.0.1:2526"},
      {"[selftest]\nreturns = \"192.0.2.1:2526\"", 2, 11, "selftest.returns", "not a loopback",
       "127.0.0.1:2526"},
      {"[[listener]]\naddress = \"127.0.0.1:2526\"\n[selftest]\nat_start = true\nreturns = "
       "\"127.0.0.1:2526\"",
       5, 11, "selftest.returns", "one of the listeners", "free port"},
      {"[selftest]\ntargets = \"smarthost.office.example\"", 2, 11, "selftest.targets",
       "the port is missing", "smarthost.office.example:25"},
      {"[selftest]\ntargets = [\"192.0.2.1:25\", \"a..b:25\"]", 2, 28, "selftest.targets", "a..b",
       ""},
      {"[selftest]\ntargets = \"2001:db8::1:25\"", 2, 11, "selftest.targets", "brackets", ""},
  };
  for (const BadRow& row : rows) expect_the_one_error(row, with_tls(row.text));
}

TEST(Selftest, HasAtMostSixteenTargets) {
  std::string list;
  for (int i = 0; i < 20; ++i) list += "\"192.0.2.1:" + std::to_string(i + 1) + "\", ";
  const Read result = read(with_tls("[selftest]\ntargets = [" + list + "]"));
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_THAT(result.errors[0].what, HasSubstr("16"));
}

}  // namespace
}  // namespace postern::daemon
