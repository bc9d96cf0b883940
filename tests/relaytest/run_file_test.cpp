#include "relaytest/run_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>

#include "relaytest/catalogue.h"

namespace postern::relaytest {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::HasSubstr;

const system_clock::time_point at =
    system_clock::from_time_t(1795335330) + std::chrono::milliseconds(7);

/// With something in every place.
Run whole_run() {
  Return it;
  it.what = Return::What::bounced;
  it.is_carrier = true;
  it.at = at;
  it.peer = "2001:db8::7";
  it.reverse_path = "a@b.example";
  it.received = {"from a by b", "from c by d"};
  it.head = "Received: from a\r\n\tby b\r\n";
  ProbeResult probe;
  probe.trick = catalogue().front().name;
  probe.kind = Kind::smuggling;
  probe.token = "t.t.t";
  probe.carrier_token = "c.c.c";
  probe.has_local_carrier = true;
  probe.outcome = Outcome::accepted;
  probe.step = "content";
  probe.reply = "250 \"quoted\" \\ \x1b[31m";
  probe.has_recipient_accepted = true;
  probe.from = "<a@b.example>";
  probe.to = "<c@d.example>";
  probe.tls = "TLSv1.3 X";
  probe.attempts = 3;
  probe.answered_at = at;
  probe.transcript = {{Line::Who::server, milliseconds(12), "220 hello"},
                      {Line::Who::note, milliseconds(13), std::string("\0x", 2)}};
  probe.returns = {it};
  Door door;
  door.address = mail::IpAddress::from_string("192.0.2.1");
  door.port = 465;
  door.tls = Door::Tls::implicit;
  door.source = mail::IpAddress::from_string("127.0.0.9");
  door.label = "192.0.2.1:465";
  door.is_reachable = true;
  door.greeting = "220 hello";
  door.trouble = "421 enough";
  door.probes = {probe, ProbeResult()};
  Run run;
  run.id = "20261122-081530-4f2a";
  run.secret = "5ec4e7";
  run.target = "server.example";
  run.server = "mx.server.example";
  run.mailbox = "m@us.example";
  run.listen = "192.0.2.9:25";
  run.returns = "/var/mail/m";
  run.us = "us.example";
  run.sender = "s@us.example";
  run.carrier = "postmaster@server.example";
  run.contact = "admin@us.example";
  run.started = at;
  run.ended = at + std::chrono::seconds(90);
  run.is_self = true;
  run.remarks = {"One thing."};
  run.doors = {door, Door()};
  return run;
}

TEST(RunJson, LosesNothing) {
  const relaytest::Run run = whole_run();
  const std::string text = json_of(run, true);
  const relaytest::Run again = run_of(text);
  EXPECT_EQ(json_of(again, true), text);
  EXPECT_EQ(again.secret, run.secret);
  EXPECT_EQ(again.ended, run.ended);
  ASSERT_EQ(again.doors.size(), 2U);
  EXPECT_EQ(again.doors[0].address, run.doors[0].address);
  EXPECT_TRUE(again.doors[1].source.is_unspecified());
  const ProbeResult& probe = again.doors[0].probes.at(0);
  EXPECT_EQ(probe.reply, run.doors[0].probes[0].reply);
  EXPECT_EQ(probe.transcript.at(1).text, std::string("\0x", 2));
  EXPECT_EQ(probe.returns.at(0).what, Return::What::bounced);
  EXPECT_EQ(probe.returns.at(0).head, run.doors[0].probes[0].returns[0].head);
  EXPECT_EQ(again.doors[0].probes.at(1).answered_at, system_clock::time_point());
}

TEST(RunJson, KeepsEveryWordOfTheEnumerations) {
  for (int i = 0; i <= static_cast<int>(Outcome::last); ++i) {
    relaytest::Run run = whole_run();
    run.doors[0].probes[0].outcome = static_cast<Outcome>(i);
    run.doors[0].probes[0].returns[0].what =
        static_cast<Return::What>(i % (1 + static_cast<int>(Return::What::last)));
    EXPECT_EQ(json_of(run_of(json_of(run, true)), true), json_of(run, true));
  }
}

TEST(RunJson, SaysWhatTheReportsSay) {
  const std::string text = json_of(whole_run());
  EXPECT_THAT(text, testing::Not(HasSubstr("5ec4e7")));
  const json::value value = json::parse(text);
  EXPECT_EQ(value.at("format"), 1);
  EXPECT_EQ(value.at("verdict"), "inconclusive");
  EXPECT_EQ(value.at("naive_verdict"), "closed");
  EXPECT_EQ(value.at("exit_code"), 4);
  EXPECT_EQ(value.at("started"), "2026-11-22T08:15:30.007Z");
  const json::value& probe = value.at("doors").at(0).at("probes").at(0);
  EXPECT_EQ(probe.at("group"), json::value(catalogue().front().group));
  EXPECT_EQ(probe.at("outcome"), "accepted");
  EXPECT_EQ(probe.at("verdict"), "closed");
  EXPECT_TRUE(probe.at("naive_verdict").is_null());
  EXPECT_EQ(probe.at("returns").at(0).at("what"), "bounced");
  EXPECT_TRUE(value.at("doors").at(0).at("probes").at(1).at("answered_at").is_null());
}

TEST(RunJson, IsValidWhateverStrangersSay) {
  relaytest::Run run = whole_run();
  run.doors[0].greeting =
      "\xff\xfe \xc2\x9b"
      "31m \x7f \xed\xa0\x80 \xf5\x80\x80\x80 \xc3";
  const std::string text = json_of(run, true);
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    EXPECT_TRUE(octet >= 0x20 && octet != 0x7f);
  }
  EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
  const relaytest::Run again = run_of(text);
  EXPECT_THAT(again.doors[0].greeting, testing::StartsWith("\xef\xbf\xbd\xef\xbf\xbd \xc2\x9b"
                                                           "31m \x7f"));
  EXPECT_EQ(json_of(again, true), text);
}

