#include "net/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>

#include "net/frames.h"

namespace postern::net {
namespace {

using Near = Channel<frames::SmtpdToQueue, frames::QueueToSmtpd>;
using Far = Channel<frames::QueueToSmtpd, frames::SmtpdToQueue>;

struct Pair {
  asio::io_context loop{one_thread};
  std::pair<Fd, Fd> fds = socket_pair();
  Nursery nursery{loop.get_executor()};

  /// Runs `task` until the loop has nothing left to do.
  void run(Task<> task) {
    nursery.start(std::move(task));
    loop.run();
  }
};

mail::Envelope some_envelope() {
  mail::Envelope envelope = mail::envelope_of_report(*mail::Mailbox::parse("a@b.example"));
  envelope.origin.helo = "client.example";
  return envelope;
}

Task<> read_all(Far& far, std::vector<frames::SmtpdToQueue>& got, std::size_t count) {
  while (got.size() < count) {
    auto frame = co_await far.receive();
    if (!frame) co_return;
    got.push_back(std::move(*frame));
  }
}

TEST(Channel, BringsFramesInOrderAndWhole) {
  Pair pair;
  Near near(pair.loop.get_executor(), std::move(pair.fds.first));
  Far far(pair.loop.get_executor(), std::move(pair.fds.second));
  near.send(frames::Open{mail::MessageId(7), some_envelope()});
  for (int i = 0; i < 100; ++i)
    near.send(frames::Chunk{mail::MessageId(7), std::string(60'000, 'x')});
  near.send(frames::Commit{mail::MessageId(7)});
  std::vector<frames::SmtpdToQueue> got;
  pair.run(read_all(far, got, 102));
  ASSERT_EQ(got.size(), 102U);
  EXPECT_EQ(std::get<frames::Open>(got.front()).envelope.origin.helo, "client.example");
  EXPECT_EQ(std::get<frames::Open>(got.front()).envelope.recipients.front().mailbox.text(),
            "a@b.example");
  EXPECT_EQ(std::get<frames::Chunk>(got[50]).bytes.size(), 60'000U);
  EXPECT_EQ(std::get<frames::Commit>(got.back()).id, mail::MessageId(7));
}

Task<> write_slowly(int fd, std::string bytes, std::size_t piece) {
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const std::string_view part = std::string_view(bytes).substr(at, piece);
    EXPECT_EQ(::send(fd, part.data(), part.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(part.size()));
    co_await sleep_for(std::chrono::microseconds(1));  // lets the reader see this piece alone
  }
  ::shutdown(fd, SHUT_WR);
}

std::string as_wire(const frames::SmtpdToQueue& frame) {
  const std::string payload = encode(frame);
  std::string wire;
  Encoder(wire).put(static_cast<std::uint32_t>(payload.size()));
  return wire + '\0' + payload;
}

TEST(Channel, PutsFramesTogetherFromAnyPieces) {
  const std::string wire = as_wire(frames::Open{mail::MessageId(7), some_envelope()}) +
                           as_wire(frames::Chunk{mail::MessageId(7), "content"});
  for (std::size_t piece = 1; piece < wire.size(); piece += 7) {
    Pair pair;
    Far far(pair.loop.get_executor(), std::move(pair.fds.second));
    std::vector<frames::SmtpdToQueue> got;
    pair.nursery.start(write_slowly(pair.fds.first.get(), wire, piece));
    pair.run(read_all(far, got, 2));
    ASSERT_EQ(got.size(), 2U) << piece;
    EXPECT_EQ(std::get<frames::Chunk>(got[1]).bytes, "content");
  }
}

TEST(Channel, BringsWhatCameRightBeforeTheEnd) {
  const std::string wire = as_wire(frames::Commit{mail::MessageId(7)});
  Pair pair;
  Far far(pair.loop.get_executor(), std::move(pair.fds.second));
  ASSERT_EQ(::send(pair.fds.first.get(), wire.data(), wire.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(wire.size()));
  pair.fds.first = Fd();
  std::vector<frames::SmtpdToQueue> got;
  pair.run(read_all(far, got, 2));
  EXPECT_EQ(got.size(), 1U);
  EXPECT_FALSE(far.is_open());
}

struct BadBytes {
  std::string bytes;
  const char* why;
};

TEST(Channel, EndsAtWhatIsNoFrame) {
  const std::string chunk = as_wire(frames::Chunk{mail::MessageId(7), "content"});
  std::string wrong_kind = chunk;
  wrong_kind[5] = '\x7f';
  std::string long_text = chunk;
  long_text[5 + 1 + 8] = '\x7f';
  std::string left_over = chunk + "x";
  left_over[0] = static_cast<char>(left_over[0] + 1);
  std::string wants_descriptor = chunk;
  wants_descriptor[4] = '\1';
  const BadBytes rows[] = {
      {std::string("\xff\xff\xff\x7f\0", 5), "a length over the limit"},
      {wrong_kind, "an alternative that does not exist"},
      {long_text, "a text longer than its frame"},
      {left_over, "a byte that is left over"},
      {wants_descriptor, "a descriptor that is not there"},
      {chunk.substr(0, chunk.size() - 1), "an end in the middle"},
      {std::string("\0\0\0\0\0", 5), "an empty payload"},
  };
  for (const BadBytes& row : rows) {
    SCOPED_TRACE(row.why);
    Pair pair;
    Far far(pair.loop.get_executor(), std::move(pair.fds.second));
    std::vector<frames::SmtpdToQueue> got;
    pair.nursery.start(write_slowly(pair.fds.first.get(), row.bytes, row.bytes.size()));
    pair.run(read_all(far, got, 1));
    EXPECT_TRUE(got.empty());
    EXPECT_FALSE(far.is_open());
  }
}

TEST(Channel, ClosesDescriptorsThatNoFrameAsksFor) {
  Pair pair;
  FrameSocket near(pair.loop.get_executor(), std::move(pair.fds.first));
  Far far(pair.loop.get_executor(), std::move(pair.fds.second));
  auto [given, end] = socket_pair();
  near.begin_frame() += encode(frames::SmtpdToQueue(frames::Commit{mail::MessageId(7)}));
  std::vector<Fd> fds;
  fds.push_back(std::move(given));
  near.end_frame(std::move(fds));
  std::vector<frames::SmtpdToQueue> got;
  pair.run(read_all(far, got, 1));
  EXPECT_TRUE(got.empty()) << "a frame with a descriptor that its kind does not have";
  char byte = 0;
  EXPECT_EQ(::recv(end.get(), &byte, 1, MSG_DONTWAIT), 0)
      << "the other end of a closed descriptor reads its end";
}

Task<> take_peers(Channel<frames::ToSupervisor, frames::ToQueue>& role, std::vector<Fd>& got,
                  std::size_t count) {
  while (got.size() < count) {
    auto frame = co_await role.receive();
    if (!frame) co_return;
    got.push_back(std::move(std::get<frames::Peer>(*frame).channel));
  }
}

TEST(Channel, HandsOverMoreDescriptorsThanOneMessageHolds) {
  Pair pair;
  Channel<frames::ToQueue, frames::ToSupervisor> supervisor(pair.loop.get_executor(),
                                                            std::move(pair.fds.first));
  Channel<frames::ToSupervisor, frames::ToQueue> role(pair.loop.get_executor(),
                                                      std::move(pair.fds.second));
  constexpr std::size_t count = 300;
  struct stat wanted {};
  for (std::size_t i = 0; i < count; ++i) {
    Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ::fstat(null.get(), &wanted);
    supervisor.send(frames::Peer{frames::Role::smtpd, 0, std::move(null)});
  }
  std::vector<Fd> got;
  pair.run(take_peers(role, got, count));
  ASSERT_EQ(got.size(), count);
  for (const Fd& fd : got) {
    struct stat is {};
    ASSERT_EQ(::fstat(fd.get(), &is), 0);
    EXPECT_EQ(is.st_ino, wanted.st_ino);
    EXPECT_TRUE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) << "would be inherited by accident";
  }
}

Task<> send_and_wait(Near& near, bool& is_done) {
  for (int i = 0; i < 40; ++i)
    near.send(frames::Chunk{mail::MessageId(7), std::string(frames::max_chunk, 'x')});
  co_await near.drained();
  is_done = true;
}

TEST(Channel, MakesTheSourceWaitForASlowReader) {
  Pair pair;
  Near near(pair.loop.get_executor(), std::move(pair.fds.first));
  bool is_done = false;
  pair.nursery.start(send_and_wait(near, is_done));
  pair.loop.poll();
  EXPECT_FALSE(is_done);
  {
    Far far(pair.loop.get_executor(), std::move(pair.fds.second));
    std::vector<frames::SmtpdToQueue> got;
    pair.loop.restart();
    pair.run(read_all(far, got, 40));
    EXPECT_EQ(got.size(), 40U);
  }
  EXPECT_TRUE(is_done);
}

TEST(Channel, LetsTheSourceGoWhenTheReaderDies) {
  Pair pair;
  Near near(pair.loop.get_executor(), std::move(pair.fds.first));
  bool is_done = false;
  pair.nursery.start(send_and_wait(near, is_done));
  pair.loop.poll();
  pair.fds.second = Fd();
  pair.loop.restart();
  pair.loop.run();
  EXPECT_TRUE(is_done);
}

}  // namespace
}  // namespace postern::net
