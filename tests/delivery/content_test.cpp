#include "delivery/content.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "delivery/bench.h"

namespace postern::delivery {
namespace {

std::string stuffed(const std::vector<std::string>& pieces) {
  Stuffing stuffing;
  std::string out;
  for (const auto& piece : pieces) stuffing.append(piece, out);
  stuffing.finish(out);
  return out;
}

// Behaviour 22.
TEST(Stuffing, DoublesTheDotAtTheStartOfALineAndOnlyThere) {
  struct Row {
    const char* why;
    std::string content;
    std::string sent;
  };
  const std::vector<Row> rows = {
      {"nothing to double", "a.b\r\nc.\r\n", "a.b\r\nc.\r\n.\r\n"},
      {"the first octet", ".a\r\n", "..a\r\n.\r\n"},
      {"a line of one dot", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"},
      {"a content of one dot", ".", "..\r\n.\r\n"},
      {"two dots", "\r\n..\r\n", "\r\n...\r\n.\r\n"},
      {"several lines", "\r\n.\r\n.\r\n.\r\n", "\r\n..\r\n..\r\n..\r\n.\r\n"},
      {"no content at all", "", ".\r\n"},
      {"a last line without its end", "a\r\nb", "a\r\nb\r\n.\r\n"},
      {"only an empty line", "\r\n", "\r\n.\r\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(stuffed({row.content}), row.sent);
    for (std::size_t cut = 0; cut <= row.content.size(); ++cut) {
      EXPECT_EQ(stuffed({row.content.substr(0, cut), row.content.substr(cut)}), row.sent) << cut;
    }
  }
}

Inspection inspected(const frames::Lease& lease) {
  net::asio::io_context loop;
  net::Nursery nursery(loop.get_executor());
  Inspection inspection;
  const Content content(lease);
  nursery.start([](const Content& seen, Inspection& to) -> net::Task<> {
    Inspection got = co_await inspect(seen);
    to = got;
  }(content, inspection));
  loop.run();
  return inspection;
}

// What another server might take for the end of the content (behaviours 20, 21).
TEST(Inspection, FindsWhatSmtpCannotCarry) {
  struct Row {
    const char* why;
    std::string content;
    bool is_clean;
  };
  const std::vector<Row> rows = {
      {"lines as they must be", "a\r\n\r\nb\r\n", true},
      {"nothing", "", true},
      {"no end of the last line", "a", true},
      {"a bare LF", "a\nb\r\n", false},
      {"a bare LF at the start", "\na\r\n", false},
      {"a bare CR", "a\rb\r\n", false},
      {"a bare CR at the end", "a\r\nb\r", false},
      {"CR CR LF", "a\r\r\n", false},
      {"LF CR", "a\n\r", false},
      {"smuggling: LF . LF", "a\r\nb\n.\nMAIL\r\n", false},
      {"smuggling: LF . CR LF", "a\n.\r\nMAIL\r\n", false},
      {"smuggling: CR LF . CR", "a\r\n.\rMAIL\r\n", false},
      {"a NUL", std::string("a\0b\r\n", 5), false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    const Inspection inspection = inspected(lease_of(row.content, {}));
    EXPECT_TRUE(inspection.is_intact);
    EXPECT_EQ(inspection.is_clean, row.is_clean);
    EXPECT_FALSE(inspection.has_eight_bit);
  }
  EXPECT_TRUE(inspected(lease_of("gr\xc3\xbc\xc3\x9f\r\n", {})).has_eight_bit);
}

TEST(Inspection, FindsDamage) {
  frames::Lease flipped = lease_of("Subject: a\r\n", {});
  flipped.content[9] = 'b';
  EXPECT_FALSE(inspected(flipped).is_intact);
  frames::Lease cut = lease_of("Subject: a\r\n", {});
  cut.content.pop_back();
  EXPECT_FALSE(inspected(cut).is_intact);
  frames::Lease longer = lease_of("Subject: a\r\n", {});
  longer.content += "x";
  EXPECT_FALSE(inspected(longer).is_intact);
}

TEST(Inspection, ReadsAFileFromItsOffset) {
  std::string content;
  while (content.size() < 5 * max_piece / 2) content += "a line of a large message\r\n";
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  std::fputs("before it", file);
  std::fwrite(content.data(), 1, content.size(), file);
  std::fputs("behind it", file);
  std::fflush(file);
  frames::Lease lease = lease_of(content, {});
  lease.content.clear();
  lease.file = net::Fd(::dup(::fileno(file)));
  lease.offset = 9;
  EXPECT_TRUE(inspected(lease).is_intact);
  EXPECT_TRUE(inspected(lease).is_clean);
  lease.offset = 8;
  EXPECT_FALSE(inspected(lease).is_intact);
  lease.offset = 9;
  lease.size += 100;
  EXPECT_FALSE(inspected(lease).is_intact) << "the file ends before the message does";
  std::fclose(file);
}

TEST(HeaderInUtf8, IsLookedForInTheHeaderAlone) {  // statement 74
  struct Row {
    const char* why;
    std::string content;
    bool is_found;
  };
  const Row rows[] = {
      {"ASCII", "Subject: a\r\n\r\nbody\r\n", false},
      {"in the body", "Subject: a\r\n\r\n\xc3\xbc\r\n", false},
      {"in the header", "Subject: \xc3\xbc\r\n\r\nbody\r\n", true},
      {"a header without a body", "Subject: a\r\n", false},
      {"nothing", "", false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    const frames::Lease lease = lease_of(row.content, {});
    EXPECT_EQ(has_utf8_header(Content(lease)), row.is_found);
  }
}

TEST(HeaderInUtf8, IsBelievedWhereTheHeaderIsVeryLong) {
  std::string content;
  while (content.size() < 2 * max_piece) content += "X-Line: of a long header\r\n";
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  std::fwrite(content.data(), 1, content.size(), file);
  std::fflush(file);
  frames::Lease lease = lease_of(content, {});
  lease.content.clear();
  lease.file = net::Fd(::dup(::fileno(file)));
  std::fclose(file);
  EXPECT_TRUE(has_utf8_header(Content(lease)));
}

}  // namespace
}  // namespace postern::delivery
