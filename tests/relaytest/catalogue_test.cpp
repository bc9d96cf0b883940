#include "relaytest/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "mail/ascii.h"
#include "relaytest/planned_run.h"
#include "relaytest/prober.h"
#include "relaytest/script.h"

namespace postern::relaytest {
namespace {

using testing::IsEmpty;

const std::set<std::string_view> groups = {
    "plain",   "sender", "percent", "at",        "bang",     "route",
    "gateway", "form",   "control", "parameter", "overlong", "look-alike",
    "tls",     "auth",   "claim",   "smuggling", "question"};

relaytest::Run planned() {
  auto run = run_without_probes();
  run.carrier = "info@office.example";
  plan_probes(run, {});
  return run;
}

TEST(Catalogue, HasTricksEnough) { EXPECT_GE(catalogue().size(), 60U); }

TEST(Catalogue, EveryRowIsComplete) {
  std::set<std::string_view> names;
  for (const Trick& trick : catalogue()) {
    SCOPED_TRACE(trick.name);
    EXPECT_TRUE(names.insert(trick.name).second) << "the name is there twice";
    EXPECT_LE(trick.name.size(), 30U) << "tokens are bounded";
    EXPECT_EQ(trick.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"),
              trick.name.npos);
    EXPECT_TRUE(groups.contains(trick.group)) << trick.group;
    EXPECT_TRUE(trick.reason.ends_with('.')) << trick.reason;
    EXPECT_EQ(std::ranges::count(trick.reason.substr(0, trick.reason.size() - 1), '\n'), 0);
    EXPECT_THAT(trick.source, testing::Not(IsEmpty()));
    EXPECT_EQ(trick.kind == Kind::smuggling, !trick.ending.empty());
    EXPECT_EQ(trick.kind == Kind::question, !trick.question.empty());
    EXPECT_TRUE(trick.behind_starttls.empty() || trick.starttls);
    EXPECT_TRUE(trick.behind_starttls.empty() || trick.behind_starttls.ends_with("\r\n"));
    EXPECT_EQ(find_trick(trick.name), &trick);
  }
  EXPECT_EQ(find_trick("no such trick"), nullptr);
}

TEST(Catalogue, NoTrickSaysTheSameAsAnother) {
  std::map<std::string, std::string_view> seen;
  for (const Trick& t : catalogue()) {
    const std::string all =
        fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", t.preface, t.hello, t.starttls,
                    t.behind_starttls, t.claim, t.mail_verb, t.from, t.also_to, t.rcpt_verb, t.to,
                    t.chunking, t.ending, t.question);
    const auto [other, is_new] = seen.emplace(all, t.name);
    EXPECT_TRUE(is_new) << t.name << " and " << other->second;
  }
}

TEST(Catalogue, TheRudeComeLast) {
  EXPECT_TRUE(std::ranges::is_partitioned(catalogue(), [](const Trick& t) { return !t.is_rude; }));
  EXPECT_EQ(catalogue().front().name, "plain");
}

TEST(Catalogue, EveryTrickCanBeFilledInAtEveryDoor) {
  const auto run = planned();
  for (const Door& door : run.doors) {
    ASSERT_EQ(door.probes.size(), catalogue().size());
    for (const ProbeResult& probe : door.probes) {
      SCOPED_TRACE(probe.trick);
      const Script script =
          script_of(run, door, probe, *find_trick(probe.trick), system_clock::time_point());
      const std::string all = script.preface + script.hello + script.mail + script.rcpt +
                              script.also_rcpt + script.question;
      EXPECT_EQ(all.find_first_of("{}"), all.npos) << all;
    }
  }
}

// ── the one thing that must never go wrong ───────────────────────────────────────────────────────────────────────────

/// Everything in `text` that could be read as a domain: what stands behind an @ or its look-alikes, between ! and !, behind
/// a % or :. Whatever a server makes of a path, it can only make it of these.
std::vector<std::string> words_of(std::string text) {
  std::vector<std::string> words;
  for (const std::string at :
       {"\xef\xbc\xa0", "\xef\xb9\xab", "\xef\xbc\x85", "\xc5\x80", "\xc0"}) {
    for (std::size_t i; (i = text.find(at)) != text.npos;) text.replace(i, at.size(), "@");
  }
  for (std::size_t i; (i = text.find("\xe3\x80\x82")) != text.npos;) text.replace(i, 3, ".");
  // Not %40, however tempting: to the percent hack that is the domain `40` + ours, which is somebody else's.
  for (const std::string coded : {"+40", "=40"}) {
    for (std::size_t i; (i = text.find(coded)) != text.npos;) text.replace(i, 3, "@");
  }
  std::string word;
  bool is_literal = false;
  for (const char c : text) {
    if (c == '[') is_literal = true;
    if (c == ']') is_literal = false;
    const bool parts = !is_literal && !mail::is_letter(c) && !mail::is_digit(c) && c != '.' &&
                       c != '-' && c != '[' && c != ']';
    if (!parts) {
      word += mail::to_lower(c);
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

// Every word with a dot in it is a domain, or an address, which is the tester's or the target's. The words without are named.
TEST(Catalogue, NamesNoOtherPlaceThanTheTestersAndTheTarget) {
  const auto run = planned();
  const std::set<std::string> places = {"tester.test",
                                        "mx.office.example",
                                        "office.example",
                                        "192.0.2.25",
                                        "[192.0.2.25]",
                                        "[ipv6:2001:db8::25]",
                                        "2001",
                                        "db8",
                                        "25",
                                        "localhost",
                                        std::string(300, 'a') + ".mx.office.example"};
  const std::set<std::string> people = {"probe", "bounces", "postern-relay-test-nobody",
                                        "postmaster", "info"};
  const std::set<std::string> syntax = {"rcpt",
                                        "to",
                                        "imceasmtp-probe",
                                        "smtp",
                                        "us-ascii",
                                        "q",
                                        "at",
                                        "orcpt",
                                        "rfc822",
                                        "notify",
                                        "success",
                                        "failure",
                                        "size",
                                        "1000",
                                        "body",
                                        "8bitmime",
                                        "smtputf8",
                                        "auth",
                                        "x",
                                        std::string(2000, 'a')};
  for (const Door& door : run.doors) {
    for (const ProbeResult& probe : door.probes) {
      SCOPED_TRACE(probe.trick);
      const Trick& trick = *find_trick(probe.trick);
      const std::string also = Placeholders(run, door).fill(trick.also_to);
      for (std::string word : words_of(probe.from + ' ' + also + ' ' + probe.to)) {
        while (word.ends_with('.')) word.pop_back();
        while (word.starts_with('.')) word.erase(0, 1);
        if (probe.trick == "sender-long" && word == std::string(300, 'a')) continue;
        if (word.empty() || syntax.contains(word)) continue;
        EXPECT_TRUE(places.contains(word) || people.contains(word)) << word;
      }
    }
  }
}

// The tester's mail reaches no person at the target, and nobody else's mail exchanger.
TEST(Catalogue, RecipientsAtTheTargetAreNobodyAndAtTheServerItself) {
  for (const Trick& trick : catalogue()) {
    SCOPED_TRACE(trick.name);
    for (const std::string_view path : {trick.to, trick.also_to}) {
      EXPECT_EQ(path.find("{server-domain}"), path.npos);
      EXPECT_EQ(path.find("postmaster"), path.npos);
      EXPECT_EQ(path.find("{sender}"), path.npos);
    }
    EXPECT_TRUE(trick.also_to.empty() || trick.also_to == "<{nobody}@{server}>");
  }
}

TEST(Catalogue, ClaimsNameNoOtherPlace) {
  const auto run = planned();
  for (const Trick& trick : catalogue()) {
    const std::string claim = Placeholders(run, run.doors[0]).fill(trick.claim);
    for (std::size_t at = claim.find('@'); at != claim.npos; at = claim.find('@', at + 1)) {
      const std::string behind = claim.substr(at + 1, claim.find('>', at) - at - 1);
      EXPECT_THAT(behind, testing::AnyOf("tester.test", "mx.office.example")) << trick.name;
    }
  }
}

}  // namespace
}  // namespace postern::relaytest
