#include "auth/gs2_header.h"

namespace postern::auth {

std::optional<BindingChoice> BindingChoice::parse(std::string_view first_message) {
  const auto comma = first_message.find(',');
  if (comma == first_message.npos) return std::nullopt;
  const std::string_view flag = first_message.substr(0, comma);
  if (flag == "n") return BindingChoice{BindingFlag::unsupported};
  if (flag == "y") return BindingChoice{BindingFlag::not_offered};
  if (!flag.starts_with("p=")) return std::nullopt;
  return BindingChoice{BindingFlag::used, std::string(flag.substr(2))};
}

const std::string& BindingChoice::expected(const frames::ChannelBindings& bindings) const {
  static const std::string none;
  if (flag != BindingFlag::used) return none;
  if (type == "tls-exporter") return bindings.tls_exporter;
  if (type == "tls-server-end-point") return bindings.tls_server_end_point;
  return none;
}

bool BindingChoice::fits(std::string_view mechanism, bool offers_plus,
                         const frames::ChannelBindings& bindings) const {
  const bool is_plus = mechanism.ends_with("-PLUS");
  switch (flag) {
    case BindingFlag::used:
      return is_plus && !expected(bindings).empty();
    case BindingFlag::not_offered:
      return !is_plus && !offers_plus;  // else our list was tampered with (RFC 5802, 6)
    case BindingFlag::unsupported:
      break;
  }
  return !is_plus;
}

}  // namespace postern::auth
