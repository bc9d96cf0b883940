#include "mail/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "mail/ascii.h"
#include "mail/header.h"
#include "mail/returned_content.h"

namespace postern::mail {
namespace {

using namespace std::chrono;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr auto arrival = sys_days{2026y / 11 / 21} + 21h + 25min;
constexpr auto now = arrival + 1h;

ReportOrigin origin() { return {"smarthost.office.example", now, MessageId(99)}; }

ReportedRecipient recipient(std::string mailbox, Reply reply, std::string remote) {
  return {*Mailbox::parse(mailbox), {},         std::move(reply),
          std::move(remote),        now - 1min, arrival + 120h};
}

ReportedMessage undelivered(std::string_view content) {
  return {MessageId(42),     arrival, *Mailbox::parse("alice@office.example"),
          {Return::headers}, false,   content,
          content.size(),    {}};
}

ReportedMessage to_two() {
  auto message = undelivered("From: alice\r\nSubject: hello\r\n");
  message.recipients = {
      recipient("bob@b.example", {550, {5, 1, 1}, "no such user"}, "mx.b.example[192.0.2.1]:25"),
      recipient("carol@c.example", {450, {}, "later\nplease"}, ""),
  };
  return message;
}

/// A part as a reader takes it out: the text between two delimiters, header and body apart.
struct Part {
  std::string header;
  std::string body;
};

struct Multipart {
  std::string header;
  std::vector<Part> parts;
};

Part part_of(const std::string& text) {
  const auto end = text.find("\r\n\r\n");
  return {text.substr(0, end + 2), text.substr(end + 4)};
}

Multipart read(const std::string& content) {
  const auto [header, body] = part_of(content);
  const auto quote = header.find("boundary=\"") + 10;
  const auto delimiter = "--" + header.substr(quote, header.find('"', quote) - quote);
  Multipart all{header, {}};
  std::size_t begin = body.find(delimiter) + delimiter.size() + 2;
  for (;;) {
    const auto end = body.find("\r\n" + delimiter, begin);
    if (end == std::string::npos) break;
    all.parts.push_back(part_of(body.substr(begin, end - begin)));
    begin = end + 2 + delimiter.size() + 2;
  }
  return all;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find("\r\n", begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end == std::string::npos ? text.size() : end + 2;
  }
  return lines;
}

void expect_sendable(const std::string& content) {
  EXPECT_THAT(content, EndsWith("\r\n"));
  for (const auto& line : lines_of(content)) {
    EXPECT_LE(line.size(), 998U);
    EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return is_printable(c) || c == '\t'; }))
        << line;
  }
}

TEST(Bounce, SaysWhoSentItAndThatNobodyShallAnswer) {  // statement 84
  const auto content = report_content(Action::failed, origin(), to_two());
  expect_sendable(content);
  EXPECT_EQ(std::string(header_section_of(content)),
            "From: Mail Delivery System <MAILER-DAEMON@smarthost.office.example>\r\n"
            "To: <alice@office.example>\r\n"
            "Subject: Your message could not be delivered\r\n"
            "Date: Sat, 21 Nov 2026 22:25:00 +0000\r\n"
            "Message-ID: <0000000000033@smarthost.office.example>\r\n"
            "Auto-Submitted: auto-replied\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status;\r\n"
            " boundary=\"postern-0000000000033-0\"\r\n");
  EXPECT_TRUE(split_header(header_section_of(content)));
}

TEST(Bounce, HasThePartsOfRfc6522) {  // statement 84
  const auto report = read(report_content(Action::failed, origin(), to_two()));
  ASSERT_EQ(report.parts.size(), 3U);
  EXPECT_EQ(report.parts[0].header, "Content-Type: text/plain; charset=us-ascii\r\n");
  EXPECT_EQ(report.parts[1].header, "Content-Type: message/delivery-status\r\n");
  EXPECT_EQ(report.parts[2].header, "Content-Type: text/rfc822-headers\r\n");
  EXPECT_EQ(report.parts[2].body, "From: alice\r\nSubject: hello\r\n");
}

TEST(Bounce, TellsProgramsOfAllItsRecipients) {  // statements 90 and 91
  EXPECT_EQ(read(report_content(Action::failed, origin(), to_two())).parts.at(1).body,
            "Reporting-MTA: dns; smarthost.office.example\r\n"
            "X-Postern-Message-ID: 000000000001A\r\n"
            "Arrival-Date: Sat, 21 Nov 2026 21:25:00 +0000\r\n"
            "\r\n"
            "Final-Recipient: rfc822; bob@b.example\r\n"
            "Action: failed\r\n"
            "Status: 5.1.1\r\n"
            "Remote-MTA: dns; mx.b.example\r\n"
            "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
            "Last-Attempt-Date: Sat, 21 Nov 2026 22:24:00 +0000\r\n"
            "\r\n"
            "Final-Recipient: rfc822; carol@c.example\r\n"
            "Action: failed\r\n"
            "Status: 4.0.0\r\n"
            "Diagnostic-Code: x-postern; 450 later please\r\n"
            "Last-Attempt-Date: Sat, 21 Nov 2026 22:24:00 +0000\r\n");
}

