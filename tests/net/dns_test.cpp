#include "net/dns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/udp.hpp>
#include <functional>

#include "net/dnsmasq.h"

namespace postern::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr std::chrono::milliseconds soon{50};

template <class T>
T answer_of(asio::io_context& loop, Task<T> task) {
  std::optional<T> answer;
  Nursery nursery(loop.get_executor());
  nursery.start([](Task<T> asked, std::optional<T>& to) -> Task<> {
    T got = co_await std::move(asked);
    to = std::move(got);
  }(std::move(task), answer));
  loop.restart();
  while (nursery.size() > 0 && loop.run_one_for(std::chrono::seconds(30)) > 0) continue;
  if (!answer) throw std::runtime_error("no answer from the resolver within half a minute");
  return std::move(*answer);
}

mail::IpAddress ip(const char* text) { return asio::ip::make_address(text); }

class RealDns : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new Dnsmasq(
        {"--mx-host=office.test,mx1.office.test,10", "--mx-host=office.test,mx2.office.test,20",
         "--host-record=mx1.office.test,192.0.2.1,2001:db8::1",
         "--host-record=mx2.office.test,192.0.2.2", "--host-record=UPPER.office.test,192.0.2.3",
         "--cname=alias.test,mx2.office.test", "--local=/test/", "--mx-host=null.test,.,0"});
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  DnsAnswer<MxRecord> mx(const std::string& domain) {
    return answer_of(loop_, resolver_.mx(domain));
  }
  DnsAnswer<mail::IpAddress> addresses(const std::string& host) {
    return answer_of(loop_, resolver_.addresses({host})).front();
  }

  static inline Dnsmasq* server_ = nullptr;
  asio::io_context loop_;
  Resolver resolver_{loop_.get_executor(), {server_->address()}, soon};
};

TEST_F(RealDns, GivesAllMx) {
  const auto answer = mx("office.test");
  EXPECT_EQ(answer.status, DnsStatus::found);
  EXPECT_THAT(answer.records, UnorderedElementsAre(MxRecord{10, "mx1.office.test"},
                                                   MxRecord{20, "mx2.office.test"}));
}

TEST_F(RealDns, GivesAddressesOfBothFamilies) {
  EXPECT_THAT(addresses("mx1.office.test").records,
              UnorderedElementsAre(ip("192.0.2.1"), ip("2001:db8::1")));
  EXPECT_THAT(addresses("mx2.office.test").records, ElementsAre(ip("192.0.2.2")));
}

TEST_F(RealDns, FollowsAnAlias) {
  const auto answer = addresses("alias.test");
  EXPECT_EQ(answer.status, DnsStatus::found);
  EXPECT_THAT(answer.records, ElementsAre(ip("192.0.2.2")));
}

TEST_F(RealDns, TellsNoSuchDomainFromNoSuchRecord) {
  EXPECT_EQ(mx("nobody.test").status, DnsStatus::no_such_domain);
  EXPECT_EQ(addresses("nobody.test").status, DnsStatus::no_such_domain);
  EXPECT_EQ(mx("mx2.office.test").status, DnsStatus::no_data);
  EXPECT_EQ(addresses("office.test").status, DnsStatus::no_data);
}

TEST_F(RealDns, AnswersSeveralHostsInTheirOrder) {
  const std::vector<std::string> hosts{"mx2.office.test", "nobody.test", "mx1.office.test"};
  const auto answers = answer_of(loop_, resolver_.addresses(hosts));
  ASSERT_THAT(answers, SizeIs(3));
  EXPECT_THAT(answers[0].records, ElementsAre(ip("192.0.2.2")));
  EXPECT_EQ(answers[1].status, DnsStatus::no_such_domain);
  EXPECT_THAT(answers[2].records, SizeIs(2));
}

TEST_F(RealDns, RefusesNamesThatNoDomainCanHave) {
  for (const std::string& name :
       {std::string("a..test"), std::string(300, 'a'), std::string("..")}) {
    SCOPED_TRACE(name);
    EXPECT_NE(mx(name).status, DnsStatus::found);
  }
}

TEST_F(RealDns, NamesLocalhostItself) {
  const auto answer = answer_of(loop_, resolver_.configured_addresses("localhost"));
  EXPECT_THAT(answer.records, testing::Contains(ip("127.0.0.1")));
  const auto below = answer_of(loop_, resolver_.configured_addresses("mx.localhost"));
  EXPECT_THAT(below.records, testing::Contains(ip("127.0.0.1")));
  const auto other = answer_of(loop_, resolver_.configured_addresses("mx2.office.test"));
  EXPECT_THAT(other.records, ElementsAre(ip("192.0.2.2")));
}

