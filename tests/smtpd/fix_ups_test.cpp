#include "smtpd/fix_ups.h"

#include <gtest/gtest.h>

namespace postern::smtpd {
namespace {

using namespace std::chrono_literals;

const Additions additions_here{"Received: by us\r\n", "Date: now\r\n", "Message-ID: <1@us>\r\n"};
const std::string dated = "Date: x\r\nMessage-ID: y\r\n";

Checked<std::string> fixed_up(const std::string& section, const Additions& additions,
                              const Submitter& submitter) {
  return fix_up(*mail::split_header(section), additions, submitter);
}

TEST(FixUps, ChangeWhatTheyMustAndNothingElse) {
  const struct {
    std::string in;
    std::string out;  // behind Received
    const char* why;
  } rows[] = {
      {"", "Date: now\r\nMessage-ID: <1@us>\r\n", "both are added"},
      {"date: x\r\n", "date: x\r\nMessage-ID: <1@us>\r\n", "names have no case"},
      {"MESSAGE-id:odd\r\nDate:\r\n", "MESSAGE-id:odd\r\nDate:\r\n", "even if odd (statement 37)"},
      {"Bcc:\r\n" + dated, dated, "nobody, but there"},
      {"Bcc: a@b\r\n" + dated, dated, "statement 38"},
      {"BCC: a@b,\r\n\tc@d,\r\n e@f\r\n" + dated, dated, "folded"},
      {"Bcc: a@b\r\nTo: c@d\r\nbcc: e@f\r\n" + dated, "To: c@d\r\n" + dated, "repeated"},
      {"Resent-Bcc: a@b\r\n" + dated, dated, "of a resent message"},
      {"Return-Path: <a@b>\r\n" + dated, dated, "statement 39"},
      {"X-Bcc: a\r\nBcc-Note: b\r\n" + dated, "X-Bcc: a\r\nBcc-Note: b\r\n" + dated, "other names"},
      {"Subject: \xc3\xa4  b\t\r\n  c \r\n" + dated, "Subject: \xc3\xa4  b\t\r\n  c \r\n" + dated,
       "spaces, folding, eight bits: as they came"},
      {"RETURN-path:\r\n <a@b>\r\nReturn-Path: <c@d>\r\n" + dated, dated, "folded, repeated"},
      {"Received: by a\r\nReceived: by b\r\n" + dated,
       "Received: by a\r\nReceived: by b\r\n" + dated, "the trace so far stays"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const auto fixed = fixed_up(row.in, additions_here, {});
    ASSERT_TRUE(fixed);
    EXPECT_EQ(*fixed, additions_here.received + row.out);
  }
}

TEST(FixUps, SeeALoopInTooManyReceivedFields) {  // statement 92
  std::string section = dated;
  for (std::size_t i = 0; i < max_received_fields; ++i) section += "received: by a\r\n";
  EXPECT_TRUE(fixed_up(section, additions_here, {}));
  const auto looping = fixed_up(section + "Received: by a\r\n", additions_here, {});
  ASSERT_FALSE(looping);
  EXPECT_EQ(looping.error().one_line().substr(0, 9), "554 5.4.6");
}

mail::Identity bob() {
  return {"bob",
          {*mail::Mailbox::parse("bob@d.example"), *mail::Mailbox::parse("sales@d.example")}};
}

TEST(FixUps, QualifyBareNames) {  // statement 41
  const struct {
    std::string in;
    std::string out;
    const char* why;
  } rows[] = {
      {"From: bob\r\nTo: alice, Carol <carol>\r\n",
       "From: bob@d.example\r\nTo: alice@d.example, Carol <carol@d.example>\r\n", "bare names"},
      {"reply-to:x\r\nSENDER: y\r\nCc: z\r\nFrom: a@b\r\n",
       "reply-to:x@d.example\r\nSENDER: y@d.example\r\nCc: z@d.example\r\nFrom: a@b\r\n",
       "in every field of addresses"},
      {"Resent-From: a\r\nResent-To: b\r\nResent-Cc: c\r\nResent-Sender: d\r\nFrom: a@b\r\n",
       "Resent-From: a@d.example\r\nResent-To: b@d.example\r\nResent-Cc: c@d.example\r\n"
       "Resent-Sender: d@d.example\r\nFrom: a@b\r\n",
       "of a resent message"},
      {"From: \"B\"  (x)\r\n\t<a@B.Example>\r\nTo:  a@b ,\r\n c@d\r\n",
       "From: \"B\"  (x)\r\n\t<a@B.Example>\r\nTo:  a@b ,\r\n c@d\r\n",
       "nothing to do: as it came"},
      {"From: a@b\r\nTo: Bob Smith\r\n", "From: a@b\r\nTo: Bob Smith\r\n",
       "unreadable: as it came"},
      {"From: a@b\r\nSubject: x\r\nX-To: y\r\n", "From: a@b\r\nSubject: x\r\nX-To: y\r\n",
       "other fields"},
      {"DKIM-Signature: v=1; h=from:to; b=x\r\nFrom: bob\r\nTo: al\r\nCc: eve\r\n",
       "DKIM-Signature: v=1; h=from:to; b=x\r\nFrom: bob\r\nTo: al\r\nCc: eve@d.example\r\n",
       "what a signature covers stays (statement 44)"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const auto fixed = fixed_up(dated + row.in, additions_here, {std::nullopt, "d.example"});
    ASSERT_TRUE(fixed) << fixed.error().text;
    EXPECT_EQ(*fixed, additions_here.received + dated + row.out);
  }
}

TEST(FixUps, BindFromToTheLogin) {  // statement 30
  const struct {
    std::string in;
    const char* refusal;  // empty: taken
    const char* why;
  } rows[] = {
      {"From: bob@d.example\r\n", "", "its own address"},
      {"From: \"mallory@x.example\" <BOB@D.example> (eve@x.example)\r\n", "",
       "names and comments are no addresses, and case is none"},
      {"From: bob\r\n", "", "its own, once it is qualified"},
      {"From: bob@d.example, Sales <sales@d.example>\r\n", "", "two of its own"},
      {"", "", "none: it gets the reverse-path"},
      {"From: alice@d.example\r\n", "550 5.7.1", "another's"},
      {"From: alice\r\n", "550 5.7.1", "another's, qualified"},
      {"From: bob@d.example, alice@d.example\r\n", "550 5.7.1", "one of two is another's"},
      {"From: bob@d.example\r\nfrom: alice@d.example\r\n", "550 5.7.1", "in a second From"},
      {"From: G: alice@d.example;\r\n", "550 5.7.1", "in a group"},
      {"From: bob@d.example; alice@d.example\r\n", "550 5.7.1", "behind a semicolon"},
      {"From: bob@d.example <alice@d.example>\r\n", "550 5.7.1", "its own as a name only"},
      {"From: Bob@d.example <bob@d.example>\r\n", "", "its own as a name, too"},
      {"From: ceo@d.example <bob@d.example>\r\n", "550 5.6.0", "some readers take the name"},
      {"From: The ceo@d.example <bob@d.example>\r\n", "550 5.6.0", "or its last word"},
      {"From: b ob@d.example <bob@d.example>\r\n", "550 5.6.0", "likewise"},
      {"From: ceo@d.example <bob>\r\n", "550 5.6.0", "once it is qualified, too"},
      {"From: bob@d.example (\r\n", "550 5.6.0", "readers would disagree"},
      {"From: <bob@d.example> <alice@d.example>\r\n", "550 5.6.0", "likewise"},
      {"From: bob@d.example alice@d.example\r\n", "550 5.6.0", "likewise"},
      {"From:\r\n", "550 5.6.0", "nobody"},
      {"From: undisclosed:;\r\n", "550 5.6.0", "nobody, as a group"},
      {"From: <>\r\n", "550 5.6.0", "null is for reverse-paths"},
      {"From: bob@d..example\r\n", "550 5.6.0", "no domain"},
      {"DKIM-Signature: h=from\r\nFrom: bob\r\n", "550 5.6.0", "bare, and covered"},
      {"DKIM-Signature: h=from\r\nSender: a@b\r\n", "550 5.6.0", "none, and that is covered"},
  };
  const Additions additions{"Received: by us\r\n", "", "", "From: <bob@d.example>\r\n"};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const auto fixed = fixed_up(row.in, additions, {bob(), "d.example"});
    EXPECT_EQ(fixed ? "" : fixed.error().one_line().substr(0, 9), row.refusal);
    mail::Identity boss = bob();
    boss.any_sender = true;
    EXPECT_TRUE(fixed_up(row.in, additions, {boss, "d.example"}));
    EXPECT_TRUE(fixed_up(row.in, additions, {std::nullopt, "d.example"}))
        << "a device is not bound";
  }
}

TEST(FixUps, SayWhichAddressTheLoginMayNotUse) {
  const auto fixed = fixed_up("From: a@x.example\r\n", additions_here, {bob(), {}});
  ASSERT_FALSE(fixed);
  EXPECT_NE(fixed.error().text.find("a@x.example"), std::string::npos);
  EXPECT_NE(fixed.error().text.find("bob"), std::string::npos);
}

TEST(FixUps, AddFromOfTheReversePath) {
  const Additions additions{"", "", "", "From: <bob@d.example>\r\n"};
  const Additions of_null{"", "", "", ""};
  EXPECT_EQ(*fixed_up("A: b\r\n", additions, {}), "A: b\r\nFrom: <bob@d.example>\r\n");
  EXPECT_EQ(*fixed_up("A: b\r\n", of_null, {}), "A: b\r\n");
  EXPECT_FALSE(fixed_up("A: b\r\n", of_null, {bob(), {}})) << "a login must say who writes";
}

TEST(FixUps, LeaveWhatASignatureCovers) {  // statement 44
  const std::string signature = "DKIM-Signature: v=1; d=x;\r\n\th=From:Date : MESSAGE-ID; b=\r\n";
  EXPECT_EQ(*fixed_up(signature + "From: a@b\r\n", additions_here, {}),
            additions_here.received + signature + "From: a@b\r\n")
      << "that there is no Date may be signed";
  EXPECT_EQ(*fixed_up(signature + "Bcc: c\r\nReturn-Path: <d>\r\n", additions_here, {}),
            additions_here.received + signature)
      << "not covered: removed";
  const auto hidden = fixed_up("Bcc: a@b\r\nDKIM-Signature: h=from:bcc\r\n", additions_here, {});
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().one_line().substr(0, 9), "550 5.6.0");
}

TEST(FixUps, FoldLinesThatAreTooLong) {  // statement 43
  std::string words;
  while (words.size() <= 998) words += " word";
  std::string list = "a@b.example";
  while (list.size() <= 998) list += ",a@b.example";
  const std::string word(999, 'x');
  const struct {
    std::string in;
    bool is_taken;
    const char* why;
  } rows[] = {
      {"Subject:" + words + "\r\n", true, "at white space"},
      {"To:" + list + "\r\n", true, "addresses without spaces: behind their commas"},
      {"Subject:" + word + "\r\n", false, "no white space"},
      {"References:" + list + "\r\n", false, "commas mean nothing elsewhere"},
      {"DKIM-Signature: h=subject\r\nSubject:" + words + "\r\n", false, "signed (statement 44)"},
      {"DKIM-Signature: h=from\r\nSubject:" + words + "\r\n", true, "signed, but not this field"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const auto fixed = fixed_up(row.in, additions_here, {});
    ASSERT_EQ(fixed.has_value(), row.is_taken);
    if (fixed) {
      for (std::string_view rest = *fixed; !rest.empty();
           rest.remove_prefix(rest.find("\r\n") + 2)) {
        EXPECT_LE(rest.find("\r\n"), 998U);
      }
    } else {
      EXPECT_EQ(fixed.error().one_line().substr(0, 9), "550 5.6.0");
    }
  }
}

mail::Envelope envelope(const std::string& helo, bool is_login, int recipients,
                        const char* client = "192.0.2.1", const char* tls = "") {
  const auto address = boost::asio::ip::make_address(client);
  const auto permit =
      mail::relay_permit(mail::AuthPolicy::optional, {*mail::Network::parse(client)}, address,
                         is_login ? std::optional(mail::Identity{"fun"}) : std::nullopt);
  mail::Envelope result =
      mail::envelope_of(*permit, helo, tls, std::nullopt, mail::BodyType::seven_bit);
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
       "\tfor <r0@b.example>;\r\n\tSat, 21 Nov 2026 21:25:00 "
       "+0000\r\n",
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
      {envelope("printer.example", false, 1, "192.0.2.1", "TLSv1.3 X"), true,
       "Received: from printer.example ([192.0.2.1])\r\n\tby mail.example with ESMTP id ID\r\n"
       "\tfor <r0@b.example>\r\n\t(version=TLSv1.3 cipher=X);\r\n"
       "\tSat, 21 Nov 2026 21:25:00 +0000\r\n",
       "how it was encrypted"},
      {envelope("home.example", true, 2, "192.0.2.1", "TLSv1.3 X"), true,
       "Received: by mail.example with ESMTP id ID;\r\n\tSat, 21 Nov 2026 21:25:00 +0000\r\n",
       "but that tells of the user's program too"},
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
