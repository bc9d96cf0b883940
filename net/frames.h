// The map of Postern: everything that its processes ever say to each other. Read this first.
//
//                     ┌──────────────── supervisor ────────────────┐       (settings, channels, drain)
//                     v            v            v                  v
//      client ─────> smtpd ──────> queue ─────> delivery ───────> next hop
//                     │ open,chunk  ^ outcomes ──┘  │
//                     └──> auth <───┼───────────────┘
//                      login        └── control socket: postern queue ...
//
// A conversation is a pair of variants, one for each direction. Frames are plain structs without behaviour; `net/codec.h`
// turns them into bytes, `net/channel.h` carries them. A frame from a role is untrusted input to the other.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mail/envelope.h"
#include "mail/message_id.h"
#include "mail/outcome.h"
#include "net/fd.h"

namespace postern::frames {

using std::chrono::seconds;
using std::chrono::system_clock;

/// The longest piece of content in one frame, in bytes.
inline constexpr std::size_t max_chunk = 64 * 1024;

// ── supervisor and each role ─────────────────────────────────────────────────────────────────────────────────────────
// A role is sent its settings first, and again after every reload; then a Peer for each channel to another role, and
// again when that one was restarted. Drain: take nothing new on, finish, exit. A channel that ends: exit at once.

// selftest lives for one run of the relay tester against ourselves, and talks to the supervisor alone.
enum class Role : std::uint8_t { smtpd, auth, queue, delivery, selftest, last = selftest };

struct Peer {
  Role role = Role::smtpd;
  std::uint32_t instance = 0;  // which smtpd, counted from 0
  net::Fd channel;
};
struct Drain {};

/// The role has taken its settings, and serves.
struct Ready {};
/// The role cannot start, and why, in words for the operator (another instance holds the spool, ...). `exit_code` is from
/// sysexits.h. Postern ends with it.
struct CannotStart {
  int exit_code = 0;
  std::string reason;
};
/// Of selftest, once, when its run is over.
struct SelftestResult {
  enum class Verdict : std::uint8_t {
    passed,    // every door that could be tried refused every probe
    returned,  // a probe came back: an open relay
    accepted,  // we took a probe, and it did not come back in the waiting time; what we take we pass on
    inconclusive,
    last = inconclusive
  };
  Verdict verdict = Verdict::inconclusive;
  std::uint32_t doors = 0;   // that were tried to the end
  std::uint32_t probes = 0;  // at all doors together
  std::string door;          // returned and accepted: where, with which trick, and what shows it;
  std::string trick;         // inconclusive: the first door that gave no answer
  std::string evidence;      // or why it gave none. A stranger's text
  std::vector<std::string> gaps;  // doors that could not be tried at all, and why; at most max_gaps
};
inline constexpr std::size_t max_gaps = 32;
using ToSupervisor = std::variant<Ready, CannotStart, SelftestResult>;

/// The most connections that all smtpd together can be configured to take.
inline constexpr std::uint32_t max_seats = 100'000;
/// Octets of the memory that they share: an entry for each, and one more. See smtpd/seats.h.
inline constexpr std::size_t seats_memory = (max_seats + 1) * sizeof(std::uint64_t);

enum class ListenerTls : std::uint8_t { starttls, implicit, none, last = none };
struct Listener {
  std::string address;  // as configured, for the log
  ListenerTls tls = ListenerTls::starttls;
  mail::AuthPolicy auth = mail::AuthPolicy::optional;
  net::Fd socket;  // bound and listening
};
struct SmtpdSettings {
  std::string hostname;
  std::string domain;  // of addresses that are written without one
  std::uint32_t instance = 0;
  std::uint32_t processes = 1;  // smtpd, all of which accept at these listeners
  std::vector<Listener> listeners;
  std::string certificate_pem;  // the chain; empty: no listener has TLS
  std::string private_key_pem;
  std::string ticket_keys;  // the same for every smtpd (net/stream.h)
  std::vector<mail::Network> mynetworks;
  std::vector<std::string> mechanisms;
  std::uint64_t message_size = 0;  // bytes
  std::uint32_t recipients = 0;    // of one message
  net::Fd seats;                   // memory that all smtpd share: who is connected (smtpd/seats.h)
  std::uint32_t connections = 0;   // of all smtpd together
  std::uint32_t connections_per_ip = 0;
  bool hide_client = true;  // no address of authenticated clients in Received
};
using ToSmtpd = std::variant<SmtpdSettings, Peer, Drain>;

/// What auth may say for Postern to other servers: a password, and the only place where it may be used.
struct Credential {
  std::string host;
  std::uint16_t port = 0;
  std::string user;
  std::string password;
};
struct AuthSettings {
  std::string hostname;
  std::string domain;  // of the address of a login that is written without one
  std::string users_file;
  std::vector<std::string> mechanisms;
  std::vector<Credential> credentials;
};
using ToAuth = std::variant<AuthSettings, Peer, Drain>;

enum class HopTls : std::uint8_t {
  opportunistic,  // STARTTLS where it is offered, unverified; else clear
  starttls,       // required and verified
  implicit,       // verified
  last = implicit,
};
/// A server that takes our mail by configuration, e.g. `smtp+starttls://smtp.provider.example:587`.
struct Relayhost {
  HopTls tls = HopTls::starttls;
  std::string host;  // a name, or an IP address without brackets
  std::uint16_t port = 0;
  std::string user;        // empty: no AUTH. Auth holds the password.
  bool tls_verify = true;  // false: any certificate, and then never a password
};
/// Where a message goes. `via` empty: to the MX of each recipient's domain.
struct Route {
  std::vector<std::string> recipient_domains;  // all empty: everything matches
  std::vector<std::string> sender_domains;
  std::vector<std::string> users;
  std::vector<Relayhost> via;  // tried in order
};
struct QueueSettings {
  std::string hostname;
  std::string directory;
  seconds first_retry{};
  seconds max_retry{};
  seconds warn_after{};
  seconds expire{};
  std::uint64_t max_size =
      0;  // bytes on disk, beyond which no more mail is taken; 0: what the disk has
  std::uint64_t reserve = 0;      // bytes of the disk that new mail leaves free; 0: a part of it
  std::uint32_t connections = 0;  // leases for one destination at a time, at most
  std::vector<Route> routes;      // first match wins; none: MX
  net::Fd control;                // a listening Unix socket; none: no control
};
using ToQueue = std::variant<QueueSettings, Peer, Drain>;

struct DeliverySettings {
  std::string hostname;
  std::uint16_t smtp_port = 25;  // what an MX host listens on
  std::string tls_ca_file;
  std::vector<std::string> resolvers;  // `address:port`; empty: /etc/resolv.conf
  bool deliver_to_private = false;     // an MX may lie on loopback and private addresses
  std::vector<std::string>
      own_addresses;  // `address:port` of our listeners: an MX there is ourselves
};
using ToDelivery = std::variant<DeliverySettings, Peer, Drain>;

/// A way into Postern that is tested: one of its listeners, or a further one from `[selftest] targets`.
struct SelftestDoor {
  std::string label;  // `127.0.0.1:587`, for the log
  std::string host;   // an IP address; of a target also a name
  std::uint16_t port = 0;
  bool is_implicit = false;  // TLS from the first byte
};
struct SelftestSettings {
  std::string hostname;  // ours: a server that greets with it is Postern itself
  std::string domain;
  std::string mailbox;  // what is sent to it comes to `listener`, by the queue's first route
  std::string returns;  // the listener's address, in words
  std::optional<net::Fd>
      listener;  // bound and listening; none: it could not be bound, and no return can be seen
  std::vector<SelftestDoor> doors;
  std::vector<mail::IpAddress>
      sources;  // of this machine, outside mynetworks; one of a family, at most
  std::vector<mail::Network> mynetworks;
  std::vector<std::string> resolvers;  // as in DeliverySettings
  seconds wait{};                      // for a return, from the first accepted probe on
};
using ToSelftest = std::variant<SelftestSettings>;  // its channel's end ends it

// ── smtpd and queue: a message comes in ──────────────────────────────────────────────────────────────────────────────
// Open, Chunk..., Commit; or Abort at any time before Commit. The answer to Commit is Committed or Refused; Refused may
// come earlier, and then what still comes for that id is ignored. smtpd makes the id.

struct Open {
  mail::MessageId id;
  mail::Envelope envelope;
};
struct Chunk {
  mail::MessageId id;
  std::string bytes;  // at most max_chunk
};
struct Commit {
  mail::MessageId id;
};
struct Abort {
  mail::MessageId id;
};
using SmtpdToQueue = std::variant<Open, Chunk, Commit, Abort>;

/// May new messages be sent? Sent first of all, and at every change. Not accepting: MAIL gets `refusal`.
struct Admission {
  bool is_accepting = false;
  std::uint64_t largest = 0;  // bytes: a larger message has no room now
  mail::Reply refusal;
};
/// The message is on disk, and will be after a power cut. The only thing that lets smtpd say 250.
struct Committed {
  mail::MessageId id;
};
struct Refused {
  mail::MessageId id;
  mail::Reply reply;
};
using QueueToSmtpd = std::variant<Admission, Committed, Refused>;

// ── smtpd and auth: a client logs in ─────────────────────────────────────────────────────────────────────────────────
// Begin, then Challenge and Answer in turns until a Verdict. An `exchange` is one AUTH command.

/// What ties a login to the TLS connection that it comes through, for the -PLUS mechanisms (RFC 5929, RFC 9266). Empty:
/// this connection has none of that type.
struct ChannelBindings {
  std::string tls_exporter;
  std::string tls_server_end_point;
};
struct BeginLogin {
  std::uint64_t exchange = 0;
  std::string mechanism;
  std::optional<std::string> initial;  // decoded from base64
  mail::IpAddress client;
  ChannelBindings bindings{};
};
struct Answer {
  std::uint64_t exchange = 0;
  std::string bytes;
};
struct CancelLogin {
  std::uint64_t exchange = 0;
};
using SmtpdToAuth = std::variant<BeginLogin, Answer, CancelLogin>;

struct Challenge {
  std::uint64_t exchange = 0;
  std::string bytes;
};
enum class LoginResult : std::uint8_t {
  accepted,
  refused,      // 535
  malformed,    // 501: not what the mechanism allows
  unavailable,  // 454
  throttled,    // 454: too many failures from there; the password was not even looked at
  last = throttled,
};
struct Verdict {
  std::uint64_t exchange = 0;
  LoginResult result = LoginResult::refused;
  mail::Identity identity{};  // accepted: whose
  std::optional<std::string>
      last{};  // accepted: data that the client must still see (SCRAM's server signature)
};
using AuthToSmtpd = std::variant<Challenge, Verdict>;

// ── delivery and auth: Postern logs in at a relayhost ────────────────────────────────────────────────────────────────

struct BeginClient {
  std::uint64_t exchange = 0;
  std::string host;
  std::uint16_t port = 0;
  std::string user;
  std::string offered;  // the mechanisms, as the relayhost announced them
};
using DeliveryToAuth = std::variant<BeginClient, Answer, CancelLogin>;

/// What to send: first `AUTH mechanism initial`, then an answer to each challenge. Bytes are not yet in base64.
struct ClientStep {
  std::uint64_t exchange = 0;
  std::string mechanism;             // in the first step only
  std::optional<std::string> bytes;  // in the first step nothing: no initial response
};
struct ClientFailed {
  std::uint64_t exchange = 0;
  std::string
      reason;  // no mechanism in common, no such credential, the server's signature is wrong, ...
};
using AuthToDelivery = std::variant<ClientStep, ClientFailed>;

// ── queue and delivery: a message goes out ───────────────────────────────────────────────────────────────────────────
// A lease is one message for some recipients of one destination. Delivery answers each lease with one Report.

struct Lease {
  std::uint64_t lease = 0;
  mail::MessageId id;
  mail::ReversePath reverse_path;
  mail::BodyType body = mail::BodyType::seven_bit;
  bool needs_utf8 = false;  // as in mail::Envelope
  mail::DsnOptions dsn;
  std::vector<mail::Recipient> recipients;
  std::string domain;           // by MX: whose. With `via`: empty
  std::vector<Relayhost> via;   // by relayhost: these, in order
  std::uint64_t size = 0;       // bytes of content
  std::uint32_t crc = 0;        // CRC-32C of it, to be checked before the final dot is sent
  std::string content;          // the content, where it is small,
  std::optional<net::Fd> file;  // or a file that has it,
  std::uint64_t offset = 0;     // from here on
};
using QueueToDelivery = std::variant<Lease>;

struct RecipientOutcome {
  std::uint32_t index = 0;  // in Lease::recipients
  mail::Outcome outcome;
  bool is_dsn_passed_on =
      false;  // delivered to a hop with DSN, which tells the sender from now on (RFC 3461, 5.2.2)
};
/// What hindered all, and is no fault of the message. The recipients without an outcome stay; an attempt is counted only
/// where the destination was unreachable.
enum class Hindrance : std::uint8_t {
  none,
  unreachable,  // no connection, no greeting, no answer from DNS, 421: the destination is down or overloaded
  route,    // our password, or the relayhost's certificate, was refused: the route is paused
  damaged,  // the content's checksum is wrong: nothing was sent
  aborted,  // delivery is shutting down
  last = aborted,
};
struct Report {
  std::uint64_t lease = 0;
  std::vector<RecipientOutcome> outcomes;
  Hindrance hindrance = Hindrance::none;
  std::string hindrance_text;  // for the log and `queue show`
  std::string remote;          // `mx.example[192.0.2.1]:25`: who was spoken to last
  std::string tls;             // e.g. `TLSv1.3 verified`; empty: none
  mail::EnhancedStatus hindrance_status{
      4, 4, 1};  // RFC 3463: no answer from host; 4.4.3, DNS; 4.7.0, security
};
using DeliveryToQueue = std::variant<Report>;

// ── `postern queue ...` and queue, over the control socket ───────────────────────────────────────────────────────────

enum class RecipientState : std::uint8_t {
  waiting,
  leased,
  delivered,
  bounced,
  deleted,
  held,  // by an operator, until an operator releases it; it does not expire
  last = held
};
/// delivered, bounced or deleted: nothing more will happen to it.
[[nodiscard]] constexpr bool is_final(RecipientState state) {
  return state == RecipientState::delivered || state == RecipientState::bounced ||
         state == RecipientState::deleted;
}

/// Which messages, and which of their recipients: those that meet every condition that is set. An action concerns only the
/// recipients that meet `recipient`, `domain` and `state`.
struct QueueFilter {
  std::vector<mail::MessageId> ids;  // one of these; empty: any
  std::string sender;                // the reverse-path; `<>`: the null one; empty: any
  std::string recipient;             // an address; empty: any
  std::string domain;                // of the recipient; empty: any
  std::string login;                 // who sent it; empty: any
  std::optional<RecipientState> state;
  seconds min_age{};
  std::optional<seconds> max_age;
};
struct QueueList {
  QueueFilter filter;
};
struct QueueShow {
  mail::MessageId id;
  bool with_content = false;  // all of it, as QueuedContent
};
enum class QueueAction : std::uint8_t { flush, hold, release, remove, bounce, last = bounce };
struct QueueAct {
  QueueAction action = QueueAction::flush;
  QueueFilter filter;
};
using ToControl = std::variant<QueueList, QueueShow, QueueAct>;

/// What was answered to one attempt, and by whom.
struct QueuedAttempt {
  std::uint32_t recipient = 0;                     // index in QueuedMessage::recipients
  RecipientState state = RecipientState::waiting;  // afterwards
  std::uint32_t attempts = 0;                      // with this one
  system_clock::time_point time = {};
  std::string remote =
      {};  // `mx.example[192.0.2.1]:25`; empty: nobody could be asked, and the reply is ours
  std::string reply = {};
};
struct QueuedRecipient {
  mail::Mailbox mailbox;
  RecipientState state = RecipientState::waiting;
  std::string destination = {};
  std::uint32_t attempts = 0;
  system_clock::time_point next_attempt = {};  // not before its destination's pause is over
  std::string remote = {};                     // who gave the last answer; empty: it is ours
  std::string last_answer = {};                // to its last attempt, or why its destination pauses
};
/// A message with many recipients or attempts comes in several of these, with one id. An action answers with those that
/// it concerned, before ControlDone.
struct QueuedMessage {
  mail::MessageId id;
  mail::Envelope envelope;
  system_clock::time_point arrival = {};
  std::uint64_t size = 0;
  std::vector<QueuedRecipient> recipients;
  std::vector<QueuedAttempt> attempts;  // only for QueueShow: the last ones, oldest first
  std::string header;                   // only for QueueShow: the header section, at most max_chunk
};
struct QueuedContent {
  std::string bytes;  // at most max_chunk
};
/// The last frame of an answer: how many messages were listed or acted on; or what was wrong.
struct ControlDone {
  std::uint64_t count = 0;
  std::string error;
};
using FromControl = std::variant<QueuedMessage, QueuedContent, ControlDone>;

}  // namespace postern::frames