TEST(Bounce, TellsPeopleInTheRemotesOwnWords) {  // statement 90
  EXPECT_EQ(read(report_content(Action::failed, origin(), to_two())).parts.at(0).body,
            "This is the mail server smarthost.office.example.\r\n"
            "\r\n"
            "Your message could not be delivered to the recipients below. Nothing more will\r\n"
            "be tried for them.\r\n"
            "It came in on Sat, 21 Nov 2026 21:25:00 +0000.\r\n"
            "Its header is attached.\r\n"
            "\r\n"
            "<bob@b.example>\r\n"
            "    Delivery failed. mx.b.example[192.0.2.1]:25 said: 550 5.1.1 no such user\r\n"
            "\r\n"
            "<carol@c.example>\r\n"
            "    Delivery did not succeed in time. The reason: 450 later please\r\n");
}

TEST(DelayWarning, SaysUntilWhenItIsTried) {
  const auto content = report_content(Action::delayed, origin(), to_two());
  expect_sendable(content);
  EXPECT_THAT(content, HasSubstr("Subject: Your message has not been delivered yet\r\n"));
  const auto report = read(content);
  EXPECT_THAT(report.parts.at(0).body, HasSubstr("You need not\r\nsend it again."));
  EXPECT_THAT(
      report.parts.at(0).body,
      HasSubstr("    Will be tried until Thu, 26 Nov 2026 21:25:00 +0000. The reason: 450 later\r\n"
                "    please\r\n"));
  EXPECT_THAT(report.parts.at(1).body,
              HasSubstr("Action: delayed\r\nStatus: 4.0.0\r\n"
                        "Diagnostic-Code: x-postern; 450 later please\r\n"
                        "Last-Attempt-Date: Sat, 21 Nov 2026 22:24:00 +0000\r\n"
                        "Will-Retry-Until: Thu, 26 Nov 2026 21:25:00 +0000\r\n"));
  EXPECT_THAT(content, Not(HasSubstr("failed")));
}

TEST(SuccessReport, SaysThatNoMoreWillBeHeard) {  // statement 87; RFC 3461, 5.2.2
  auto message = undelivered("Subject: hello\r\n");
  message.dsn = {Return::full, "QQ+2B314"};
  message.recipients = {
      recipient("bob@b.example", {250, {2, 0, 0}, "queued"}, "mx.b.example[192.0.2.1]:25"),
      recipient("carol@b.example", {250, {}, "queued"}, "mx.b.example[192.0.2.1]:25")};
  const auto content = report_content(Action::relayed, origin(), message);
  expect_sendable(content);
  EXPECT_THAT(content, HasSubstr("Subject: Your message has been passed on\r\n"));
  const auto report = read(content);
  EXPECT_THAT(report.parts.at(0).body,
              HasSubstr("    Passed on. mx.b.example[192.0.2.1]:25 said: 250 2.0.0 queued\r\n"));
  EXPECT_EQ(report.parts.at(1).body,
            "Original-Envelope-Id: QQ+314\r\n"
            "Reporting-MTA: dns; smarthost.office.example\r\n"
            "X-Postern-Message-ID: 000000000001A\r\n"
            "Arrival-Date: Sat, 21 Nov 2026 21:25:00 +0000\r\n"
            "\r\n"
            "Final-Recipient: rfc822; bob@b.example\r\n"
            "Action: relayed\r\n"
            "Status: 2.0.0\r\n"
            "Remote-MTA: dns; mx.b.example\r\n"
            "Diagnostic-Code: smtp; 250 2.0.0 queued\r\n"
            "Last-Attempt-Date: Sat, 21 Nov 2026 22:24:00 +0000\r\n"
            "\r\n"
            "Final-Recipient: rfc822; carol@b.example\r\n"
            "Action: relayed\r\n"
            "Status: 2.0.0\r\n"
            "Remote-MTA: dns; mx.b.example\r\n"
            "Diagnostic-Code: smtp; 250 queued\r\n"
            "Last-Attempt-Date: Sat, 21 Nov 2026 22:24:00 +0000\r\n");
}

