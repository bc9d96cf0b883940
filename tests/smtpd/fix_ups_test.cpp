#include "smtpd/fix_ups.h"

#include <gtest/gtest.h>

namespace postern::smtpd {
namespace {

using namespace std::chrono_literals;

const Additions additions_here{"Received: by us\r\n", "Date: now\r\n", "Message-ID: <1@us>\r\n"};
const std::string dated = "Date: x\r\nMessage-ID: y\r\n";

TEST(FixUps, ChangeWhatTheyMustAndNothingElse) {
  const struct {
    std::string in;
    std::string out;  // behind Received
    const char* why;
  } rows[] = {
      {"", "Date: now\r\nMessage-ID: <1@us>\r\n", "both are added"},
      {"date: x\r\n", "date: x\r\nMessage-ID: <1@us>\r\n", "names have no case"},
      {"MESSAGE-id:odd\r\nDate:\r\n", "MESSAGE-id:odd\r\nDate:\r\n", "even if odd (statement 37)"},
      {"Bcc: a@b\r\n" + dated, dated, "statement 38"},
      {"BCC: a@b,\r\n\tc@d,\r\n e@f\r\n" + dated, dated, "folded"},
      {"Bcc: a@b\r\nTo: c@d\r\nbcc: e@f\r\n" + dated, "To: c@d\r\n" + dated, "repeated"},
      {"Resent-Bcc: a@b\r\n" + dated, dated, "of a resent message"},
      {"Return-Path: <a@b>\r\n" + dated, dated, "statement 39"},
      {"X-Bcc: a\r\nBcc-Note: b\r\n" + dated, "X-Bcc: a\r\nBcc-Note: b\r\n" + dated, "other names"},
      {"Subject: \xc3\xa4  b\t\r\n  c \r\n" + dated, "Subject: \xc3\xa4  b\t\r\n  c \r\n" + dated,
       "spaces, folding, eight bits: as they came"},
      {"Received: by a\r\nReceived: by b\r\n" + dated,
       "Received: by a\r\nReceived: by b\r\n" + dated, "the trace so far stays"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const auto fixed = fix_up(row.in, additions_here);
    ASSERT_TRUE(fixed);
    EXPECT_EQ(*fixed, additions_here.received + row.out);
  }
}

TEST(FixUps, SeeALoopInTooManyReceivedFields) {
  std::string section = dated;
  for (std::size_t i = 0; i < max_received_fields; ++i) section += "received: by a\r\n";
  EXPECT_TRUE(fix_up(section, additions_here));
  const auto looping = fix_up(section + "Received: by a\r\n", additions_here);
  ASSERT_FALSE(looping);
  EXPECT_EQ(looping.error().one_line().substr(0, 9), "554 5.4.6");
}

mail::Envelope envelope(const std::string& helo, bool is_login, int recipients,
                        const char* client = "192.0.2.1") {
  const auto address = boost::asio::ip::make_address(client);
  const auto permit =
      mail::relay_permit(mail::AuthPolicy::optional, {*mail::Network::parse(client)}, address,
                         is_login ? std::optional(mail::Identity{"fun"}) : std::nullopt);
  mail::Envelope result =
      mail::envelope_of(*permit, helo, "TLSv1.3 X", std::nullopt, mail::BodyType::seven_bit);
  for (int i = 0; i < recipients; ++i) {
    result.recipients.push_back({*mail::Mailbox::parse("r" + std::to_string(i) + "@b.example")});
  }
  return result;
}

TEST(ReceivedField, TellsWhoGaveTheMessageToWhom) {
  const struct {
    mail::Envelope envelope;
    bool hide_client;
    std::string out;
    const char* why;
  } rows[] = {
      {envelope("printer.example", false, 1), true,
       "Received: from printer.example ([192.0.2.1])\r\n\tby mail.example with ESMTP id ID\r\n"
       "\tfor <r0@b.example>;\r\n\tSat, 21 Nov 2026 21:25:00 +0000\r\n",
       "from mynetworks"},
      {envelope("printer.example", false, 2), true,
       "Received: from printer.example ([192.0.2.1])\r\n\tby mail.example with ESMTP id ID;\r\n"
       "\tSat, 21 Nov 2026 21:25:00 +0000\r\n",
       "recipients are not told of each other"},
      {envelope("home.example", true, 2), true,
       "Received: by mail.example with ESMTP id ID;\r\n\tSat, 21 Nov 2026 21:25:00 +0000\r\n",
       "where a user writes from is nobody's business (statement 40)"},
      {envelope("home.example", true, 2), false,
       "Received: from home.example ([192.0.2.1])\r\n\tby mail.example with ESMTP id ID;\r\n"
       "\tSat, 21 Nov 2026 21:25:00 +0000\r\n",
       "unless it is configured"},
      {envelope("x) by evil (\xff", false, 2), true,
       "Received: from [192.0.2.1] ([192.0.2.1])\r\n\tby mail.example with ESMTP id ID;\r\n"
       "\tSat, 21 Nov 2026 21:25:00 +0000\r\n",
       "what a client makes up does not get in"},
      {envelope("[192.0.2.1]", false, 2, "2001:db8::1"), true,
       "Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n\tby mail.example with ESMTP id "
       "ID;"
       "\r\n\tSat, 21 Nov 2026 21:25:00 +0000\r\n",
       "IPv6, and a literal is the client's own claim"},
  };
  const mail::MessageId id(1);
  const std::chrono::sys_days day = std::chrono::year(2026) / 11 / 21;
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const Stamp stamp{"mail.example", "ESMTP", id, day + 21h + 25min, row.hide_client};
    std::string expected = row.out;
    expected.replace(expected.find("ID"), 2, id.text());
    EXPECT_EQ(additions(row.envelope, stamp).received, expected);
  }
}

TEST(Additions, NameTheMessageAfterItsId) {
  const Stamp stamp{"mail.example", "ESMTP", mail::MessageId(7), {}, true};
  const Additions made = additions(envelope("a.example", false, 1), stamp);
  EXPECT_EQ(made.message_id, "Message-ID: <" + mail::MessageId(7).text() + "@mail.example>\r\n");
  EXPECT_EQ(made.date, "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n");
}

}  // namespace
}  // namespace postern::smtpd
