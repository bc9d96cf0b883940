// Reports about addresses outside ASCII (RFC 6533): ASCII all the same, unless the sender's own address is one of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mail/dsn_text.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/report.h"

namespace postern::mail {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string header = "Subject: hello\r\n";

ReportedMessage message_from(const std::string& sender) {
  ReportedMessage message{MessageId(42), {},     *Mailbox::parse(sender), {Return::headers},
                          true,          header, header.size(),           {}};
  for (const char* to : {"j\xc3\xb6rg@b.example", "bob@b.example"}) {
    message.recipients.push_back({*Mailbox::parse(to), {}, {550, {5, 1, 1}, "no"}, {}, {}, {}});
  }
  return message;
}

std::string report_to(const std::string& sender) {
  return report_content(Action::failed, {"smarthost.office.example", {}, MessageId(99)},
                        message_from(sender));
}

TEST(InternationalReport, IsAsciiForASenderWhoseAddressIs) {  // statement 84
  const std::string content = report_to("alice@office.example");
  EXPECT_TRUE(is_ascii(content)) << "whatever the recipients are";
  EXPECT_THAT(header_section_of(content), Not(HasSubstr("8bit")));
  EXPECT_THAT(content, HasSubstr("Content-Type: message/delivery-status\r\n"));
  EXPECT_THAT(content, HasSubstr("Final-Recipient: utf-8; j\\x{F6}rg@b.example\r\n"));
  EXPECT_THAT(content, HasSubstr("Final-Recipient: rfc822; bob@b.example\r\n"));
  EXPECT_THAT(content, HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"
                                 "Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
  EXPECT_THAT(content, HasSubstr("<j=C3=B6rg@b.example>\r\n"));
  EXPECT_FALSE(envelope_of_report(*Mailbox::parse("alice@office.example")).needs_utf8);
}

TEST(InternationalReport, IsInUtf8ForASenderWhoseAddressIs) {  // statement 84
  const std::string content = report_to("zo\xc3\xab@office.example");
  EXPECT_THAT(content, HasSubstr("To: <zo\xc3\xab@office.example>\r\n"));
  EXPECT_THAT(content, HasSubstr("Content-Type: message/global-delivery-status\r\n"
                                 "Content-Transfer-Encoding: 8bit\r\n\r\n"));
  EXPECT_THAT(content, HasSubstr("Final-Recipient: utf-8; j\xc3\xb6rg@b.example\r\n"));
  EXPECT_THAT(content, HasSubstr("Final-Recipient: rfc822; bob@b.example\r\n"));
  EXPECT_THAT(content, Not(HasSubstr("\\x{F6}")));
  EXPECT_THAT(header_section_of(content), HasSubstr("\r\nContent-Transfer-Encoding: 8bit\r\n"))
      << "RFC 2045, 6.4: of the whole, too";
  EXPECT_TRUE(envelope_of_report(*Mailbox::parse("zo\xc3\xab@office.example")).needs_utf8);
}

}  // namespace
}  // namespace postern::mail