// ── answers by hand ──────────────────────────────────────────────────────────────────────────────────────────────────

std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}
const std::string pointer_to_question("\xc0\x0c", 2);

std::string record(unsigned type, unsigned ttl, const std::string& data) {
  return pointer_to_question + u16(type) + u16(1) + u16(ttl >> 16) + u16(ttl & 0xffff) +
         u16(static_cast<unsigned>(data.size())) + data;
}
const std::string question = std::string("\x06office\x04test\x00", 13) + u16(15) + u16(1);
std::string message(unsigned answers, const std::string& records, unsigned questions = 1) {
  return u16(1) + u16(0x8180) + u16(questions) + u16(answers) + u16(0) + u16(0) + question +
         records;
}
std::string mx_data(unsigned preference, const std::string& name) { return u16(preference) + name; }

TEST(DnsAnswer, IsTakenApart) {
  const std::string name("\x02MX\xc0\x0c", 5);
  const auto records = decode_dns_answer(message(1, record(15, 60, mx_data(7, name))), DnsType::mx);
  ASSERT_TRUE(records);
  EXPECT_THAT(records->mx, ElementsAre(MxRecord{7, "mx.office.test"}));
  EXPECT_EQ(records->ttl, std::chrono::seconds(60));
}

TEST(DnsAnswer, GivesANullMxAnEmptyName) {
  const auto records =
      decode_dns_answer(message(1, record(15, 60, mx_data(0, std::string(1, '\0')))), DnsType::mx);
  ASSERT_TRUE(records);
  EXPECT_THAT(records->mx, ElementsAre(MxRecord{0, ""}));
}

TEST(DnsAnswer, WithNonsenseIsAnErrorOrLeavesItOut) {
  struct Row {
    const char* why;
    std::string message;
    bool is_good;
  };
  const std::string loop("\xc0\x1d", 2);
  const std::vector<Row> rows = {
      {"nothing at all", "", false},
      {"half a header", message(0, "").substr(0, 7), false},
      {"more answers than there are", message(9, record(15, 60, mx_data(7, pointer_to_question))),
       false},
      {"more questions than there are", message(0, "", 60000), false},
      {"data beyond the end",
       message(1, pointer_to_question + u16(15) + u16(1) + u16(0) + u16(9) + u16(999)), false},
      {"a name that points at itself", message(1, loop + u16(15) + u16(1)), false},
      {"an IPv4 address of three octets", message(1, record(1, 60, "abc")), true},
      {"an MX shorter than its name",
       message(1, pointer_to_question + u16(15) + u16(1) + u16(0) + u16(9) + u16(3) +
                      mx_data(1, pointer_to_question)),
       true},
      {"text where an MX is asked for", message(1, record(16, 60, "hello")), true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    for (DnsType type : {DnsType::mx, DnsType::a, DnsType::aaaa}) {
      const auto records = decode_dns_answer(row.message, type);
      EXPECT_EQ(records.has_value(), row.is_good);
      if (!records) continue;
      EXPECT_THAT(records->mx, IsEmpty());
      EXPECT_THAT(records->addresses, IsEmpty());
    }
  }
}

TEST(DnsAnswer, CutAnywhereIsNeverRead) {
  const std::string whole = message(2, record(15, 60, mx_data(7, pointer_to_question)) +
                                           record(15, 60, mx_data(8, pointer_to_question)));
  ASSERT_TRUE(decode_dns_answer(whole, DnsType::mx));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_FALSE(decode_dns_answer(whole.substr(0, i), DnsType::mx));
  }
}

TEST(DnsAnswer, IsBoundedInItsRecords) {
  std::string records;
  for (unsigned i = 0; i < 400; ++i) records += record(1, 60, u16(0xc000) + u16(i));
  const auto answer = decode_dns_answer(message(400, records), DnsType::a);
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->addresses, SizeIs(max_dns_records));
}

TEST(DnsAnswer, KeepsAnMxWhoseNameNoHostCanHave) {
  const std::string name(
      "\x03"
      "a b\x00",
      5);
  const auto records = decode_dns_answer(message(1, record(15, 60, mx_data(7, name))), DnsType::mx);
  ASSERT_TRUE(records);
  EXPECT_THAT(records->mx, ElementsAre(MxRecord{7, "invalid"}));
}

