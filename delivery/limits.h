// How long delivery waits, and how much it takes on. One value of each kind; tests make them short.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace postern::delivery {

using std::chrono::seconds;

/// The time a server has, from RFC 5321, 4.5.3.2, where a section is named.
struct TimeLimits {
  std::chrono::milliseconds connect{30'000};    // to one address
  std::chrono::milliseconds greeting{300'000};  // 4.5.3.2.1
  std::chrono::milliseconds command{
      300'000};  // EHLO, STARTTLS, AUTH, MAIL (4.5.3.2.2), RCPT (4.5.3.2.3)
  std::chrono::milliseconds handshake{60'000};  // of TLS
  std::chrono::milliseconds data{120'000};      // the reply to DATA (4.5.3.2.4)
  std::chrono::milliseconds block{180'000};     // for each write of content (4.5.3.2.5)
  std::chrono::milliseconds final_dot{
      600'000};  // 4.5.3.2.6: too short, and the message is sent twice
  std::chrono::milliseconds last_words{
      5'000};  // for a reply that may explain why the connection breaks
  std::chrono::milliseconds auth_role{30'000};  // one step of our own auth role
  std::chrono::milliseconds idle{5'000};        // a connection without work (behaviour 80)
  std::chrono::milliseconds session{
      300'000};  // the age from which on a connection is not reused (behaviour 80)
};

/// A dialogue up to its final dot may take this long, and longer only for the octets of its content. Without it, a server
/// that answers each of a thousand RCPT just within its time would hold a lease for days.
inline constexpr seconds transaction_limit{3600};
inline constexpr std::uint64_t least_rate = 4096;  // octets of content a second

inline constexpr unsigned max_messages = 100;        // over one connection (behaviour 80)
inline constexpr std::size_t max_idle = 200;         // connections that wait for reuse
inline constexpr std::size_t max_leases = 2000;      // at the same time; the queue gives fewer
inline constexpr std::size_t max_reply_line = 4096;  // octets; RFC 5321, 4.5.3.1.5 allows 512
inline constexpr std::size_t max_pipelined =
    50;  // commands sent before their replies are read (RFC 2920, 3.1)
inline constexpr int max_auth_steps = 10;  // challenges of one AUTH
inline constexpr seconds drain_limit{5};   // for those behind their final dot

}  // namespace postern::delivery