TEST(RunJson, NamesWhatIsWrong) {
  const std::string good = json_of(whole_run(), true);
  const struct {
    const char* from;
    const char* to;
    const char* words;
  } rows[] = {
      {"\"id\":", "\"ID\":", "id is missing"},
      {"\"label\":", "\"extra\":1,\"label\":", "doors[0] has a key that is not known: extra"},
      {"\"secret\":\"5ec4e7\",", "", "secret is missing"},
      {"\"port\":465", "\"port\":65536", "doors[0].port is no such number"},
      {"\"port\":465", "\"port\":-1", "doors[0].port is no such number"},
      {"\"port\":465", "\"port\":1.5", "doors[0].port is no such number"},
      {"\"port\":465", "\"port\":\"465\"", "doors[0].port is no such number"},
      {"192.0.2.1\",", "192.0.2.x\",", "doors[0].address is no IP address"},
      {"\"accepted\"", "\"eaten\"", "doors[0].probes[0].outcome is none of the words"},
      {"2026-11-22T", "2026-13-22T", "is no such time"},
      {"2026-11-22T", "22.11.2026 ", "is no such time"},
      {"\"is_self\":true", "\"is_self\":1", "is_self is neither true nor false"},
      {"\"at_ms\":12", "\"at_ms\":null", "transcript[0].at_ms is no such number"},
      {"\"doors\":[{", "\"doors\":[[],{", "doors[0] is no object"},
      {"{\"format\"", "{\"format\"}", "no JSON"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.to);
    std::string text = good;
    const auto place = text.find(row.from);
    ASSERT_NE(place, std::string::npos);
    text.replace(place, std::string_view(row.from).size(), row.to);
    try {
      (void)run_of(text);
      ADD_FAILURE();
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(row.words));
    }
  }
  EXPECT_THROW((void)run_of(std::string(100'000, '[')), std::runtime_error);
  EXPECT_THROW((void)run_of("[]"), std::runtime_error);
}

TEST(RunId, SortsByTimeAndIsSafeAsAName) {
  const std::string id = new_run_id(at);
  EXPECT_THAT(id, testing::MatchesRegex("20261122-081530-[0-9a-f]{4}"));
  EXPECT_LT(id, new_run_id(at + std::chrono::seconds(1)));
}

class RunFile : public testing::Test {
 protected:
  RunFile() {
    std::string name = (fs::temp_directory_path() / "postern-runs-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
    folder_ = name;
  }
  ~RunFile() override { fs::remove_all(folder_); }

  static unsigned mode_of(const fs::path& path) {
    struct stat about {};
    EXPECT_EQ(::stat(path.c_str(), &about), 0);
    return about.st_mode & 0777U;
  }

  static std::string error_of(const std::string& id, const fs::path& directory) {
    try {
      (void)load(id, directory);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "none";
  }

  fs::path folder_;
};

TEST_F(RunFile, ComesBackAsItWasAndIsPrivate) {
  const relaytest::Run run = whole_run();
  const fs::path directory = folder_ / "state/postern/relay-test";
  save(run, directory);
  save(run, directory);
  EXPECT_EQ(json_of(load(run.id, directory), true), json_of(run, true));
  EXPECT_EQ(mode_of(directory), 0700U);
  EXPECT_EQ(mode_of(folder_ / "state"), 0700U);
  EXPECT_EQ(mode_of(directory / (run.id + ".json")), 0600U);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory), {}), 1);
}

TEST_F(RunFile, TakesThePlaceOfWhatACrashLeft) {
  const relaytest::Run run = whole_run();
  std::ofstream(folder_ / "outside") << "x";
  fs::create_symlink(folder_ / "outside", folder_ / (run.id + ".json.part"));
  save(run, folder_);
  EXPECT_EQ(fs::file_size(folder_ / "outside"), 1U);
  EXPECT_EQ(load(run.id, folder_).target, run.target);
}

TEST_F(RunFile, IsLookedForUnderNamesOfRunsOnly) {
  save(whole_run(), folder_);
  for (const char* id : {"", "..", "../x", "/etc/passwd", "a/b", "a.b", "A", "-x", "x\n",
                         "12345678901234567890123456789012345678901"})
    EXPECT_THAT(error_of(id, folder_), HasSubstr("no name of a run")) << id;
  EXPECT_THAT(error_of("20261122-081530-0000", folder_), HasSubstr("there is no run"));
}

TEST_F(RunFile, SaysThatItIsDamaged) {
  const relaytest::Run run = whole_run();
  save(run, folder_);
  const fs::path path = folder_ / (run.id + ".json");
  fs::copy_file(path, folder_ / "other.json");
  EXPECT_THAT(error_of("other", folder_), HasSubstr("of another run"));
  fs::resize_file(path, fs::file_size(path) / 2);
  EXPECT_THAT(error_of(run.id, folder_), HasSubstr("is damaged: it is no JSON"));
  fs::create_directory(folder_ / "folder.json");
  EXPECT_NE(error_of("folder", folder_), "none");
}

TEST_F(RunFile, CannotBeWrittenWhereThereIsNoFolder) {
  std::ofstream(folder_ / "file") << "x";
  EXPECT_THROW(save(whole_run(), folder_ / "file/runs"), std::system_error);
}

TEST(RunsDirectory, IsWhereTheStateOfProgramsIs) {
  const auto in = [](const char* state, const char* home) {
    state ? ::setenv("XDG_STATE_HOME", state, 1) : ::unsetenv("XDG_STATE_HOME");
    home ? ::setenv("HOME", home, 1) : ::unsetenv("HOME");
    return runs_directory().string();
  };
  EXPECT_EQ(in("/state", "/home/a"), "/state/postern/relay-test");
  EXPECT_EQ(in(nullptr, "/home/a"), "/home/a/.local/state/postern/relay-test");
  EXPECT_EQ(in("relative", "/home/a"), "/home/a/.local/state/postern/relay-test");
  EXPECT_EQ(in(nullptr, nullptr), "/var/lib/postern/relay-test");
  EXPECT_EQ(in("", ""), "/var/lib/postern/relay-test");
}

}  // namespace
}  // namespace postern::relaytest
