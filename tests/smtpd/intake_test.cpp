#include "smtpd/intake.h"

#include <gtest/gtest.h>

#include "mail/header.h"
#include "net/frames.h"

namespace postern::smtpd {
namespace {

const Additions additions_here{"Received: by us\r\n", "Date: now\r\n", "Message-ID: <1@us>\r\n"};
constexpr std::uint64_t no_limit = 1'000'000'000;

const Submitter device{};
const Submitter user{mail::Identity{"fun", {}, true}, {}};

struct Taken {
  std::string content;
  std::size_t longest = 0;
  std::optional<mail::Reply> refusal;
  bool is_complete = false;
};

Taken take(const std::string& in, std::uint64_t max_size, std::size_t piece,
           const Submitter& submitter = user) {
  Intake intake(submitter, max_size, additions_here);
  Taken taken;
  for (std::size_t at = 0; at < in.size() && !intake.is_complete(); at += piece) {
    std::ignore = intake.feed(std::string_view(in).substr(at, piece));
    for (std::string chunk = intake.take_chunk(); !chunk.empty(); chunk = intake.take_chunk()) {
      taken.longest = std::max(taken.longest, chunk.size());
      taken.content += chunk;
    }
  }
  taken.refusal = intake.refusal();
  taken.is_complete = intake.is_complete();
  return taken;
}

TEST(Intake, FixesTheHeaderAndPassesTheBodyThrough) {
  const struct {
    std::string in;
    std::string out;
    const char* why;
  } rows[] = {
      {"Subject: a\r\n\r\nbody\r\n.\r\n",
       "Received: by us\r\nSubject: a\r\nDate: now\r\nMessage-ID: <1@us>\r\n\r\nbody\r\n", "usual"},
      {"\r\nbody\r\n.\r\n", "Received: by us\r\nDate: now\r\nMessage-ID: <1@us>\r\n\r\nbody\r\n",
       "an empty header section is legal"},
      {".\r\n", "Received: by us\r\nDate: now\r\nMessage-ID: <1@us>\r\n", "an empty content"},
      {"Subject: a\r\n.\r\n",
       "Received: by us\r\nSubject: a\r\nDate: now\r\nMessage-ID: <1@us>\r\n",
       "no body, and so no empty line (RFC 5322, 3.5)"},
      {"Date: x\r\nMessage-ID: y\r\n\r\nBcc: body\r\n\r\nend\r\n.\r\n",
       "Received: by us\r\nDate: x\r\nMessage-ID: y\r\n\r\nBcc: body\r\n\r\nend\r\n",
       "what looks like a field in the body is body"},
  };
  for (const auto& row : rows) {
    for (std::size_t piece = 1; piece <= row.in.size(); ++piece) {
      SCOPED_TRACE(std::string(row.why) + ", in pieces of " + std::to_string(piece));
      const Taken taken = take(row.in, no_limit, piece);
      EXPECT_EQ(taken.content, row.out);
      EXPECT_FALSE(taken.refusal);
      EXPECT_TRUE(taken.is_complete);
    }
  }
}

// RFC 3030: the same fix-ups, and a CRLF may be parted by the border of two chunks.
TEST(Intake, TakesChunks) {
  const std::string in = "Subject: a\r\nBcc: b\r\n\r\n.\r\n..body\r\n";
  const std::string out =
      "Received: by us\r\nSubject: a\r\nDate: now\r\nMessage-ID: <1@us>\r\n\r\n.\r\n..body\r\n";
  for (std::size_t cut = 0; cut <= in.size(); ++cut) {
    Intake intake(user, in.size(), additions_here, Framing::bdat);
    intake.feed_chunk(std::string_view(in).substr(0, cut));
    intake.feed_chunk(std::string_view(in).substr(cut));
    EXPECT_EQ(intake.take_chunk(), "");
    EXPECT_FALSE(intake.is_complete());
    intake.finish();
    EXPECT_TRUE(intake.is_complete());
    EXPECT_FALSE(intake.refusal());
    EXPECT_EQ(intake.take_chunk(), out);
  }
  Intake over(user, in.size() - 1, additions_here, Framing::bdat);
  over.feed_chunk(in);
  EXPECT_EQ(over.refusal()->code, 552);
}

TEST(Intake, KeepsALongBodyInPieces) {
  std::string body;
  while (body.size() < 1'000'000)
    body += "A line of a long message, number " + std::to_string(body.size()) + "\r\n";
  const Taken taken = take("Date: x\r\nMessage-ID: y\r\n\r\n" + body + ".\r\n", no_limit, 50'000);
  EXPECT_EQ(taken.content, "Received: by us\r\nDate: x\r\nMessage-ID: y\r\n\r\n" + body);
  EXPECT_LE(taken.longest, frames::max_chunk);
}

// RFC 1870, 6.3: dots of stuffing are not counted, CRLF is. Statement 47: it reads on to the end.
TEST(Intake, RefusesMoreThanTheLimitAfterTheFinalDot) {
  const std::string content = "A: b\r\n\r\n..\r\n";
  const std::uint64_t size = content.size() - 1;
  EXPECT_FALSE(take(content + ".\r\n", size, 5).refusal);
  const Taken over = take(content + ".\r\n", size - 1, 5);
  ASSERT_TRUE(over.refusal);
  EXPECT_EQ(over.refusal->one_line().substr(0, 9), "552 5.3.4");
  EXPECT_TRUE(over.is_complete);
}

TEST(Intake, BoundsTheHeaderSection) {
  const std::string field = "X: " + std::string(990, 'x') + "\r\n";
  std::string section;
  while (section.size() + field.size() <= mail::max_header_section) section += field;
  EXPECT_FALSE(take(section + "\r\n.\r\n", no_limit, 7000).refusal);
  for (const std::string end : {"\r\nbody\r\n.\r\n", ".\r\n"}) {
    const Taken taken = take(section + field + end, no_limit, 7000);
    ASSERT_TRUE(taken.refusal);
    EXPECT_EQ(taken.refusal->code, 552);
    EXPECT_TRUE(taken.is_complete);
    EXPECT_EQ(taken.content, "");
  }
}

TEST(Intake, RefusesWhatIsNoMessage) {
  using namespace std::string_literals;
  const struct {
    std::string in;
    const char* why;
  } rows[] = {
      {"hello\r\n.\r\n"s, "no header section: the body must not become one (statement 42)"},
      {"From joe Mon Jan 1\r\nA: b\r\n\r\n.\r\n"s, "an mbox line"},
      {" folded\r\nA: b\r\n\r\n.\r\n"s, "nothing to fold to"},
      {"Sub ject: x\r\n\r\n.\r\n"s, "a space in a name"},
      {"A: b\nC: d\r\n\r\n.\r\n"s, "a bare LF"},
      {"A: b\r\n\r\nx\ry\r\n.\r\n"s, "a bare CR"},
      {"A: b\r\n\r\nx\0y\r\n.\r\n"s, "a NUL"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const Taken taken = take(row.in, no_limit, 3);
    ASSERT_TRUE(taken.refusal);
    EXPECT_EQ(taken.refusal->one_line().substr(0, 9), "550 5.6.0");
    EXPECT_TRUE(taken.is_complete);
  }
}

// Statement 42. In every piece, so that nothing is judged before it is there.
TEST(Intake, RepairsTheHeaderSectionOfADevice) {
  const std::string added = "Date: now\r\nMessage-ID: <1@us>\r\n";
  const struct {
    std::string in;
    std::string header;
    std::string body;  // with the empty line
    const char* why;
  } rows[] = {
      {"A: b\r\nhello\r\nC: d\r\n", "A: b\r\n", "\r\nhello\r\nC: d\r\n", "no empty line"},
      {"A: b\r\nhello\r\n\r\nC: d\r\n", "A: b\r\n", "\r\nhello\r\n\r\nC: d\r\n",
       "the empty line comes later"},
      {"hello\r\n", "", "\r\nhello\r\n", "no header section at all"},
      {" hello\r\n\r\nx\r\n", "", "\r\n hello\r\n\r\nx\r\n", "nothing to continue"},
      {"From joe Mon Jan 1 00:00:00\r\nA: b\r\n\r\nx\r\n", "A: b\r\n", "\r\nx\r\n", "an mbox line"},
      {">From joe\r\nA: b\r\n\r\nFrom x\r\n", "A: b\r\n", "\r\nFrom x\r\n", "a quoted one"},
      {"From joe\r\n\r\nx\r\n", "", "\r\nx\r\n", "nothing but an mbox line"},
      {"A: b\r\nFrom joe\r\nC: d\r\n\r\n", "A: b\r\n", "\r\nFrom joe\r\nC: d\r\n\r\n",
       "only the first line is one"},
      {"A \t: b\r\nC: d\r\n\r\nx\r\n", "A: b\r\nC: d\r\n", "\r\nx\r\n", "a space behind a name"},
      {"A: b\r\nC d: e\r\n\r\n", "A: b\r\n", "\r\nC d: e\r\n\r\n", "a space in a name"},
      {"A: b\nC : d\n\tx\n\nbody\r\n", "A: b\r\nC: d\r\n\tx\r\n", "\r\nbody\r\n", "bare LF"},
      {"A: b\r\n", "A: b\r\n", "", "nothing to repair"},
  };
  for (const auto& row : rows) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, row.in.size() + 5}) {
      SCOPED_TRACE(row.why);
      const Taken taken = take(row.in + ".\r\n", no_limit, piece, device);
      EXPECT_FALSE(taken.refusal);
      EXPECT_EQ(taken.content, "Received: by us\r\n" + row.header + added + row.body);
    }
  }
}

TEST(Intake, FindsTheEndOfADevicesHeaderInALongBody) {
  const std::string body(mail::max_header_section / 4, 'x');
  const std::string lines = body + "\r\n" + body + "\r\n" + body + "\r\n" + body + "\r\nC: d\r\n";
  std::string fields;
  while (fields.size() <= mail::max_header_section) fields += "X: y\r\n";
  EXPECT_FALSE(take("A: b\r\nhello\r\n" + lines + ".\r\n", no_limit, 7001, device).refusal);
  EXPECT_EQ(take(fields + ".\r\n", no_limit, 7001, device).refusal->code, 552);
}

// While no line is whole yet, nobody knows whether it is a field: it was taken for none, and became the body.
TEST(Intake, RefusesADevicesEndlessFirstLineInWhateverPieces) {
  const std::string in =
      "A: " + std::string(2 * mail::max_header_section, 'b') + "\r\n\r\nbody\r\n.\r\n";
  for (const std::size_t piece : {std::size_t{7001}, mail::max_header_section + 1, in.size()}) {
    const Taken taken = take(in, no_limit, piece, device);
    ASSERT_TRUE(taken.refusal) << piece;
    EXPECT_EQ(taken.refusal->code, 552);
  }
}

// Statement 43, over the sizes at which the way of a content changes.
TEST(Intake, MakesLinesFit) {
  const std::string header = "Date: x\r\nMessage-ID: y\r\n";
  const std::string lines(999, 'x');
  const std::string encoding =
      "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n";
  for (const std::size_t size : {0U, 100U, 33'000U, 70'000U, 900'000U}) {
    std::string text;
    while (text.size() < size) text += "A line of text.\r\n";
    for (const std::size_t piece : {1000U, 40'000U, 1'000'000U}) {
      SCOPED_TRACE(std::to_string(size) + " in pieces of " + std::to_string(piece));
      const Taken as_it_is = take(header + "\r\n" + text + ".\r\n", no_limit, piece);
      EXPECT_EQ(as_it_is.content, "Received: by us\r\n" + header + "\r\n" + text);
      const Taken encoded = take(header + "\r\n" + text + lines + "\r\n.\r\n", no_limit, piece);
      EXPECT_FALSE(encoded.refusal);
      EXPECT_TRUE(
          encoded.content.starts_with("Received: by us\r\n" + header + encoding + "\r\n" + text));
      EXPECT_TRUE(encoded.content.ends_with("x=\r\n" + std::string(24, 'x') + "\r\n"));
      EXPECT_LE(encoded.longest, frames::max_chunk);
      const Taken refused =
          take("DKIM-Signature: v=1\r\n\r\n" + text + lines + "\r\n.\r\n", no_limit, piece);
      ASSERT_TRUE(refused.refusal);
      EXPECT_EQ(refused.refusal->one_line().substr(0, 9), "550 5.6.0");
      EXPECT_TRUE(refused.is_complete);
    }
  }
}

TEST(Intake, SaysWhetherTheHeaderIsUtf8) {
  const struct {
    std::string in;
    bool is_utf8;
  } rows[] = {
      {"Subject: a\r\n\r\n\xc3\xa4\r\n.\r\n", false},
      {"Subject: \xc3\xa4\r\n\r\na\r\n.\r\n", true},
      {"Bcc: \xc3\xa4 <a@b>\r\n\r\na\r\n.\r\n", false},  // gone
  };
  for (const auto& row : rows) {
    Intake intake(user, no_limit, additions_here);
    std::ignore = intake.feed(row.in);
    EXPECT_NE(intake.take_chunk(), "");
    EXPECT_EQ(intake.has_utf8_header(), row.is_utf8) << row.in;
  }
}

}  // namespace
}  // namespace postern::smtpd
