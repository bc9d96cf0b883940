// The header section of a message or of one of its parts, as whoever re-encodes a part sees it (RFC 2045, 3).
#pragma once

#include <string>
#include <string_view>

#include "mail/content_type.h"

namespace postern::mail {

class PartHeader {
 public:
  /// `section`: whole fields, without the empty line. `without_type`: what a part is that does not say (RFC 2046, 5.1.5).
  PartHeader(std::string_view section, const ContentType& without_type);

  const ContentType& type() const { return type_; }
  TransferEncoding encoding() const { return encoding_; }

  /// Its body must stay as it is: it is signed or encrypted, or carried by a type that allows no encoding (RFC 2046, 5.2), or
  /// readers would not agree on what it is.
  bool is_sealed() const { return is_sealed_; }

  bool is_multipart() const;
  bool is_message() const;  // another message, header section and all

  /// Folds lines over 998 octets. False: that cannot be, and nothing has changed.
  [[nodiscard]] bool refold();

  const std::string& section() const { return section_; }

  /// The section with Content-Transfer-Encoding `encoding`, and none other. `is_top`: of a message, so with MIME-Version.
  /// Not of a sealed part.
  [[nodiscard]] std::string section_as(std::string_view encoding, bool is_top) const;

 private:
  std::string section_;
  ContentType type_;
  TransferEncoding encoding_ = TransferEncoding::identity;
  bool is_sealed_ = false;
};

}  // namespace postern::mail
