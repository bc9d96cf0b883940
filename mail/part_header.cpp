#include "mail/part_header.h"

#include <utility>

#include "mail/folding.h"
#include "mail/header.h"

namespace postern::mail {
namespace {

constexpr std::string_view encoding_name = "Content-Transfer-Encoding";

// Signed and encrypted (RFC 1847, RFC 8551), in which an octet more is a signature less.
bool is_secured(const ContentType& type) {
  return type.is("multipart", "signed") || type.is("multipart", "encrypted") ||
         type.is("application", "pkcs7-mime") || type.is("application", "x-pkcs7-mime");
}

bool is_other_message(const ContentType& type) {
  return type.is("message", "rfc822") || type.is("message", "global");
}

}  // namespace

PartHeader::PartHeader(std::string_view section, const ContentType& without_type)
    : section_(section), type_(without_type) {
  const auto fields = split_header(section);
  if (!fields) {
    is_sealed_ = true;
    return;
  }
  int types = 0;
  int encodings = 0;
  for (const HeaderField& field : *fields) {
    if (is_named(field, "Content-Type") && ++types == 1) type_ = parse_content_type(field.value);
    if (is_named(field, encoding_name) && ++encodings == 1) {
      encoding_ = parse_transfer_encoding(field.value);
    }
    if (is_named(field, "DKIM-Signature")) is_sealed_ = true;
  }
  const bool is_fixed = type_.type == "message" && !is_other_message(type_);
  if (types > 1 || encodings > 1 || is_secured(type_) || is_fixed) is_sealed_ = true;
}

// RFC 2045, 6.4: neither may be encoded as a whole. One that is all the same is left alone, as what it is: one piece.
bool PartHeader::is_multipart() const {
  return type_.type == "multipart" && !type_.boundary.empty() &&
         encoding_ == TransferEncoding::identity;
}

bool PartHeader::is_message() const {
  return is_other_message(type_) && encoding_ == TransferEncoding::identity;
}

bool PartHeader::refold() {
  if (!has_long_line(section_)) return true;
  auto folded = mail::refold(section_);
  // Its new line ends may make it longer than a section may be.
  if (!folded || !split_header(*folded)) return false;
  section_ = std::move(*folded);
  return true;
}

std::string PartHeader::section_as(std::string_view encoding, bool is_top) const {
  std::string section;
  bool has_version = false;
  const auto fields = *split_header(section_);
  for (const HeaderField& field : fields) {
    has_version = has_version || is_named(field, "MIME-Version");
    if (!is_named(field, encoding_name)) section += field.raw;
  }
  if (is_top && !has_version) section += "MIME-Version: 1.0\r\n";
  return section.append(encoding_name).append(": ").append(encoding).append("\r\n");
}

}  // namespace postern::mail