// ── a server that is not what it should be ───────────────────────────────────────────────────────────────────────────

// Answers each question with what `answer` makes of it.
class HostileServer {
 public:
  using Answer = std::function<std::vector<std::string>(std::string question, int count)>;

  HostileServer(asio::io_context& loop, Answer answer)
      : socket_(loop, asio::ip::udp::endpoint(asio::ip::address_v4::loopback(), 0)),
        answer_(std::move(answer)) {
    receive();
  }

  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port());
  }
  int count() const { return count_; }

 private:
  void receive() {
    socket_.async_receive_from(
        asio::buffer(buffer_), from_, [this](error_code error, std::size_t n) {
          if (error) return;
          for (const auto& packet : answer_(std::string(buffer_.data(), n), ++count_)) {
            socket_.send_to(asio::buffer(packet), from_);
          }
          receive();
        });
  }

  asio::ip::udp::socket socket_;
  Answer answer_;
  asio::ip::udp::endpoint from_;
  std::array<char, 1024> buffer_{};
  int count_ = 0;
};

// The question turned into a reply with these flags and this one record for it.
std::string reply_to(const std::string& asked, unsigned flags, const std::string& answer) {
  const std::size_t name_end = asked.find('\0', 12);
  return asked.substr(0, 2) + u16(flags) + u16(1) + u16(answer.empty() ? 0 : 1) + u16(0) + u16(0) +
         asked.substr(12, name_end + 5 - 12) + answer;
}
const std::string good_record = record(15, 60, mx_data(7, pointer_to_question));
std::string good_reply(const std::string& asked) { return reply_to(asked, 0x8180, good_record); }

TEST(ResolverOfAHostileServer, IsBoundedAndRight) {
  struct Row {
    const char* why;
    HostileServer::Answer answer;
    DnsStatus status;
  };
  const std::vector<Row> rows = {
      {"a good answer, for comparison", [](auto q, int) { return std::vector{good_reply(q)}; },
       DnsStatus::found},
      {"never an answer", [](auto, int) { return std::vector<std::string>(); },
       DnsStatus::temporary_failure},
      {"an empty packet first (CVE-2023-32067)",
       [](auto q, int) {
         return std::vector{std::string(), good_reply(q)};
       },
       DnsStatus::found},
      {"a short packet first",
       [](auto q, int) {
         return std::vector{q.substr(0, 5), good_reply(q)};
       },
       DnsStatus::found},
      {"only short packets", [](auto q, int) { return std::vector{q.substr(0, 5)}; },
       DnsStatus::temporary_failure},
      {"the wrong id", [](auto q, int) { return std::vector{"zz" + good_reply(q).substr(2)}; },
       DnsStatus::temporary_failure},
      {"the first lost",
       [](auto q, int n) {
         return n == 1 ? std::vector<std::string>() : std::vector{good_reply(q)};
       },
       DnsStatus::found},
      {"SERVFAIL", [](auto q, int) { return std::vector{reply_to(q, 0x8182, "")}; },
       DnsStatus::temporary_failure},
      {"REFUSED", [](auto q, int) { return std::vector{reply_to(q, 0x8185, "")}; },
       DnsStatus::temporary_failure},
      {"NXDOMAIN", [](auto q, int) { return std::vector{reply_to(q, 0x8183, "")}; },
       DnsStatus::no_such_domain},
      {"no records", [](auto q, int) { return std::vector{reply_to(q, 0x8180, "")}; },
       DnsStatus::no_data},
      {"an alias that leads nowhere",
       [](auto q, int) {
         return std::vector{reply_to(q, 0x8180, record(5, 60, pointer_to_question))};
       },
       DnsStatus::no_data},
      {"a record cut off",
       [](auto q, int) { return std::vector{reply_to(q, 0x8180, good_record.substr(0, 13))}; },
       DnsStatus::temporary_failure},
      {"a name that points at itself",
       [](auto q, int) {
         return std::vector{reply_to(q, 0x8180, record(15, 60, mx_data(7, u16(0xc000 + 43))))};
       },
       DnsStatus::temporary_failure},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    asio::io_context loop;
    HostileServer server(loop, row.answer);
    Resolver resolver(loop.get_executor(), {server.address()}, soon);
    const auto answer = answer_of(loop, resolver.mx("office.test"));
    EXPECT_EQ(answer.status, row.status);
    EXPECT_EQ(answer.records.size(), row.status == DnsStatus::found ? 1 : 0);
  }
}

