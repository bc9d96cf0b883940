#include "mail/transport_encoder.h"

#include <gtest/gtest.h>

#include "mail/folding.h"
#include "mail/header.h"

namespace postern::mail {
namespace {

struct Encoded {
  std::string content;
  std::string refusal;
};

Encoded encode(const std::string& in, std::size_t piece,
               Transport transport = Transport::eight_bit) {
  TransportEncoder encoder(transport);
  Encoded encoded;
  for (std::size_t at = 0; at < in.size(); at += piece) {
    encoder.feed(std::string_view(in).substr(at, piece), encoded.content);
  }
  encoder.finish(encoded.content);
  encoded.refusal = encoder.refusal();
  return encoded;
}

// In pieces of many sizes: the network may deliver it like that.
void expect(const std::string& in, const std::string& out,
            Transport transport = Transport::eight_bit) {
  for (const std::size_t piece : {1U, 2U, 3U, 64U, 999U, 1000U, 1001U, 1U << 20}) {
    SCOPED_TRACE("in pieces of " + std::to_string(piece));
    const Encoded encoded = encode(in, piece, transport);
    EXPECT_EQ(encoded.refusal, "");
    EXPECT_EQ(encoded.content, out);
  }
}

// What quoted-printable makes of 999 times the same letter.
std::string softly_broken(char c, std::size_t count) {
  std::string out;
  for (; count > 76; count -= 75) out += std::string(75, c) + "=\r\n";
  return out + std::string(count, c) + "\r\n";
}

const std::string longest(max_line, 'x');
const std::string too_long(max_line + 1, 'x');
const std::string multipart =
    "Content-Type: multipart/mixed; boundary=\"b b\"\r\n\r\npreamble\r\n--b b\r\n";

TEST(TransportEncoder, PassesOnWhatFits) {
  const struct {
    std::string in;
    const char* why;
  } rows[] = {
      {"", "nothing"},
      {"A: b\r\n", "no body"},
      {"A: b\r\n\r\n", "an empty body"},
      {"\r\nbody\r\n", "an empty header section"},
      {"A: b\r\n\r\n" + longest + "\r\n\xc3\xa4\r\n.\r\n", "the longest line, eight bits"},
      {multipart + "\r\na\r\n--b b\r\nA: b\r\n\r\n\r\n--b b--\r\nepilogue\r\n", "a multipart"},
      {multipart + "\r\na\r\n", "without its end"},
      {multipart + "A: b\r\n--b b\r\n--b b--\r\n", "parts without bodies"},
      {"Content-Type: multipart/mixed\r\n\r\n--b b\r\n\r\nx\r\n", "a multipart without boundary"},
      {"no header\r\n\r\nbody\r\n", "what is no header section"},
      {"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\na \r\n--b--\r\n", "signed"},
      {"Content-Transfer-Encoding: x\r\n\r\na\r\n", "an unknown encoding"},
      {"Content-Transfer-Encoding: base64\r\n\r\n" + longest + "\r\n\r\n====\r\n", "base64"},
      {"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + longest + "\r\na=\r\n=3D\r\n",
       "quoted-printable"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    expect(row.in, row.in);
  }
}

// Statement 43: by part, never split.
TEST(TransportEncoder, EncodesThePartThatHasALongLine) {
  const std::string qp = "Content-Transfer-Encoding: quoted-printable\r\n";
  const struct {
    std::string in;
    std::string out;
    const char* why;
  } rows[] = {
      {"A: b\r\n\r\na=b \r\n" + too_long + "\r\n\tc \xc3\xa4\r\n\r\n",
       "A: b\r\nMIME-Version: 1.0\r\n" + qp + "\r\na=3Db=20\r\n" + softly_broken('x', 999) +
           "\tc =C3=A4\r\n\r\n",
       "text without MIME; lines before and behind are encoded too"},
      {"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n"
       "content-transfer-encoding: 8bit\r\nA: b\r\n\r\n" +
           too_long + "\r\n",
       "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nA: b\r\n" + qp + "\r\n" +
           softly_broken('x', 999),
       "its encoding is replaced"},
      {multipart + "\r\na=\r\n--b b\r\nContent-Type: TEXT/x\r\n\r\n" + too_long +
           "\r\n--b b\r\n\r\nc=\r\n--b b--\r\n",
       multipart + "\r\na=\r\n--b b\r\nContent-Type: TEXT/x\r\n" + qp + "\r\n" +
           softly_broken('x', 999) + "--b b\r\n\r\nc=\r\n--b b--\r\n",
       "one part of three, the others stay"},
      {multipart + "Content-Type: image/x\r\n\r\nabc\r\n" + std::string(999, '\0') +
           "\r\n--b b--\r\n",
       multipart + "Content-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJjDQoA" +
           std::string(68, 'A') + "\r\n" +
           [] {
             std::string lines;
             for (int i = 0; i < 16; ++i) lines += std::string(76, 'A') + "\r\n";
             return lines;
           }() +
           std::string(47, 'A') + "=\r\n--b b--\r\n",
       "no text: base64, and the last line end belongs to the boundary"},
      {multipart + "Content-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n\r\n" +
           too_long + "\r\n--in\r\n\r\na=\r\n--in--\r\n\r\n--b b--\r\n",
       multipart + "Content-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n" + qp +
           "\r\n" + softly_broken('x', 999) + "--in\r\n\r\na=\r\n--in--\r\n\r\n--b b--\r\n",
       "a multipart in a multipart"},
      {multipart + "Content-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\n" + too_long +
           "\r\n--b b--\r\n",
       multipart + "Content-Type: message/rfc822\r\n\r\nSubject: a\r\nMIME-Version: 1.0\r\n" + qp +
           "\r\n" + softly_broken('x', 999) + "--b b--\r\n",
       "a message in a message is entered"},
      {"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: a\r\n\r\n" +
           too_long + "\r\n--d--\r\n",
       "Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: a\r\nMIME-Version: "
       "1.0\r\n" +
           qp + "\r\n" + softly_broken('x', 999) + "--d--\r\n",
       "parts of a digest are messages (RFC 2046, 5.1.5)"},
      {multipart +
           "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\na\r\n--b b\r\n\r\n" +
           too_long + "\r\n--b b--\r\n",
       multipart + "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\na\r\n--b b\r\n" +
           qp + "\r\n" + softly_broken('x', 999) + "--b b--\r\n",
       "behind what is signed, which the boundary around it ends"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    expect(row.in, row.out);
  }
}

TEST(TransportEncoder, BreaksLinesAsTheirEncodingAllows) {
  const std::string qp = "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
  const std::string base64 = "content-transfer-encoding: (c) BASE64\r\n\r\n";
  expect(qp + "a=3D \r\n" + too_long + "\r\nb=\r\nc\r\n",
         qp + "a=3D \r\n" + softly_broken('x', 999) + "b=\r\nc\r\n");
  const std::string row(75, 'x');
  std::string rows;
  std::string broken_rows;
  for (int i = 0; i < 14; ++i) {
    rows += row;
    broken_rows += row + "=\r\n";
  }
  const std::string most = row.substr(1);
  expect(qp + rows + most + "= \r\na\r\n", qp + broken_rows + most + "=\r\na\r\n");
  expect(qp + rows + most + "=" + std::string(2000, '\t') + "\r\na\r\n",
         qp + broken_rows + most + "=\r\na\r\n");
  expect(qp + rows + most + "= x\r\n", qp + broken_rows + most + "=\r\n=3D x\r\n");
  std::string encoded;
  std::string broken;
  for (int i = 0; i < 400; ++i) encoded += "=3D";
  for (int i = 0; i < 16; ++i) broken += encoded.substr(0, 75) + "=\r\n";
  expect(qp + encoded + "\r\n", qp + broken.substr(0, broken.size() - 3) + "\r\n");
  std::string lines;
  for (int i = 0; i < 13; ++i) lines += std::string(76, 'x') + "\r\n";
  expect(base64 + "abcd\r\n" + too_long + "x\r\nabcd\r\n",
         base64 + "abcd\r\n" + lines + std::string(12, 'x') + "\r\nabcd\r\n");
}

TEST(TransportEncoder, FoldsTheHeaderOfAPart) {
  std::string words = "A:";
  while (words.size() <= max_line) words += " word";
  const Encoded encoded =
      encode(multipart + words + "\r\n\r\nbody\r\n--b b\r\n" + words + "\r\n--b b--\r\n", 100);
  EXPECT_EQ(encoded.refusal, "");
  EXPECT_FALSE(has_long_line(encoded.content));
  EXPECT_NE(encode(multipart + "A:" + too_long + "\r\n\r\nbody\r\n", 100).refusal, "");
}

TEST(TransportEncoder, RefusesAHeaderThatFoldingMakesTooLong) {  // statement 43
  std::string words = "X:";
  while (words.size() + 10 < max_header_section) words += " aaaaaaa";
  const std::string in = words + "\r\n\r\n" + too_long + "\r\n";
  EXPECT_NE(encode(multipart + in, 5000).refusal, "");
  EXPECT_NE(encode(in, 5000).refusal, "");
}

// Statement 43: what is signed or encrypted is never altered.
TEST(TransportEncoder, RefusesWhatItMustNotAlter) {
  const std::string line = "\r\n" + too_long + "\r\n";
  const struct {
    std::string in;
    const char* why;
  } rows[] = {
      {"DKIM-Signature: v=1\r\n" + line, "signed as a whole"},
      {"DKIM-Signature: v=1\r\n" + multipart + line, "with parts"},
      {"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n" + line, "PGP or S/MIME"},
      {"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n"
       "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n" +
           line,
       "a part of what is signed"},
      {"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nA: b" + std::string(1000, ' ') +
           "c\r\n\r\n",
       "its header section too"},
      {"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n" + line, "encrypted"},
      {"Content-Type: application/pkcs7-mime\r\n" + line, "S/MIME"},
      {"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n" + line,
       "in base64"},
      {"Content-Type: multipart/signed\r\n" + line, "without boundary"},
      {"Content-Type: message/rfc822\r\n\r\nDKIM-Signature: v=1\r\n" + line,
       "a signed message in a message"},
      {"Content-Type: message/partial\r\n" + line, "RFC 2046, 5.2.2: never encoded"},
      {"Content-Type: message/delivery-status\r\n" + line, "likewise"},
      {"Content-Type: text/plain\r\nContent-Type: text/html\r\n" + line, "two types"},
      {"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n" + line,
       "two encodings"},
      {"Content-Transfer-Encoding: x-uuencode\r\n" + line, "an unknown encoding"},
      {"Content-Type: multipart/mixed\r\n" + line, "parts that cannot be told"},
      {"Content-Type: multipart/mixed; boundary=b\r\n" + line, "a preamble"},
      {multipart + "\r\na\r\n--b b--\r\n" + line, "an epilogue"},
      {"no header\r\n" + line, "no header section"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    for (const std::size_t piece : {1U, 1000U, 1U << 20}) {
      EXPECT_TRUE(encode(row.in, piece).refusal.starts_with("a line longer than 998 octets "));
    }
  }
}

TEST(TransportEncoder, HasLimits) {
  std::string lines;
  while (lines.size() + 80 < TransportEncoder::max_held) lines += std::string(78, 'x') + "\r\n";
  const std::string rest(160, 'x');
  EXPECT_EQ(encode("\r\n" + lines + too_long + "\r\n", 5000).refusal, "");
  EXPECT_NE(encode("\r\n" + lines + rest + "\r\n" + too_long + "\r\n", 5000).refusal, "");
  EXPECT_EQ(encode("\r\n" + lines + rest + "\r\n", 5000).content, "\r\n" + lines + rest + "\r\n");

  std::string deep;
  std::string parts = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (std::size_t i = 0; i < TransportEncoder::max_depth; ++i) {
    const std::string n = std::to_string(i);
    deep += "Content-Type: multipart/mixed; boundary=b" + n + "\r\n\r\n--b" + n + "\r\n";
  }
  EXPECT_EQ(encode(deep + "\r\n" + too_long + "\r\n", 5000).refusal, "");
  const std::string deeper = deep + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n";
  EXPECT_NE(encode(deeper + too_long + "\r\n", 5000).refusal, "");
  EXPECT_EQ(encode(deeper + "x\r\n", 5000).content, deeper + "x\r\n");

  for (std::size_t i = 0; i < TransportEncoder::max_parts; ++i) parts += "--b\r\n\r\n";
  EXPECT_EQ(encode(parts + too_long + "\r\n", 5000).refusal, "");
  EXPECT_NE(encode(parts + "--b\r\n\r\n" + too_long + "\r\n", 5000).refusal, "");
  EXPECT_EQ(encode(parts + "--b\r\n\r\nx\r\n--b--\r\n", 5000).content,
            parts + "--b\r\n\r\nx\r\n--b--\r\n");
}

// Statement 73: for a hop without 8BITMIME.
TEST(TransportEncoder, EncodesWhatIsNotAsciiForSevenBits) {
  const std::string qp = "Content-Transfer-Encoding: quoted-printable\r\n";
  expect("Subject: \xc3\xa4\r\n\r\na=b\r\n\xc3\xa4\r\n",
         "Subject: \xc3\xa4\r\nMIME-Version: 1.0\r\n" + qp + "\r\na=3Db\r\n=C3=A4\r\n",
         Transport::seven_bit);
  expect(multipart + "\r\na=b\r\n--b b\r\n" + qp + "\r\n\xe4=\r\n--b b--\r\n",
         multipart + "\r\na=b\r\n--b b\r\n" + qp + "\r\n=E4=\r\n--b b--\r\n", Transport::seven_bit);
  EXPECT_EQ(encode(multipart + "\r\na\r\n--b b--\r\n\xe4\r\n", 10, Transport::seven_bit)
                .refusal.substr(0, 22),
            "an octet outside ASCII");
}

}  // namespace
}  // namespace postern::mail