TEST(Report, GivesBackWhatTheSenderCalledTheRecipient) {  // statement 88
  struct Row {
    const char* why;
    std::string original;
    std::string field;
  };
  const Row table[] = {
      {"decoded", "rfc822;Bob+2Btag+3Dx@B.example",
       "\r\n\r\nOriginal-Recipient: rfc822;Bob+tag=x@B.example\r\nFinal-Recipient: "},
      {"another type", "x400;/S=bob/", "Original-Recipient: x400;/S=bob/\r\n"},
      {"utf-8, which is in no xtext", "utf-8;b\\x{F6}b@b.example",
       "Original-Recipient: utf-8;b\\x{F6}b@b.example\r\n"},
      {"utf-8, plain",
       "UTF-8;b\xc3\xb6"
       "b@b.example",
       "Original-Recipient: UTF-8;b\\x{F6}b@b.example\r\n"},
      {"no way into the report's header", "rfc822;a+0D+0AAction:+20delivered",
       "Original-Recipient: rfc822;a??Action: delivered\r\n"},
      {"none given", "", "\r\n\r\nFinal-Recipient: rfc822; bob@b.example\r\n"},
      {"longer than a line", "utf-8;" + std::string(1000, 'x'),
       "\r\n\r\nFinal-Recipient: rfc822; bob@b.example\r\n"},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.why);
    auto message = undelivered("");
    message.recipients = {recipient("bob@b.example", {550, {}, "no"}, "")};
    message.recipients[0].original = row.original;
    const auto content = report_content(Action::failed, origin(), message);
    expect_sendable(content);
    EXPECT_THAT(read(content).parts.at(1).body, HasSubstr(row.field));
  }
}

TEST(Report, GivesBackTheEnvelopeIdAndNothingThatWasHiddenInIt) {  // statement 88
  auto message = undelivered("");
  message.dsn.envelope_id = "id+2B1+0D+0AX:+20y";
  message.recipients = {recipient("bob@b.example", {550, {}, "no"}, "")};
  EXPECT_THAT(read(report_content(Action::failed, origin(), message)).parts.at(1).body,
              HasSubstr("Original-Envelope-Id: id+1??X: y\r\n"));
}

TEST(Report, ReturnsASmallMessageWholeAndSaysSo) {  // statement 89
  const std::string content = "Subject: hello\r\n\r\nbody\r\n";
  auto message = undelivered(content);
  message.dsn.ret = Return::unsaid;
  message.recipients = {recipient("bob@b.example", {550, {5, 1, 1}, "no"}, "")};
  const auto report = read(report_content(Action::failed, origin(), message));
  EXPECT_THAT(report.parts.at(0).body, HasSubstr("\r\nIt is attached.\r\n"));
  EXPECT_EQ(report.parts.at(2).header, "Content-Type: message/rfc822\r\n");
  EXPECT_EQ(report.parts.at(2).body, content);
}

TEST(Report, DerivesAStatusWhereNoneWasGiven) {  // statement 90
  struct Row {
    Reply reply;
    bool is_bounce;
    const char* status;
  };
  const Row table[] = {
      {{550, {5, 7, 1}, ""}, true, "5.7.1"},
      {{550, {}, ""}, true, "5.0.0"},
      {{421, {}, ""}, true, "4.0.0"},
      {{0, {}, "no reply at all"}, true, "5.0.0"},
      {{421, {4, 3, 2}, ""}, false, "4.3.2"},
      {{421, {}, ""}, false, "4.0.0"},
      {{0, {}, "no reply at all"}, false, "4.0.0"},
  };
  for (const auto& row : table) {
    auto message = undelivered("");
    message.recipients = {recipient("bob@b.example", row.reply, "")};
    const auto content = row.is_bounce ? report_content(Action::failed, origin(), message)
                                       : report_content(Action::delayed, origin(), message);
    EXPECT_THAT(content, HasSubstr(std::string("\r\nStatus: ") + row.status + "\r\n"));
  }
}

TEST(Report, NamesTheRemoteAsADnsNameOrALiteral) {
  struct Row {
    const char* remote;
    const char* named;
  };
  const Row table[] = {
      {"mx.example[192.0.2.1]:25", "mx.example"},
      {"mx.example:25", "mx.example"},
      {"mx.example", "mx.example"},
      {"[2001:db8::1]:25", "[2001:db8::1]"},
  };
  for (const auto& row : table) {
    auto message = undelivered("");
    message.recipients = {recipient("bob@b.example", {550, {}, "no"}, row.remote)};
    EXPECT_THAT(report_content(Action::failed, origin(), message),
                HasSubstr(std::string("\r\nRemote-MTA: dns; ") + row.named + "\r\n"));
  }
}

