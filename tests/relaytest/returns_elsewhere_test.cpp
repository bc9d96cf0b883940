#include "relaytest/returns_elsewhere.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "relaytest/token.h"

namespace postern::relaytest {
namespace {

namespace fs = std::filesystem;

class Elsewhere : public testing::Test {
 protected:
  Elsewhere() {
    std::string name = (fs::temp_directory_path() / "postern-returns-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
    folder_ = name;
    run_.started = system_clock::now();
    run_.doors.resize(1);
    for (int i = 0; i < 5; ++i) {
      ProbeResult probe;
      probe.token = token_of("20261122-081530-4f2a", "secret", fmt::format("0-probe{}", i));
      run_.doors[0].probes.push_back(probe);
    }
  }
  ~Elsewhere() override { fs::remove_all(folder_); }

  void make_maildir() {
    for (const char* sub : {"new", "cur", "tmp"}) fs::create_directory(folder_ / sub);
  }

  std::string message(std::size_t i) const {
    return fmt::format(
        "Return-Path: <a{}@b.example>\nX-Postern-Relay-Test: {}\nSubject: x\n\nbody\n", i,
        run_.doors[0].probes[i].token);
  }

  void write(const fs::path& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary | std::ios::app) << content;
  }

  std::size_t returns_of(std::size_t i) const { return run_.doors[0].probes[i].returns.size(); }

  fs::path folder_;
  relaytest::Run run_;
};

TEST_F(Elsewhere, AMaildirIsReadWhereMailIsNewAndWhereItWasSeen) {
  make_maildir();
  write("cur/1.a.host:2,S", message(0));
  ReturnsElsewhere elsewhere(folder_);
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(0), 1U);
  write("new/2.b.host", message(1));
  write("tmp/3.c.host", message(2));
  fs::create_directories(folder_ / ".Sent/new");
  write(".Sent/new/4.d.host", message(3));
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(1), 1U);
  EXPECT_EQ(run_.doors[0].probes[1].returns[0].reverse_path, "a1@b.example");
  EXPECT_EQ(run_.doors[0].probes[1].returns[0].peer, "");
  EXPECT_EQ(returns_of(2) + returns_of(3), 0U);
  fs::rename(folder_ / "new/2.b.host", folder_ / "cur/2.b.host:2,");
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(1), 1U);
}

TEST_F(Elsewhere, EachFileIsReadOnce) {
  make_maildir();
  write("new/1.a.host", "Subject: nothing of ours\n\n");
  ReturnsElsewhere elsewhere(folder_);
  elsewhere.look(run_);
  fs::remove(folder_ / "new/1.a.host");
  write("new/1.a.host", message(0));  // no maildir does that: a name is given once
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(0), 0U);
}

TEST_F(Elsewhere, WhatCannotBeReadIsTriedAgain) {
  make_maildir();
  ASSERT_EQ(::mkfifo((folder_ / "new/1.a.host").c_str(), 0600), 0);
  ReturnsElsewhere elsewhere(folder_);
  elsewhere.look(run_);
  fs::remove(folder_ / "new/1.a.host");
  write("new/1.a.host", message(0));
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(0), 1U);
}

TEST_F(Elsewhere, LinksAndPipesHoldNobodyUp) {
  make_maildir();
  write("outside", message(0));
  fs::create_symlink(folder_ / "outside", folder_ / "new/1.a.host");
  fs::create_symlink(folder_ / "nowhere", folder_ / "new/2.b.host");
  ASSERT_EQ(::mkfifo((folder_ / "new/3.c.host").c_str(), 0600), 0);
  fs::create_directory(folder_ / "new/4.d.host");
  write("new/5.e.host", message(1));
  ReturnsElsewhere elsewhere(folder_);
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(0), 0U);
  EXPECT_EQ(returns_of(1), 1U);
}

TEST_F(Elsewhere, OldMailIsNotOpened) {
  make_maildir();
  write("new/1.a.host", message(0));
  run_.started += std::chrono::hours(48);
  ReturnsElsewhere elsewhere(folder_);
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(0), 0U);
}

TEST_F(Elsewhere, OnlyTheFrontOfAHugeMessageIsRead) {
  make_maildir();
  write("new/1.a.host", message(0) + std::string(3 * ReturnsElsewhere::max_message, 'x'));
  ReturnsElsewhere elsewhere(folder_);
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(0), 1U);
}

TEST_F(Elsewhere, TheNextLookGoesOnWhereThereIsTooMuchForOne) {
  make_maildir();
  const std::size_t size = ReturnsElsewhere::max_message;
  for (std::size_t i = 0; i < ReturnsElsewhere::max_look / size + 3; ++i)
    write(fmt::format("new/{}.z.host", i), std::string(size, 'x'));
  for (std::size_t i = 0; i < 5; ++i) write(fmt::format("new/{}.a.host", i), message(i));
  ReturnsElsewhere elsewhere(folder_);
  elsewhere.look(run_);
  elsewhere.look(run_);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(returns_of(i), 1U);
}

TEST_F(Elsewhere, AFolderOfTheCatcherIsReadWithItsEnvelopes) {
  ReturnsElsewhere elsewhere(folder_);  // nothing is there yet
  write("000001.json",
        R"({"from": "x@y.example", "to": ["c@d.example"], "size": 12, "tls": false})");
  write("000001.eml", message(0));
  write("000002.eml", message(1));  // its envelope is lost
  write("000003.eml.part", message(2));
  write("notes.eml", message(3));
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(0), 1U);
  EXPECT_EQ(run_.doors[0].probes[0].returns[0].reverse_path, "x@y.example");
  EXPECT_EQ(returns_of(1), 1U);
  EXPECT_EQ(returns_of(2) + returns_of(3), 0U);
}

TEST_F(Elsewhere, TheCatchersOutputIsReadWhileItGrows) {
  write("log",
        "listening on 127.0.0.1:2525\n1 from=<a@b.example> to=<c@d.example> 9 bytes \"x\"\n");
  ReturnsElsewhere elsewhere(folder_ / "log");
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(0), 0U);
  write("log", message(0) + "\n");
  elsewhere.look(run_);
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(0), 1U);
  EXPECT_EQ(run_.doors[0].probes[0].returns[0].reverse_path, "a@b.example");
  fs::resize_file(folder_ / "log", 0);  // begun anew
  elsewhere.look(run_);
  write("log", "1 from=<e@f.example> to=<c@d.example> 9 bytes \"x\"\n" + message(1) + "\n");
  elsewhere.look(run_);
  EXPECT_EQ(returns_of(1), 1U);
  fs::remove(folder_ / "log");
  elsewhere.look(run_);
}

TEST_F(Elsewhere, WhatIsNoMailboxIsRefusedInWords) {
  EXPECT_THROW(ReturnsElsewhere(folder_ / "missing"), std::runtime_error);
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(ReturnsElsewhere(folder_ / "pipe"), std::runtime_error);
  try {
    ReturnsElsewhere elsewhere(folder_);  // a folder with something else in it
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("no maildir"));
  }
}

}  // namespace
}  // namespace postern::relaytest
