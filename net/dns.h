// DNS for delivery: the questions that a mail server asks, answered by c-ares on the loop of its role.
//
// Answers are a stranger's data: what comes back is checked names and addresses, bounded in number, each answer one of four
// kinds. "Temporary" is all that is not a clear yes or no (no answer, SERVFAIL, REFUSED, nonsense): mail must wait then, not
// bounce. Questions that are asked twice at the same time are sent once; answers are kept for their TTL, within limits.
// Not yet: the AD bit (DNSSEC) and TLSA records, which DANE needs. They belong into DnsAnswer and beside `mx`.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mail/network.h"
#include "net/task.h"

namespace postern::net {

inline constexpr std::size_t max_dns_records = 64;   // of one answer; what is over it is left out
inline constexpr std::size_t max_dns_cached = 4096;  // questions whose answers are kept
inline constexpr std::chrono::seconds max_dns_ttl{
    300};  // an answer is kept no longer, whatever its TTL
inline constexpr std::chrono::seconds dns_negative_ttl{
    30};  // "there is none" (RFC 2308 allows up to hours)
inline constexpr std::chrono::seconds dns_failure_ttl{1};  // spares a resolver in trouble
inline constexpr std::chrono::seconds dns_limit{20};  // for one question with all its repetitions
/// The first repetition of a question comes after this time, then after twice and four times as long.
inline constexpr std::chrono::milliseconds dns_repetition{2500};

enum class DnsStatus {
  found,
  no_such_domain,  // NXDOMAIN
  no_data,         // the name exists, but has no record of this type
  temporary_failure,
};

/// `records` is empty unless something was found.
template <class T>
struct DnsAnswer {
  DnsStatus status = DnsStatus::temporary_failure;
  std::vector<T> records;
};

struct MxRecord {
  std::uint16_t preference = 0;
  std::string host;  // lower case; empty: the root, a null MX (RFC 7505)

  friend bool operator==(const MxRecord&, const MxRecord&) = default;
};

class Resolver {
 public:
  /// `servers`: `address:port` each; none: those of /etc/resolv.conf. Throws std::runtime_error where they make no sense.
  Resolver(Executor executor, const std::vector<std::string>& servers,
           std::chrono::milliseconds repetition = dns_repetition);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  /// Whoever still waits is answered with a temporary failure.
  ~Resolver();

  /// In no particular order.
  [[nodiscard]] Task<DnsAnswer<MxRecord>> mx(std::string domain);

  /// IPv6 and IPv4, for each name. All are looked up at the same time. A CNAME is followed by the resolver. Temporary only
  /// where nothing was found and one of the two questions was not answered.
  [[nodiscard]] Task<std::vector<DnsAnswer<mail::IpAddress>>> addresses(
      std::vector<std::string> hosts);

  /// The addresses of a host that the operator named: /etc/hosts comes first, as everywhere on the machine, and `localhost`
  /// needs neither (RFC 6761, 6.3).
  [[nodiscard]] Task<DnsAnswer<mail::IpAddress>> configured_addresses(std::string host);

 private:
  struct State;
  std::shared_ptr<State>
      state_;  // shared with coroutines that wait, and with what the loop still holds
};

/// The types of records that are understood (RFC 1035, 3.2.2; RFC 3596, 2.1).
enum class DnsType : std::uint16_t { a = 1, mx = 15, aaaa = 28 };

/// What the answer section of a DNS message holds of one type. Its CNAMEs are passed over.
struct DnsRecords {
  std::vector<MxRecord> mx;
  std::vector<mail::IpAddress> addresses;
  std::chrono::seconds ttl = max_dns_ttl;  // the least of all
};
/// Takes a DNS message apart (RFC 1035, 4.1). An error: it is none. Our own walk over it, since c-ares 1.18 tells no TTL of MX
/// records; the names in it are read by c-ares.
[[nodiscard]] Result<DnsRecords> decode_dns_answer(std::string_view message, DnsType type);

}  // namespace postern::net
