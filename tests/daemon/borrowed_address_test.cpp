#include "daemon/borrowed_address.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/machine.h"

namespace postern::daemon {
namespace {

bool is_here(const mail::IpAddress& address) {
  return std::ranges::count(this_machine().addresses, address) > 0;
}

TEST(BorrowedAddress, IsThereForAsLongAsItIsHeld) {
  for (const char* text : {"198.51.100.253", "2001:db8:5eff::7"}) {
    SCOPED_TRACE(text);
    const mail::IpAddress address = mail::parse_address(text).value();
    std::string why;
    auto borrowed = BorrowedAddress::borrow(address, std::chrono::seconds(30), why);
    if (!borrowed) GTEST_SKIP() << why;  // not root, or a container without CAP_NET_ADMIN
    EXPECT_TRUE(is_here(address));

    EXPECT_FALSE(BorrowedAddress::borrow(address, std::chrono::seconds(30), why));
    EXPECT_NE(why.find("exists"), why.npos) << why;
    EXPECT_TRUE(is_here(address)) << "who is refused takes nothing away";

    const BorrowedAddress moved = std::move(*borrowed);
    borrowed.reset();
    EXPECT_TRUE(is_here(address)) << "it goes with its last owner";
  }
  EXPECT_FALSE(is_here(mail::parse_address("198.51.100.253").value()));
  EXPECT_FALSE(is_here(mail::parse_address("2001:db8:5eff::7").value()));
}

}  // namespace
}  // namespace postern::daemon
