#include "queue/window.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::queue {
namespace {

using Failure = Window::Failure;

// A window at work, in one letter each: `l` one more is lent, `s` the oldest is served, `f` it fails, `x` it ends for
// another reason. What comes of it: how many are lent, and how large it is; or that the destination is dead.
class Bench {
 public:
  std::string run(const std::string& steps) {
    for (const char step : steps) {
      if (step == 'l') lend();
      if (step == 's') ++oldest_, window.served(limit);
      if (step == 'x') ++oldest_, window.ended_for_another_reason();
      if (step == 'f' && window.failed(oldest_++) == Failure::dead) return "dead";
    }
    return std::to_string(window.running()) + " of " + std::to_string(window.size());
  }
  void lend() {
    ASSERT_TRUE(window.has_room(limit)) << "at number " << last_ + 1;
    window.lend(++last_);
  }
  void fill() {
    while (window.has_room(limit)) lend();
  }

  Window window;
  std::uint32_t limit = 20;

 private:
  std::uint64_t last_ = 0;
  std::uint64_t oldest_ = 1;
};

TEST(Window, FollowsWhatItsDestinationBears) {
  const struct {
    const char* why;
    const char* steps;
    const char* state;
  } rows[] = {
      {"five at first", "lllll", "5 of 5"},
      {"one more for each success", "lllllss", "3 of 7"},
      {"hardly used, it does not grow", "ls", "0 of 5"},
      {"half of what was under way", "lllllsllf", "5 of 3"},
      {"those lent before are the same failure", "lllllsllfff", "3 of 3"},
      {"one success is enough for it to live", "lllllfffs", "1 of 2"},
      {"all fail at the first contact: dead", "lllllfffff", "dead"},
      {"one fails at the first contact: dead", "lf", "dead"},
      {"it lived: one more chance", "lslf", "0 of 1"},
      {"which fails: dead", "lslflf", "dead"},
      {"what ended for another reason decides nothing", "lllllffffx", "0 of 1"},
      {"but the next does", "lllllffffxlf", "dead"},
      {"beyond the threshold, one for a whole window", "lllllsllfss", "3 of 3"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(Bench().run(row.steps), row.state);
  }
}

TEST(Window, LendsOneProbeAfterAFailureUntilSomethingIsServed) {
  Bench bench;
  bench.fill();
  for (int i = 0; i < 30; ++i) (void)bench.run("s"), bench.fill();
  ASSERT_EQ(bench.run(""), "20 of 20");
  ASSERT_EQ(bench.run("ffffffffffff"), "8 of 10");
  bench.fill();
  EXPECT_EQ(bench.run(""), "9 of 10") << "not two more at what may be dead";
  EXPECT_EQ(bench.run("s"), "8 of 10");
  bench.fill();
  EXPECT_EQ(bench.run(""), "10 of 10");
}

TEST(Window, GrowsLinearlyBeyondItsThreshold) {
  Bench bench;
  bench.fill();
  for (int i = 0; i < 30; ++i) (void)bench.run("s"), bench.fill();
  (void)bench.run("f");  // 10 from now on
  for (int i = 0; i < 10; ++i) (void)bench.run("s"), bench.fill();
  const auto size = bench.window.size();
  EXPECT_GE(size, 10U);
  EXPECT_LE(size, 11U);
  for (int i = 0; i < 12; ++i) (void)bench.run("s"), bench.fill();
  EXPECT_GE(bench.window.size(), size + 1);
  EXPECT_LE(bench.window.size(), size + 2);
}

TEST(Window, NeverGrowsBeyondTheLimitNorFallsBelowOne) {
  Bench bench;
  bench.limit = 2;
  bench.fill();
  EXPECT_EQ(bench.window.running(), 2U);
  for (int i = 0; i < 50; ++i) (void)bench.run("s"), bench.fill();
  EXPECT_EQ(bench.window.running(), 2U);
  Bench other;
  for (int i = 0; i < 10; ++i) (void)other.run("lslf");
  EXPECT_TRUE(other.window.has_room(20));
}

}  // namespace
}  // namespace postern::queue