TEST(Report, IsNotHarmedByWhatStrangersSay) {
  for (const auto& words : {std::string("a\r\n\r\n--postern-0000000000033-0--\r\nb\xc3\xa4\0c", 39),
                            std::string(1024, 'w'), std::string(1024, ' '),
                            "x " + std::string(1000, 'w'), std::string()}) {
    auto message = undelivered("Subject: hello\r\n");
    message.recipients = {recipient("bob@b.example", {550, {}, words}, words)};
    for (const auto& content : {report_content(Action::failed, origin(), message),
                                report_content(Action::delayed, origin(), message)}) {
      expect_sendable(content);
      const auto report = read(content);
      ASSERT_EQ(report.parts.size(), 3U);
      EXPECT_THAT(lines_of(report.parts[1].body), testing::Contains("Status: 5.0.0"));
    }
  }
}

TEST(Report, FoldsLongWordsOfARemoteAndKeepsLinksWhole) {
  const auto link = "https://support.example/" + std::string(200, 'x');
  auto message = undelivered("");
  message.recipients = {recipient(
      "bob@b.example", {550, {5, 7, 1}, "blocked, see " + link + " for more"}, "mx.b.example")};
  EXPECT_THAT(
      report_content(Action::failed, origin(), message),
      HasSubstr("Diagnostic-Code: smtp; 550 5.7.1 blocked, see\r\n " + link + "\r\n for more\r\n"));
}

// Some readers would take it for the end of the fields.
TEST(Report, HasNoLineOfSpaces) {
  for (std::size_t length = 1; length < 100; ++length) {
    auto message = undelivered("");
    const auto words = std::string(length, 'w') + std::string(300, ' ');
    message.recipients = {recipient("bob@b.example", {550, {}, words}, "")};
    for (const auto& line : lines_of(report_content(Action::failed, origin(), message))) {
      EXPECT_TRUE(line.empty() || line.find_first_not_of(' ') != std::string::npos) << length;
    }
  }
}

TEST(Report, KeepsTheSpacesOfAQuotedMailbox) {
  auto message = undelivered("");
  message.recipients = {recipient("\"a  b\"@b.example", {550, {}, "no"}, "")};
  const auto content = report_content(Action::failed, origin(), message);
  EXPECT_THAT(content, HasSubstr("Final-Recipient: rfc822; \"a  b\"@b.example\r\n"));
  EXPECT_THAT(content, HasSubstr("<\"a  b\"@b.example>\r\n"));
}

TEST(Report, ReturnsAHeaderThatIsNotAsciiAsQuotedPrintable) {
  const std::string long_line = "X: " + std::string(1500, 'x') + "\r\n";
  const std::string bytes = "Subject: gr\xc3\xbc\xc3\x9f\r\nX: \x01 a\rb\nc\r\n";
  for (const auto& header : {long_line, bytes}) {
    const auto content = report_content(Action::failed, origin(), undelivered(header));
    expect_sendable(content);
    const auto part = read(content).parts.at(2);
    EXPECT_EQ(
        part.header,
        "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n");
  }
  EXPECT_EQ(read(report_content(Action::failed, origin(), undelivered(bytes))).parts.at(2).body,
            "Subject: gr=C3=BC=C3=9F\r\nX: =01 a=0Db=0Ac\r\n");
}

TEST(Report, ReturnsABoundedHeader) {  // statement 89
  std::string header;
  while (header.size() <= max_returned_header) header += "X-Line: " + std::string(60, 'x') + "\r\n";
  const auto body =
      read(report_content(Action::failed, origin(), undelivered(header))).parts.at(2).body;
  EXPECT_LE(body.size(), max_returned_header);
  EXPECT_GT(body.size(), max_returned_header - 80);
  EXPECT_TRUE(header.starts_with(body)) << "whole lines from the front";
  EXPECT_THAT(body, EndsWith("\r\n"));
  expect_sendable(report_content(Action::failed, origin(), undelivered(std::string(200'000, 'x'))));
}

TEST(Report, EndsTheLastLineOfAHeader) {
  EXPECT_EQ(
      read(report_content(Action::failed, origin(), undelivered("A: b\r\nC: d"))).parts.at(2).body,
      "A: b\r\nC: d\r\n");
}

TEST(Report, HasABoundaryThatStandsInNoPart) {
  const std::string header =
      "Subject: x\r\n\t--postern-0000000000033-0\r\n\t--postern-0000000000033-1\r\n";
  const auto content = report_content(Action::failed, origin(), undelivered(header));
  EXPECT_THAT(content, HasSubstr("boundary=\"postern-0000000000033-2\""));
  EXPECT_EQ(read(content).parts.at(2).body, header);
}

}  // namespace
}  // namespace postern::mail
