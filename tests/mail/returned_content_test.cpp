// Statement 89: what a report brings back of the message that it is about.
#include "mail/returned_content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mail/dsn_text.h"

namespace postern::mail {
namespace {

using testing::HasSubstr;

const std::string header = "From: alice\r\nSubject: hello\r\n";

/// To a user whom nobody knows.
ReportedMessage message_of(const std::string& content, Return ret) {
  const Mailbox alice = *Mailbox::parse("alice@office.example");
  return {MessageId(42),  {},
          alice,          {ret},
          false,          content,
          content.size(), {{alice, {}, {550, {5, 1, 1}, "no such user"}, {}, {}, {}}}};
}

std::string content_of(const std::string& body) { return header + "\r\n" + body + "\r\n"; }

std::string type_of(const ReturnedContent& returned) {
  const auto type = returned.part.substr(0, returned.part.find("\r\n\r\n"));
  return type.substr(type.find(' ') + 1);
}

TEST(ReturnedContent, IsWhatTheSenderAskedForAndCanBeSent) {
  const std::string small = "body";
  const std::string eight_bit = "gr\xc3\xbc\xc3\x9f";
  const std::string big(max_unasked_message, 'x');
  const auto in_lines = [](std::size_t size) {
    std::string text;
    while (text.size() < size) text += std::string(70, 'x') + "\r\n";
    return text;
  };
  const auto big_lines = in_lines(max_unasked_message);
  const auto too_big_lines = in_lines(max_returned_message);
  struct Row {
    const char* why;
    std::string body;
    Return ret;
    Action action;
    const char* type;
  };
  const char* headers = "text/rfc822-headers";
  const char* whole = "message/rfc822";
  const char* whole_8bit = "message/rfc822\r\nContent-Transfer-Encoding: 8bit";
  const Row table[] = {
      {"RET=HDRS", small, Return::headers, Action::failed, headers},
      {"RET=FULL", small, Return::full, Action::failed, whole},
      {"small, nothing asked", small, Return::unsaid, Action::failed, whole},
      {"over 100 KiB, nothing asked", big_lines, Return::unsaid, Action::failed, headers},
      {"over 100 KiB, RET=FULL", big_lines, Return::full, Action::failed, whole},
      {"larger than what is ever returned", too_big_lines, Return::full, Action::failed, headers},
      {"8-bit, nothing asked", eight_bit, Return::unsaid, Action::failed, headers},
      {"8-bit, RET=FULL", eight_bit, Return::full, Action::failed, whole_8bit},
      {"control characters are text", "\x1b$B\f", Return::unsaid, Action::failed, whole},
      {"a line longer than SMTP allows", big, Return::full, Action::failed, headers},
      {"a bare LF", "a\nb", Return::full, Action::failed, headers},
      {"a NUL", std::string("a\0b", 3), Return::full, Action::failed, headers},
      {"a delay brings back no message", small, Return::full, Action::delayed, headers},
      {"nor does a success", small, Return::full, Action::relayed, headers},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.why);
    const std::string content = content_of(row.body);
    const auto returned = returned_content(row.action, message_of(content, row.ret));
    EXPECT_EQ(type_of(returned), row.type);
    EXPECT_EQ(returned.is_whole, row.type != headers);
    EXPECT_TRUE(returned.part.ends_with("\r\n\r\n" + (returned.is_whole ? content : header)));
  }
}

TEST(ReturnedContent, IsWholeOnlyWhereAllOfItIsThere) {
  const std::string content = content_of("body");
  auto message = message_of(content, Return::full);
  message.size = content.size() + 1;
  EXPECT_FALSE(returned_content(Action::failed, message).is_whole);
}

// A report with the whole message in it often goes to the hop that refused the message, and is lost where it does so again.
TEST(ReturnedContent, IsNotWholeWhereThatMayHaveBeenTheFault) {
  const std::string seven = content_of("body");
  const std::string eight = content_of("\xff");
  struct Row {
    const char* why;
    EnhancedStatus status;
    bool is_whole_unasked;
    bool is_whole_asked;
    bool is_whole_8bit_asked;
  };
  const Row table[] = {
      {"no such user", {5, 1, 1}, true, true, true},
      {"mailbox full", {5, 2, 2}, true, true, true},
      {"too long for the mailbox", {5, 2, 3}, false, false, false},
      {"expired", {4, 4, 7}, true, true, true},
      {"too big", {5, 3, 4}, false, false, false},
      {"8-bit content", {5, 6, 3}, false, true, false},
      {"by a policy, perhaps for its content", {5, 7, 1}, false, true, true},
      {"who knows why", {}, false, true, true},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.why);
    const auto is_whole = [&](const std::string& content, Return ret) {
      auto message = message_of(content, ret);
      message.recipients = {{message.sender, {}, {550, {5, 1, 1}, ""}, {}, {}, {}},
                            {message.sender, {}, {550, row.status, ""}, {}, {}, {}}};
      return returned_content(Action::failed, message).is_whole;
    };
    EXPECT_EQ(is_whole(seven, Return::unsaid), row.is_whole_unasked);
    EXPECT_EQ(is_whole(seven, Return::full), row.is_whole_asked);
    EXPECT_EQ(is_whole(eight, Return::full), row.is_whole_8bit_asked);
    EXPECT_FALSE(is_whole(eight, Return::unsaid));
  }
}

TEST(ReturnedContent, OfAnInternationalMessageIsAsciiAllTheSame) {  // statement 84; RFC 6533, 6
  const std::string content = "Subject: gr\xc3\xbc\xc3\x9f\r\n\r\nbody \xc3\xa4\r\n";
  for (const Return ret : {Return::headers, Return::full, Return::unsaid}) {
    auto message = message_of(content, ret);
    message.needs_utf8 = true;
    const auto returned = returned_content(Action::failed, message);
    EXPECT_TRUE(is_ascii(returned.part));
    EXPECT_THAT(returned.part, HasSubstr("Subject: gr=C3=BC=C3=9F\r\n"));
    EXPECT_EQ(type_of(returned),
              std::string(ret == Return::headers ? "message/global-headers" : "message/global") +
                  "\r\nContent-Transfer-Encoding: quoted-printable");
  }
}

TEST(ContentNeeded, IsBounded) {
  constexpr std::size_t front = max_returned_header + 4;
  struct Row {
    Action action;
    Return ret;
    std::uint64_t size;
    std::size_t needed;
  };
  const Row table[] = {
      {Action::failed, Return::unsaid, 10, 10},
      {Action::failed, Return::unsaid, max_unasked_message, max_unasked_message},
      {Action::failed, Return::unsaid, max_unasked_message + 1, front},
      {Action::failed, Return::full, max_returned_message, max_returned_message},
      {Action::failed, Return::full, 1ULL << 40, front},
      {Action::failed, Return::headers, 200'000, front},
      {Action::delayed, Return::full, 200'000, front},
  };
  for (const auto& row : table) {
    EXPECT_EQ(content_needed(row.action, row.ret, row.size), row.needed) << row.size;
  }
}

}  // namespace
}  // namespace postern::mail
