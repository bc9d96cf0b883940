// Where mail goes: to the relayhosts of the first route that matches, or to the MX of the recipient's domain.
//
// A route matches when each of its conditions does that is not empty: the recipient's domain, the domain of the
// reverse-path, the login. `example.com` means that domain alone, `.example.com` or `*.example.com` everything
// below it, but not itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/frames.h"

namespace postern::queue {

class Router {
 public:
  explicit Router(std::vector<frames::Route> routes);

  struct Sender {
    std::string_view domain;  // of the reverse-path; empty: `<>`
    std::string_view login;   // empty: none
  };

  /// The relayhosts for mail from `sender` to `domain`, in order; none: its MX.
  [[nodiscard]] const std::vector<frames::Relayhost>& via(const Sender& sender,
                                                          std::string_view domain) const;
  /// The `destination_name` of that.
  [[nodiscard]] std::string_view destination(const Sender& sender, std::string_view domain) const;

 private:
  [[nodiscard]] std::size_t match(const Sender& sender, std::string_view domain) const;

  std::vector<frames::Route> routes_;
  std::vector<std::string> names_;  // of each one's relayhosts, as a destination; empty: none
};

/// The name of a destination, which is all that its mail has in common: `example.com` by MX, else its relayhosts,
/// as they stand in the configuration: `smtps://user@relay.example:465,smtp://192.0.2.1:25`.
[[nodiscard]] std::string destination_name(const std::vector<frames::Relayhost>& via,
                                           std::string_view domain);

}  // namespace postern::queue
