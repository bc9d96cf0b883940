// What operators see of the queue, and who may keep it busy.
#include <gmock/gmock.h>

#include <fstream>

#include "control_bench.h"
#include "queue/selection.h"

namespace postern::queue {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

mail::Envelope by_login(const std::string& login, mail::Envelope made) {
  made.origin.login = login;
  return made;
}

struct FilterTest : ControlTest {
  FilterTest() {
    pass(-2h);
    accept(1, by_login("alice", envelope("alice@from.example", {"b@to.example", "c@two.example"})));
    pass(2h);
    accept(2, envelope("", {"alice@from.example"}));
    accept(3, by_login("bob", envelope("Bob@from.example", {"d@to.example", "B@to.example"})));
  }
};

// Statement 53. A filter on recipient, domain or state concerns only those recipients.
TEST_F(FilterTest, MeansWhatMeetsAllOfIt) {
  struct Row {
    const char* why;
    frames::QueueFilter filter;
    std::vector<std::string> meant;
  };
  const std::string b = "1:b@to.example", c = "1:c@two.example", report = "2:alice@from.example",
                    d = "3:d@to.example", big = "3:B@to.example";
  using M = mail::MessageId;
  const Row rows[] = {
      {"nothing said", {}, {b, c, report, d, big}},
      {"ids, oldest first, each once",
       {{M(3), M(1), M(3)}, {}, {}, {}, {}, {}, {}, {}},
       {b, c, d, big}},
      {"sender", {{}, "alice@from.example", {}, {}, {}, {}, {}, {}}, {b, c}},
      {"sender, with the case of its local part",
       {{}, "bob@from.example", {}, {}, {}, {}, {}, {}},
       {}},
      {"null sender", {{}, "<>", {}, {}, {}, {}, {}, {}}, {report}},
      {"recipient", {{}, {}, "b@TO.example", {}, {}, {}, {}, {}}, {b}},
      {"domain", {{}, {}, {}, "to.example", {}, {}, {}, {}}, {b, d, big}},
      {"login", {{}, {}, {}, {}, "bob", {}, {}, {}}, {d, big}},
      {"state", {{}, {}, {}, {}, {}, RecipientState::held, {}, {}}, {}},
      {"older", {{}, {}, {}, {}, {}, {}, 1h, {}}, {b, c}},
      {"newer", {{}, {}, {}, {}, {}, {}, {}, 1h}, {report, d, big}},
      {"all together",
       {{M(1), M(3)}, {}, {}, "to.example", "alice", RecipientState::waiting, 1h, 3h},
       {b}},
      {"an age that nothing has", {{}, {}, {}, {}, {}, {}, 3h, 1h}, {}},
  };
  for (const auto& [why, filter, meant] : rows) {
    SCOPED_TRACE(why);
    const ControlAnswer listed = ask(frames::QueueList{filter});
    EXPECT_EQ(listed.recipients(), meant);
    EXPECT_EQ(listed.done.error, "");
    act(QueueAction::hold, filter);
    std::vector<std::string> held;
    frames::QueueFilter of_held;
    of_held.state = RecipientState::held;
    EXPECT_EQ(ask(frames::QueueList{of_held}).recipients(), meant) << "an action means the same";
    act(QueueAction::release);
  }
}

TEST_F(FilterTest, TellsHowManyOthersAMessageHas) {
  const auto listed = ask(frames::QueueList{to_domain("two.example")});
  ASSERT_THAT(listed.parts, SizeIs(1));
  EXPECT_THAT(listed.parts[0].recipients, SizeIs(1));
  EXPECT_THAT(listed.parts[0].envelope.recipients, SizeIs(2));
}

TEST_F(FilterTest, IsRefusedWhereItIsNone) {
  frames::QueueFilter filter;
  filter.sender = "no address";
  EXPECT_THAT(ask(frames::QueueList{filter}).done.error, HasSubstr("sender"));
  filter.sender.clear();
  filter.recipient = "no address";
  EXPECT_THAT(act(QueueAction::remove, filter).done.error, HasSubstr("recipient"));
  EXPECT_EQ(queue.size(), 3U);
}

TEST_F(FilterTest, NamesAnIdThatIsNotThereAndDoesTheRest) {
  frames::QueueFilter filter;
  filter.ids = {mail::MessageId(77), mail::MessageId(1), mail::MessageId(78)};
  const auto answer = act(QueueAction::remove, filter);
  EXPECT_EQ(answer.done.count, 1U);
  EXPECT_THAT(answer.done.error, HasSubstr("no such message"));
  EXPECT_THAT(answer.done.error, HasSubstr("1 more"));
  EXPECT_EQ(queue.size(), 2U);
}

TEST_F(ControlTest, HidesNoneOfManyRecipients) {
  std::vector<std::string> many;
  for (int i = 0; i < 1001; ++i) many.push_back("u" + std::to_string(i) + "@to.example");
  accept(1, envelope("a@from.example", many));
  EXPECT_THAT(ask(frames::QueueList{}).recipients(), SizeIs(1001));
  const auto shown = show(1);
  EXPECT_EQ(shown.recipients().back(), "1:u1000@to.example");
  EXPECT_EQ(shown.done.count, 1U);
  const auto held = act(QueueAction::hold);
  EXPECT_THAT(held.recipients(), SizeIs(1001));
  EXPECT_EQ(held.done.count, 1U);
}

TEST_F(ControlTest, ShowsEveryAttemptWithTheRemotesWords) {
  accept(1, envelope("a@from.example", {"b@to.example", "c@to.example"}));
  report(lent().front(), {later, later});
  act(QueueAction::hold);
  act(QueueAction::release);
  report(lent().front(), {{452, {4, 3, 1}, "full"}, later});
  const auto shown = show(1);
  std::vector<std::string> said;
  for (const auto& part : shown.parts) {
    for (const auto& attempt : part.attempts)
      said.push_back(std::to_string(attempt.recipient) + " " + std::to_string(attempt.attempts) +
                     " " + attempt.remote + " " + attempt.reply);
  }
  const std::string mx = "mx.to.example[192.0.2.1]:25 ";
  EXPECT_THAT(
      said, ElementsAre("0 1 " + mx + "451 4.2.0 greylisted", "1 1 " + mx + "451 4.2.0 greylisted",
                        "0 2 " + mx + "452 4.3.1 full", "1 2 " + mx + "451 4.2.0 greylisted"));
  EXPECT_EQ(shown.parts[0].header, "From: a@from.example\r\nSubject: hello\r\n");
}

TEST_F(ControlTest, TellsWhyAndUntilWhenADestinationPauses) {
  accept(1);
  report(lent().front(), {}, Hindrance::unreachable);
  accept(2);  // which was not tried
  const auto listed = ask(frames::QueueList{});
  ASSERT_THAT(listed.parts, SizeIs(2));
  for (const auto& part : listed.parts) {
    EXPECT_THAT(part.recipients[0].last_answer, HasSubstr("the reason"));
    EXPECT_EQ(part.recipients[0].remote, "") << "these words are ours";
    EXPECT_GT(part.recipients[0].next_attempt, now.wall + 30s);
  }
}

TEST_F(ControlTest, GivesTheContentAsItIs) {
  const std::string large = content + std::string(300 * 1024, 'x') + "\r\n.\r\n";
  accept(1);
  accept(2, envelope("a@from.example", {"b@to.example"}), large);
  EXPECT_EQ(ask(frames::QueueShow{mail::MessageId(1), true}).content, content);
  const auto answer = ask(frames::QueueShow{mail::MessageId(2), true});
  EXPECT_TRUE(answer.content == large);
  EXPECT_EQ(answer.done.error, "");
}

TEST_F(ControlTest, SaysThatContentIsDamaged) {
  accept(1, envelope("a@from.example", {"b@to.example"}), content + std::string(300 * 1024, 'x'));
  std::fstream file(directory.path() / (mail::MessageId(1).text() + ".msg"),
                    std::ios::in | std::ios::out);
  ASSERT_TRUE(file.seekp(200'000));
  file.put('y').flush();
  EXPECT_THAT(ask(frames::QueueShow{mail::MessageId(1), true}).done.error, HasSubstr("damaged"));
}

// What memory knows of it is shown, and it can be thrown away.
TEST_F(ControlTest, ListsAndDeletesAMessageThatIsDamagedOnDisk) {
  accept(1);
  accept(2);
  const std::string segment = files_in(directory.path(), ".log").at(0);
  std::ifstream reader(directory.path() / segment);
  const std::string log{std::istreambuf_iterator<char>(reader), {}};
  std::fstream file(directory.path() / segment, std::ios::in | std::ios::out);
  ASSERT_TRUE(file.seekp(static_cast<std::streamoff>(log.find("hello"))));
  file.put('y').flush();
  const auto listed = ask(frames::QueueList{});
  EXPECT_THAT(listed.recipients(), ElementsAre("1:?@to.example", "2:b@to.example"));
  EXPECT_EQ(listed.done.count, 2U);
  EXPECT_THAT(listed.done.error, HasSubstr("damaged"));
  EXPECT_EQ(show(1).recipients(), std::vector<std::string>{"1:?@to.example"});
  EXPECT_THAT(act(QueueAction::bounce, only(1)).done.error, HasSubstr("damaged"));
  EXPECT_EQ(act(QueueAction::remove, only(1)).done.count, 1U);
  EXPECT_EQ(queue.size(), 1U);
}

TEST_F(ControlTest, EndsAClientWhoseFrameIsNoneAndServesTheOthers) {
  accept(1);
  const net::Fd bad = connected_socket();
  const std::string nonsense = std::string("\x05\0\0\0\0", 5) + "\x63nons";
  ASSERT_EQ(::send(bad.get(), nonsense.data(), nonsense.size(), 0), 10);
  EXPECT_EQ(ask(frames::QueueList{}).done.count, 1U);
  char byte = 0;
  EXPECT_EQ(::recv(bad.get(), &byte, 1, MSG_DONTWAIT), 0) << "it was sent away";
}

TEST_F(ControlTest, MakesRoomBySendingAwayWhoLetsItWait) {
  accept(1);
  std::vector<net::Fd> silent;
  for (std::size_t i = 0; i < max_control_clients; ++i) silent.push_back(connected_socket());
  const auto asked = net::Clock::now();
  EXPECT_EQ(ask(frames::QueueList{}).done.count, 1U);
  EXPECT_GE(net::Clock::now() - asked, patience) << "not before they had their time";
  char byte = 0;
  EXPECT_EQ(::recv(silent[0].get(), &byte, 1, MSG_DONTWAIT), 0) << "who waited longest went";
  EXPECT_LT(::recv(silent[15].get(), &byte, 1, MSG_DONTWAIT), 0) << "the others stay";
}

// Its answer is made no further than what the socket and one buffer take: what goes meanwhile is not in it.
TEST_F(ControlTest, HoldsLittleForAClientThatDoesNotRead) {
  std::vector<std::string> many;
  for (int i = 0; i < 1000; ++i) many.push_back(std::to_string(i) + "@to.example");
  for (std::uint64_t id = 1; id <= 40; ++id) accept(id, envelope("a@from.example", many));
  Channel lazy(spool.loop.get_executor(), connected_socket());
  lazy.send(frames::QueueList{});
  EXPECT_EQ(act(QueueAction::remove, only(40)).done.count, 1U) << "others are served meanwhile";
  ControlAnswer all;
  bool is_over = false;
  boost::asio::co_spawn(spool.loop, read(lazy, all, is_over), boost::asio::detached);
  while (!is_over && spool.loop.run_one_for(20s) > 0) {
  }
  EXPECT_EQ(all.done.count, 39U) << "and it gets the rest once it reads";
}

// Mail that is held is never given up, however old; but who asks for what is new does not mean it.
TEST_F(ControlTest, MeansTheAgeSinceMailWasAcceptedOverRestartsToo) {
  Queue again{*spool.store, settings(), now, 1};
  const mail::MessageId id(5);
  again.ledger().on_message(
      id, {envelope("a@from.example", {"b@to.example"}), now.wall - 720h, 0, 0, false, {}});
  again.ledger().on_update({id, {{0, RecipientState::held, 1, now.wall, {}}}, false});
  again.start(now);
  const auto is_meant = [&](std::chrono::hours least, std::optional<std::chrono::seconds> most) {
    frames::QueueFilter filter;
    filter.min_age = least;
    filter.max_age = most;
    return Selection::of(filter)->may_mean(*again.ledger().find(id), now);
  };
  EXPECT_FALSE(is_meant(0h, 119h));
  EXPECT_TRUE(is_meant(168h, std::nullopt));
}

// Its id was made while the clock was a year ahead, in an earlier life: what came in since has smaller ones.
TEST_F(ControlTest, FindsOldMailBehindYoungMail) {
  const auto id_of = [](WallTime time) { return mail::MessageIdMaker(1).next(time); };
  const auto head_of = [](WallTime time) {
    return MessageHead{envelope("a@from.example", {"b@to.example"}), time, 0, 0, false, {}};
  };
  Queue again{*spool.store, settings(), now, 1};
  const WallTime ahead = now.wall + 8760h;
  again.ledger().on_message(id_of(ahead), head_of(ahead));
  again.start(now);
  pass(200h);
  again.add(id_of(now.wall), head_of(now.wall), now);
  EXPECT_EQ(again.overdue(now, 100).expired, std::vector{id_of(ahead)});
}

}  // namespace
}  // namespace postern::queue
