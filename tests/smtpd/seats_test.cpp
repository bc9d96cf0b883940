#include "smtpd/seats.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "smtpd/seats_memory.h"

namespace postern::smtpd {
namespace {

using Taken = std::variant<Seats::Seat, std::string_view>;

class SeatsTest : public testing::Test {
 protected:
  SeatsTest() {
    seats_->limit({3, 2});
    other_->limit({3, 2});
  }
  bool is_let_in(const char* client) { return is_let_in(client, seats_); }
  bool is_let_in(const char* client, const std::shared_ptr<Seats>& process) {
    taken_.push_back(Seats::take(process, boost::asio::ip::make_address(client)));
    return std::holds_alternative<Seats::Seat>(taken_.back());
  }

  net::Fd memory_ = seats_memory();
  std::shared_ptr<Seats> seats_ = std::make_shared<Seats>(memory_, 0);
  std::shared_ptr<Seats> other_ = std::make_shared<Seats>(memory_, 1);
  std::vector<Taken> taken_;
};

// There is room for 100,000, which mostly nobody asks for.
TEST_F(SeatsTest, TakeMemoryAsFarAsTheyAreLimited) {
  const auto pages = [this] {
    struct stat status {};
    ::fstat(memory_.get(), &status);
    return status.st_blocks * 512 / ::sysconf(_SC_PAGESIZE);
  };
  EXPECT_EQ(pages(), 1) << "how many were given";
  EXPECT_TRUE(is_let_in("192.0.2.1"));
  EXPECT_EQ(pages(), 1);
  const Seats successor(memory_, 0);
  EXPECT_EQ(pages(), 1);
}

TEST_F(SeatsTest, AreLimitedForEachClient) {
  EXPECT_TRUE(is_let_in("192.0.2.1"));
  EXPECT_TRUE(is_let_in("::ffff:192.0.2.1"));  // the same in another form
  EXPECT_FALSE(is_let_in("192.0.2.1"));
  EXPECT_TRUE(is_let_in("192.0.2.2"));
}

TEST_F(SeatsTest, AreLimitedInAll) {
  EXPECT_TRUE(is_let_in("192.0.2.1"));
  EXPECT_TRUE(is_let_in("192.0.2.2"));
  EXPECT_TRUE(is_let_in("192.0.2.3"));
  EXPECT_FALSE(is_let_in("192.0.2.4"));
}

TEST_F(SeatsTest, CountASubnetOfIpv6AsOneClient) {
  EXPECT_TRUE(is_let_in("2001:db8:1:1::1"));
  EXPECT_TRUE(is_let_in("2001:db8:1:1:ffff::2"));
  EXPECT_FALSE(is_let_in("2001:db8:1:1::3"));
  EXPECT_TRUE(is_let_in("2001:db8:1:2::1"));
}

TEST_F(SeatsTest, AreFreeAgainWhenTheirConnectionGoes) {
  EXPECT_TRUE(is_let_in("192.0.2.1"));
  EXPECT_TRUE(is_let_in("192.0.2.1"));
  taken_.clear();
  EXPECT_TRUE(is_let_in("192.0.2.1"));
  EXPECT_TRUE(is_let_in("192.0.2.1"));
  EXPECT_FALSE(is_let_in("192.0.2.1"));
}

TEST_F(SeatsTest, AreLimitedOverAllProcessesTogether) {
  EXPECT_TRUE(is_let_in("192.0.2.1"));
  EXPECT_TRUE(is_let_in("192.0.2.1", other_));
  EXPECT_FALSE(is_let_in("192.0.2.1"));
  EXPECT_FALSE(is_let_in("192.0.2.1", other_));
  EXPECT_TRUE(is_let_in("192.0.2.2", other_));
  EXPECT_FALSE(is_let_in("192.0.2.3"));
}

TEST_F(SeatsTest, OfAProcessThatDiedAreFreeForItsSuccessor) {
  EXPECT_TRUE(is_let_in("192.0.2.1"));
  EXPECT_TRUE(is_let_in("192.0.2.1", other_));
  EXPECT_FALSE(is_let_in("192.0.2.1"));
  const auto successor = std::make_shared<Seats>(memory_, 1);
  successor->limit({3, 2});
  EXPECT_TRUE(is_let_in("192.0.2.1", successor)) << "what the dead one held is free";
  EXPECT_FALSE(is_let_in("192.0.2.1")) << "what the living one holds is not";
}

// Whatever a compromised process writes there.
TEST_F(SeatsTest, AreNoMoreThanTheMemoryHas) {
  const std::uint64_t all = ~std::uint64_t{0};
  ASSERT_EQ(::pwrite(memory_.get(), &all, sizeof(all), 0), static_cast<ssize_t>(sizeof(all)));
  EXPECT_TRUE(is_let_in("192.0.2.1"));
  EXPECT_TRUE(is_let_in("192.0.2.1", other_));
  EXPECT_FALSE(is_let_in("192.0.2.1"));
  const auto successor = std::make_shared<Seats>(memory_, 1);
  EXPECT_TRUE(is_let_in("192.0.2.1"));
}

TEST_F(SeatsTest, ShowAProcessThatHasMoreThanItsShare) {
  for (const auto& process : {seats_, other_}) process->limit({100, 100, 2});
  for (std::uint64_t i = 0; i <= 2 * Seats::leeway; ++i) {
    EXPECT_FALSE(seats_->has_more_than_its_share()) << i;
    EXPECT_TRUE(is_let_in("192.0.2.1"));
  }
  EXPECT_TRUE(seats_->has_more_than_its_share());
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(is_let_in("192.0.2.1", other_));
  EXPECT_FALSE(other_->has_more_than_its_share());
  EXPECT_TRUE(is_let_in("192.0.2.1"));
  EXPECT_FALSE(seats_->has_more_than_its_share()) << "the other has a part in it now";
}

}  // namespace
}  // namespace postern::smtpd