TEST(Resolver, AsksOnceForWhatIsAskedTwice) {
  asio::io_context loop;
  HostileServer server(loop, [](auto q, int) { return std::vector{good_reply(q)}; });
  Resolver resolver(loop.get_executor(), {server.address()});
  int answered = 0;
  Nursery nursery(loop.get_executor());
  for (int i = 0; i < 20; ++i) {
    nursery.start([](Resolver& asked, int& count) -> Task<> {
      auto answer = co_await asked.mx("office.test");
      if (answer.status == DnsStatus::found) ++count;
    }(resolver, answered));
  }
  while (nursery.size() > 0 && loop.run_one_for(std::chrono::seconds(10)) > 0) continue;
  EXPECT_EQ(answered, 20);
  static_cast<void>(answer_of(loop, resolver.mx("office.test")));
  EXPECT_EQ(server.count(), 1);
}

TEST(Resolver, AsksAgainWhenTheTtlIsZero) {
  asio::io_context loop;
  HostileServer server(loop, [](auto q, int) {
    return std::vector{reply_to(q, 0x8180, record(15, 0, mx_data(7, pointer_to_question)))};
  });
  Resolver resolver(loop.get_executor(), {server.address()});
  EXPECT_EQ(answer_of(loop, resolver.mx("office.test")).status, DnsStatus::found);
  EXPECT_EQ(answer_of(loop, resolver.mx("office.test")).status, DnsStatus::found);
  EXPECT_EQ(server.count(), 2);
}

// One family without an answer must not turn "not known" into "there is none": that would bounce mail (behaviour 56).
TEST(Resolver, DoesNotTakeHalfAnAnswerForANo) {
  asio::io_context loop;
  HostileServer server(loop, [](std::string q, int) {
    const bool is_v6 = q[q.find('\0', 12) + 2] == 28;
    return std::vector{reply_to(q, is_v6 ? 0x8182 : 0x8180, "")};
  });
  Resolver resolver(loop.get_executor(), {server.address()}, soon);
  const auto answers = answer_of(loop, resolver.addresses({"mx.test"}));
  EXPECT_EQ(answers.front().status, DnsStatus::temporary_failure);
}

TEST(Resolver, SurvivesThoseWhoAsked) {
  asio::io_context loop;
  std::vector<std::string> kept;
  HostileServer server(loop, [&](std::string q, int) {
    kept.push_back(q);
    return std::vector<std::string>();
  });
  auto resolver =
      std::make_unique<Resolver>(loop.get_executor(), std::vector{server.address()}, soon);
  Nursery nursery(loop.get_executor());
  nursery.start([](Resolver& asked) -> Task<> {
    auto answer = co_await asked.mx("office.test");
    ADD_FAILURE() << "was cancelled, and yet has " << answer.records.size() << " records";
  }(*resolver));
  while (kept.empty()) loop.run_one();
  asio::post(loop, [&nursery] { nursery.cancel(); });
  while (nursery.size() > 0) loop.run_one();
  loop.run_for(std::chrono::milliseconds(500));  // c-ares repeats, and gives up, for nobody
  EXPECT_GT(kept.size(), 1U);
}

TEST(Resolver, AnswersThoseWhoWaitWhenItEnds) {
  asio::io_context loop;
  HostileServer server(loop, [](auto, int) { return std::vector<std::string>(); });
  auto resolver = std::make_unique<Resolver>(loop.get_executor(), std::vector{server.address()});
  std::optional<DnsStatus> status;
  Nursery nursery(loop.get_executor());
  nursery.start([](Resolver& asked, std::optional<DnsStatus>& to) -> Task<> {
    auto answer = co_await asked.mx("office.test");
    to = answer.status;
  }(*resolver, status));
  while (server.count() == 0) loop.run_one();
  resolver.reset();
  while (nursery.size() > 0) loop.run_one();
  EXPECT_EQ(status, DnsStatus::temporary_failure);
}

TEST(Resolver, RefusesServersThatMakeNoSense) {
  asio::io_context loop;
  EXPECT_THROW(Resolver(loop.get_executor(), {"not an address"}), std::runtime_error);
  EXPECT_NO_THROW(Resolver(loop.get_executor(), {}));
}

}  // namespace
}  // namespace postern::net
