// Where to connect for a destination: DNS answers and configuration in, an ordered list of addresses out (RFC 5321, 5.1).
//
// By MX: the hosts by preference, equal ones shuffled; all addresses of one host before those of the next. What is ourselves,
// or lies where no mail server of strangers can be, is left out. By relayhost: the addresses of exactly that host. A
// relayhost is not looked up as an MX, though Postfix does so for a bare name: it is written with its port, like any other
// server in a configuration, its certificate must name it, and so it means one host.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "mail/outcome.h"
#include "net/dns.h"
#include "net/frames.h"

namespace postern::delivery {

using Endpoint = boost::asio::ip::tcp::endpoint;
using Random = std::mt19937_64;

inline constexpr std::size_t max_mx_hosts = 16;  // of one domain that are looked at, the best ones
inline constexpr std::size_t max_addresses =
    5;  // tried in one attempt (behaviour 55); of each relayhost

/// One address to try.
struct Hop {
  std::string host;  // whom we mean by it: for SNI, the certificate and the log
  Endpoint endpoint;
  frames::HopTls tls = frames::HopTls::opportunistic;
  bool tls_verify = true;  // of no meaning where TLS is opportunistic
  std::string user;        // empty: no AUTH
  bool is_relayhost = false;
  unsigned rank =
      0;  // hops of one rank are equally good: an idle connection to any of them will do

  /// Is TLS required, and does its certificate prove the host?
  bool is_verified() const { return tls != frames::HopTls::opportunistic && tls_verify; }
  /// `mx.example[192.0.2.1]:25`
  [[nodiscard]] std::string text() const;
};

/// What decides, beside DNS, which MX hosts are taken.
struct MxRules {
  std::string hostname;       // our own
  std::vector<Endpoint> own;  // where we listen: an MX there is ourselves
  std::uint16_t smtp_port = 25;
  bool deliver_to_private = false;
};

/// Not known now, and why: mail waits.
struct Unresolved {
  std::string reason;
};
/// Where to go, never empty; or why no mail can ever go there; or why that is not known.
using NextHops = std::variant<std::vector<Hop>, mail::Failed, Unresolved>;

/// The MX hosts of a domain, best first; the domain itself where it has none (RFC 5321, 5.1).
using MxHosts = std::variant<std::vector<net::MxRecord>, mail::Failed, Unresolved>;
[[nodiscard]] MxHosts mx_hosts_of(const std::string& domain, net::DnsAnswer<net::MxRecord> answer,
                                  Random& random);

struct MxTarget {
  net::MxRecord record;
  net::DnsAnswer<mail::IpAddress> addresses;
};
/// The addresses to try, from the hosts that `mx_hosts_of` gave, in their order.
[[nodiscard]] NextHops hops_by_mx(const std::string& domain, std::vector<MxTarget> targets,
                                  const MxRules& rules, Random& random);

/// The addresses of a relayhost. `rank`: its place in `via`.
[[nodiscard]] NextHops hops_of(const frames::Relayhost& relayhost,
                               net::DnsAnswer<mail::IpAddress> answer, unsigned rank,
                               Random& random);

/// The same with the questions asked. What they are given must outlive them.
[[nodiscard]] net::Task<NextHops> find_mx(net::Resolver& resolver, const std::string& domain,
                                          const MxRules& rules, Random& random);
[[nodiscard]] net::Task<NextHops> find_relayhost(net::Resolver& resolver,
                                                 const frames::Relayhost& relayhost, unsigned rank,
                                                 Random& random);

}  // namespace postern::delivery
