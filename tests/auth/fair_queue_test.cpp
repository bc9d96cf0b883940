#include "auth/fair_queue.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>

namespace postern::auth {
namespace {

class FairQueueTest : public testing::Test {
 protected:
  /// Takes a turn, notes it, and holds it until `let_go` says so.
  static net::Task<> hold(FairQueueTest& test, FairQueue& queue, std::string source, int turns) {
    std::optional<FairQueue::Turn> turn = co_await queue.take(source);
    test.order_ += turn ? source : "-";
    net::Timer next(test.loop_, net::Timer::time_point::max());
    for (int i = 0; turn && i < turns; ++i) {
      test.holding_.push_back(&next);
      co_await next.async_wait(net::as_result);
    }
  }
  void want(FairQueue& queue, const std::string& source, int count = 1) {
    for (int i = 0; i < count; ++i) nursery_.start(hold(*this, queue, source, 1));
    run();
  }
  /// The first of those who have a turn gives it back.
  void let_go() {
    net::Timer* const timer = holding_.front();
    holding_.erase(holding_.begin());
    timer->cancel();
    run();
  }
  void run() {
    loop_.restart();
    loop_.poll();
  }

  net::asio::io_context loop_{1};
  net::Nursery nursery_{loop_.get_executor()};
  std::vector<net::Timer*> holding_;
  std::string order_;
};

TEST_F(FairQueueTest, RotatesBetweenSources) {
  FairQueue queue({1, 1, 100});
  want(queue, "a", 5);
  want(queue, "b", 2);
  want(queue, "c", 1);
  while (!holding_.empty()) let_go();
  EXPECT_EQ(order_, "abcabaaa") << "who comes last with one waits for one of each";
  EXPECT_EQ(queue.taken(), 0U);
  EXPECT_EQ(nursery_.size(), 0U);
}

TEST_F(FairQueueTest, GivesNoSourceMoreThanItsShare) {
  FairQueue queue({4, 2, 2});
  want(queue, "a", 10);
  EXPECT_EQ(order_, "aa------") << "two have turns, two wait, the others are turned away";
  want(queue, "b", 1);
  EXPECT_EQ(order_, "aa------b") << "there are places for others";
  while (!holding_.empty()) let_go();
  EXPECT_EQ(order_, "aa------baa");
}

TEST_F(FairQueueTest, ServesWhoComesBackAfterItsLineWasEmpty) {
  FairQueue queue({1, 1, 1});
  for (int i = 0; i < 3; ++i) {
    want(queue, "a");
    let_go();
  }
  EXPECT_EQ(order_, "aaa");
}

TEST_F(FairQueueTest, BearsThatThoseWhoWaitGoAway) {
  FairQueue queue({1, 1, 100});
  want(queue, "a");
  want(queue, "b", 3);
  net::asio::post(loop_, [this] { nursery_.cancel(); });
  run();
  EXPECT_EQ(queue.taken(), 0U);
  EXPECT_EQ(nursery_.size(), 0U);
  order_.clear();
  holding_.clear();
  want(queue, "b");
  EXPECT_EQ(order_, "b");
  let_go();
}

}  // namespace
}  // namespace postern::auth
