#include "smtpd/content_reader.h"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

namespace postern::smtpd {
namespace {

struct Read {
  std::string content;
  std::string left;  // behind the end
  bool is_complete = false;
  ContentFault fault = ContentFault::none;

  friend bool operator==(const Read&, const Read&) = default;
};

void PrintTo(const Read& read, std::ostream* out) {
  *out << testing::PrintToString(read.content) << " left " << testing::PrintToString(read.left)
       << (read.is_complete ? " complete" : " open") << " fault " << static_cast<int>(read.fault);
}

Read read(BareLf bare_lf, const std::vector<std::string>& pieces) {
  ContentReader reader(bare_lf);
  Read result;
  for (const std::string& piece : pieces) {
    const std::size_t taken = reader.feed(piece, result.content);
    result.left += piece.substr(taken);
  }
  result.is_complete = reader.is_complete();
  result.fault = reader.fault();
  return result;
}

// In one piece, in two cut at every octet, and octet by octet: the network may deliver it like that.
void expect_everywhere(BareLf bare_lf, const std::string& in, const Read& expected) {
  EXPECT_EQ(read(bare_lf, {in}), expected);
  for (std::size_t cut = 0; cut <= in.size(); ++cut) {
    SCOPED_TRACE("cut at " + std::to_string(cut));
    EXPECT_EQ(read(bare_lf, {in.substr(0, cut), in.substr(cut)}), expected);
  }
  std::vector<std::string> octets;
  for (char c : in) octets.emplace_back(1, c);
  EXPECT_EQ(read(bare_lf, octets), expected);
}

TEST(ContentReader, EndsAtCrlfDotCrlfAndUndoesDotStuffing) {
  const struct {
    std::string in;
    std::string content;
    std::string left;
    const char* why;
  } rows[] = {
      {".\r\n", "", "", "the CRLF of DATA counts as the first: an empty message"},
      {"a\r\n.\r\n", "a\r\n", "", "the plain case"},
      {"a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n", "what follows is the next command"},
      {"..\r\n.\r\n", ".\r\n", "", "a line of one dot survives (statement 22)"},
      {"...\r\n.\r\n", "..\r\n", "", "one dot is taken off, not all"},
      {".a\r\n.\r\n", "a\r\n", "", "RFC 5321, 4.5.2: the first dot goes, whatever follows"},
      {"a.\r\n.\r\n", "a.\r\n", "", "a dot elsewhere is content"},
      {"\r\n\r\n.\r\n", "\r\n\r\n", "", "empty lines"},
      {"\xff\x80\t\r\n.\r\n", "\xff\x80\t\r\n", "", "eight bits and tabs"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    expect_everywhere(BareLf::refused, row.in, {row.content, row.left, true, ContentFault::none});
    expect_everywhere(BareLf::repaired, row.in, {row.content, row.left, true, ContentFault::none});
  }
}

// Statement 20. Each of them ends a message at some server; here none does, whatever the client is.
TEST(ContentReader, TakesNothingElseForTheEnd) {
  using namespace std::string_literals;
  const std::string endings[] = {
      "\n.\n"s,        "\n.\r\n"s,     "\r.\r\n"s,     "\r\n.\n"s,     "\r\n.\r"s,    "\r.\r"s,
      "\r\n.\r\r\n"s,  "\n.\r"s,       "\r.\n"s,       "\r\n. \r\n"s,  "\r\n..\r\n"s, "\n\r.\r\n"s,
      "\r\r\n..\r\n"s, "\r\n\0.\r\n"s, "\r\n.\0\r\n"s, "\r\n\t.\r\n"s, "\n\n.\n\n"s,
  };
  for (const std::string& ending : endings) {
    for (const BareLf bare_lf : {BareLf::refused, BareLf::repaired}) {
      SCOPED_TRACE(testing::PrintToString(ending));
      const std::string in = "a" + ending + "b";
      for (std::size_t cut = 0; cut <= in.size(); ++cut) {
        EXPECT_FALSE(read(bare_lf, {in.substr(0, cut), in.substr(cut)}).is_complete) << cut;
      }
    }
  }
}

// Statements 20 and 21, as they are met: a second transaction hidden in the content. All of it is content, or refused; only
// what stands behind the true end is a command.
TEST(ContentReader, KeepsASmuggledTransactionInside) {
  using namespace std::string_literals;
  const struct {
    std::string false_end;
    std::string repaired;  // what the false end becomes, of a device; empty: refused of everybody
    ContentFault fault;    // of others
  } rows[] = {
      {"\n.\n"s, "\r\n\r\n"s, ContentFault::bare_lf},
      {"\n.\r\n"s, "\r\n\r\n"s, ContentFault::bare_lf},
      {"\r\n.\n"s, "\r\n\r\n"s, ContentFault::bare_lf},
      {"\n\n.\r\n"s, "\r\n\r\n\r\n"s, ContentFault::bare_lf},
      {"\r.\r\n"s, "", ContentFault::bare_cr},
      {"\r\n.\r"s, "", ContentFault::bare_cr},
      {"\r.\r"s, "", ContentFault::bare_cr},
      {"\r\r\n.\r\r\n"s, "", ContentFault::bare_cr},
      {"\n.\r"s, "", ContentFault::bare_lf},
      {"\r\n\0.\r\n"s, "", ContentFault::nul},
      {"\r\n.\0\r\n"s, "", ContentFault::nul},
      {"\0\r.\0\r\n"s, "", ContentFault::nul},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(testing::PrintToString(row.false_end));
    const std::string smuggled = "MAIL FROM:<x@a.example>\r\nDATA\r\n";
    const std::string in = "a" + row.false_end + smuggled + ".\r\nQUIT\r\n";
    const Read of_others = read(BareLf::refused, {in});
    EXPECT_EQ(of_others.fault, row.fault);
    EXPECT_EQ(of_others.left, "QUIT\r\n");
    expect_everywhere(BareLf::refused, in, of_others);
    Read of_devices = read(BareLf::repaired, {in});
    EXPECT_EQ(of_devices.left, "QUIT\r\n");
    EXPECT_EQ(of_devices.fault == ContentFault::none, !row.repaired.empty());
    if (!row.repaired.empty()) {
      EXPECT_EQ(of_devices.content, "a" + row.repaired + smuggled);
    }
    expect_everywhere(BareLf::repaired, in, of_devices);
  }
}

TEST(ContentReader, MeasuresLinesWithoutDotStuffing) {
  const struct {
    std::string in;
    std::size_t longest;
  } rows[] = {
      {".\r\n", 0},
      {"\r\n\r\n.\r\n", 0},
      {"abc\r\nde\r\n.\r\n", 3},
      {"ab\r\n..c\r\n.\r\n", 2},
      {"ab\nabcd\n.\r\nc\r\n.\r\n", 4},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(testing::PrintToString(row.in));
    for (std::size_t cut = 0; cut <= row.in.size(); ++cut) {
      ContentReader reader(BareLf::repaired);
      std::string content;
      std::ignore = reader.feed(row.in.substr(0, cut), content);
      std::ignore = reader.feed(row.in.substr(cut), content);
      EXPECT_TRUE(reader.is_complete());
      EXPECT_EQ(reader.longest_line(), row.longest);
    }
  }
}

// RFC 3030: as many octets as were announced, whatever they are. The rules for lines are those of DATA.
TEST(ContentReader, TakesChunksWithoutFinalDotAndDotStuffing) {
  using namespace std::string_literals;
  const struct {
    std::string in;
    std::string content;
    ContentFault fault;         // with bare LF refused
    ContentFault device_fault;  // with bare LF repaired
    const char* why;
  } rows[] = {
      {"", "", ContentFault::none, ContentFault::none, "BDAT 0 LAST"},
      {"..\r\n.\r\n..a\r\n", "..\r\n.\r\n..a\r\n", ContentFault::none, ContentFault::none,
       "a dot is a dot"},
      {"a\r\nb", "a\r\nb\r\n", ContentFault::none, ContentFault::none,
       "the last line gets its end"},
      {"a\n.\nb\r\n", "a\r\n.\r\nb\r\n", ContentFault::bare_lf, ContentFault::none,
       "a bare LF; nothing is unstuffed behind it"},
      {"a\rb\r\n", "a", ContentFault::bare_cr, ContentFault::bare_cr, "a bare CR"},
      {"a\r\nb\r", "a\r\nb", ContentFault::bare_cr, ContentFault::bare_cr, "a bare CR at the end"},
      {"a\0b\r\n"s, "a", ContentFault::nul, ContentFault::nul, "a NUL"},
  };
  for (const auto& row : rows) {
    for (const BareLf bare_lf : {BareLf::refused, BareLf::repaired}) {
      for (std::size_t cut = 0; cut <= row.in.size(); ++cut) {
        SCOPED_TRACE(std::string(row.why) + ", cut at " + std::to_string(cut));
        ContentReader reader(bare_lf, Framing::bdat);
        std::string content;
        EXPECT_EQ(reader.feed(std::string_view(row.in).substr(0, cut), content), cut);
        EXPECT_EQ(reader.feed(std::string_view(row.in).substr(cut), content), row.in.size() - cut);
        EXPECT_FALSE(reader.is_complete());
        reader.finish(content);
        EXPECT_TRUE(reader.is_complete());
        const auto fault = bare_lf == BareLf::refused ? row.fault : row.device_fault;
        EXPECT_EQ(reader.fault(), fault);
        if (fault == ContentFault::none) {
          EXPECT_EQ(content, row.content);
        }
      }
    }
  }
}

TEST(ContentReader, StaysInStepBehindAFalseEnd) {
  const struct {
    std::string in;
    std::string repaired;
    const char* why;
  } rows[] = {
      {"a\n.\r\nb\r\n.\r\n", "a\r\n\r\nb\r\n", "the dot behind a bare LF was stuffing"},
      {"a\r\n.\nb\r\n.\r\n", "a\r\n\r\nb\r\n", "likewise"},
      {"a\nb\r\n.\r\n", "a\r\nb\r\n", "a line of an old scanner"},
      {"a\n..b\r\n.\r\n", "a\r\n.b\r\n", "and its stuffing"},
      {"a\n\n.\r\n.\r\n", "a\r\n\r\n\r\n", "the true end comes later"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    expect_everywhere(BareLf::repaired, row.in, {row.repaired, "", true, ContentFault::none});
    const Read refused = read(BareLf::refused, {row.in + "QUIT\r\n"});
    EXPECT_TRUE(refused.is_complete);
    EXPECT_EQ(refused.left, "QUIT\r\n");
    EXPECT_EQ(refused.fault, ContentFault::bare_lf);
  }
}

TEST(ContentReader, RefusesBareCrAndNulOfEveryClient) {
  using namespace std::string_literals;
  const struct {
    std::string in;
    ContentFault fault;
  } rows[] = {
      {"a\rb\r\n.\r\n"s, ContentFault::bare_cr}, {"a\r\r\n.\r\n"s, ContentFault::bare_cr},
      {".\rb\r\n.\r\n"s, ContentFault::bare_cr}, {".\r\r\n.\r\n"s, ContentFault::bare_cr},
      {"\r.\r\n.\r\n"s, ContentFault::bare_cr},  {"a\0b\r\n.\r\n"s, ContentFault::nul},
      {"\0\r\n.\r\n"s, ContentFault::nul},       {".\0\r\n.\r\n"s, ContentFault::nul},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(testing::PrintToString(row.in));
    for (const BareLf bare_lf : {BareLf::refused, BareLf::repaired}) {
      for (std::size_t cut = 0; cut <= row.in.size(); ++cut) {
        const Read result = read(bare_lf, {row.in.substr(0, cut), row.in.substr(cut), "QUIT\r\n"});
        EXPECT_TRUE(result.is_complete);
        EXPECT_EQ(result.fault, row.fault);
        EXPECT_EQ(result.left, "QUIT\r\n");
        EXPECT_EQ(result.content.find('\0'), std::string::npos);
      }
    }
  }
}

}  // namespace
}  // namespace postern::smtpd
