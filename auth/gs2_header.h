// How a SCRAM client begins: with whether, and by what, it ties the login to its TLS connection (RFC 5802, 6 and 7).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/frames.h"

namespace postern::auth {

enum class BindingFlag {
  unsupported,  // `n`: the client has no channel binding
  not_offered,  // `y`: it has, but did not see that we have: somebody may have struck it from our list
  used,         // `p=NAME`
};

struct BindingChoice {
  BindingFlag flag = BindingFlag::unsupported;
  std::string type{};  // used: which, e.g. `tls-exporter`

  /// Nothing: the message does not begin as it has to.
  [[nodiscard]] static std::optional<BindingChoice> parse(std::string_view first_message);

  /// What the client must prove to have of its side, too; empty: there is none of that type.
  [[nodiscard]] const std::string& expected(const frames::ChannelBindings& bindings) const;

  /// May a login go on with `mechanism`? `offers_plus`: SCRAM-SHA-256-PLUS stood in our list.
  [[nodiscard]] bool fits(std::string_view mechanism, bool offers_plus,
                          const frames::ChannelBindings& bindings) const;
};

}  // namespace postern::auth
