// Transactions: MAIL, RCPT, DATA and BDAT. Nothing starts one without a permit.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "mail/ascii.h"
#include "mail/dsn_text.h"
#include "smtpd/replies.h"
#include "smtpd/session.h"

namespace postern::smtpd {
namespace {

using mail::Reply;

// What stands behind `FROM:` or `TO:`. Clients that write a space there are common, and mean no harm.
std::optional<std::string_view> behind_keyword(std::string_view argument,
                                               std::string_view keyword) {
  if (!mail::equals_ignoring_case(argument.substr(0, keyword.size()), keyword)) return std::nullopt;
  return trim(argument.substr(keyword.size()));
}

std::string literal(const mail::IpAddress& address) {
  return (address.is_v6() ? "[IPv6:" : "[") + address.to_string() + ']';
}

Reply needs_utf8() { return {553, {5, 6, 7}, "An address outside ASCII needs SMTPUTF8 at MAIL"}; }

Reply not_its_own(const mail::Identity& identity, const mail::Mailbox& sender) {
  return {553,
          {5, 7, 1},
          fmt::format("{} may not send as <{}>: ask the administrator to allow it", identity.login,
                      sender.text())};
}

/// An argument of BDAT (RFC 3030, 2): `size`, or `size LAST`.
std::optional<TakeChunk> parse_chunk(std::string_view argument) {
  TakeChunk chunk;
  const char* const end = argument.data() + argument.size();
  const auto [at, error] = std::from_chars(argument.data(), end, chunk.size);
  if (error != std::errc()) return std::nullopt;
  const std::string_view behind(at, static_cast<std::size_t>(end - at));
  chunk.is_last = mail::equals_ignoring_case(trim(behind), "LAST") && behind.front() == ' ';
  if (!behind.empty() && !chunk.is_last) return std::nullopt;
  return chunk;
}

}  // namespace

std::optional<mail::RelayPermit> Session::permit() const {
  return mail::relay_permit(policy_->auth, policy_->mynetworks, client_, identity_);
}

Reply Session::no_permit() const {
  const std::string who = "Mail from " + literal(client_) + " is not taken here";
  if (!offers_auth()) return {550, {5, 7, 1}, who};
  if (is_encrypted()) return {530, {5, 7, 0}, who + " without a login: use AUTH"};
  if (offers_starttls()) return {530, {5, 7, 0}, who + " without a login: use STARTTLS, then AUTH"};
  return {550, {5, 7, 1}, who + ": this port has no TLS to log in through"};
}

std::optional<Reply> Session::no_room(std::uint64_t size) const {
  if (size > policy_->message_size) return Reply{552, {5, 3, 4}, "The message is too large"};
  if (!admission_->is_accepting) return admission_->refusal;
  if (size > admission_->largest) return Reply{452, {4, 3, 1}, "No room for this message now"};
  return std::nullopt;
}

// An address of the office may be written without its domain (RFC 6409, 8.1): whoever gets here is trusted.
mail::Parsed<mail::Mailbox> Session::parse_mailbox(std::string_view path) const {
  const bool is_bare = path.find('@') == std::string_view::npos && !path.empty();
  return mail::Mailbox::parse(std::string(path) + (is_bare ? '@' + policy_->domain : ""));
}

Announced Session::announced() const {
  return {greeted_ == Greeted::ehlo, offers_auth() && is_encrypted()};
}

void Session::end_transaction() {
  transaction_.reset();
  chunks_ = Chunks::none;
  recipient_octets_ = 0;
  is_utf8_ = false;
}

// ── MAIL and RCPT ────────────────────────────────────────────────────────────────────────────────────────────────────

// The one place where a transaction starts, and only with a permit: a stranger's addresses are not even looked at.
Action Session::mail_from(std::string_view argument) {
  const std::optional<mail::RelayPermit> relay_permit = permit();
  Reply reply = relay_permit ? open_transaction(*relay_permit, argument) : no_permit();
  if (reply.is_positive()) return Say{std::move(reply)};
  return Say{std::move(reply), Notice::refused, "MAIL " + std::string(argument)};
}

Reply Session::open_transaction(const mail::RelayPermit& relay_permit, std::string_view argument) {
  if (transaction_ || chunks_ != Chunks::none) return out_of_order("A transaction is open already");
  const auto text = behind_keyword(argument, "FROM:");
  if (!text) return {501, {5, 5, 4}, "It is written MAIL FROM:<mailbox>"};
  const auto parts = mail::split_path_argument(*text);
  if (!parts) return {501, {5, 5, 4}, parts.error().reason};
  const auto parameters = parse_mail_parameters(parts->parameters, announced());
  if (!parameters) return parameters.error();
  mail::ReversePath reverse_path;
  if (!parts->path.empty()) {
    auto mailbox = parse_mailbox(parts->path);
    if (!mailbox) return {501, {5, 1, 7}, mailbox.error().reason};
    if (!parameters->is_utf8 && !mail::is_ascii(parts->path)) return needs_utf8();
    if (identity_ && !identity_->may_send_as(*mailbox)) return not_its_own(*identity_, *mailbox);
    reverse_path = std::move(*mailbox);
  }
  if (auto reply = no_room(parameters->size)) return std::move(*reply);
  transaction_ = std::make_unique<mail::Envelope>(
      mail::envelope_of(relay_permit, helo_, tls_, std::move(reverse_path), parameters->body));
  transaction_->dsn = parameters->dsn;
  is_utf8_ = parameters->is_utf8;
  recipient_octets_ = 0;
  return {250, {2, 1, 0}, "OK"};
}

Action Session::rcpt_to(std::string_view argument) {
  if (!transaction_ && permit()) return Say{out_of_order("Say MAIL first")};
  Reply reply = transaction_ ? add_recipient(argument)
                             : Reply{550, {5, 7, 1}, "Nothing is relayed for you here"};
  if (reply.is_positive()) return Say{std::move(reply)};
  return Say{std::move(reply), Notice::refused, "RCPT " + std::string(argument)};
}

// `<postmaster>`, which RFC 5321, 4.5.1, wants to be right without a domain, needs no rule of its own here.
Reply Session::add_recipient(std::string_view argument) {
  const auto text = behind_keyword(argument, "TO:");
  if (!text) return {501, {5, 5, 4}, "It is written RCPT TO:<mailbox>"};
  const auto parts = mail::split_path_argument(*text);
  if (!parts) return {501, {5, 5, 4}, parts.error().reason};
  auto mailbox = parse_mailbox(parts->path);
  if (!mailbox) return {501, {5, 1, 3}, mailbox.error().reason};
  if (!is_utf8_ && !mail::is_ascii(parts->path)) return needs_utf8();
  auto parameters = parse_rcpt_parameters(parts->parameters, announced(), is_utf8_);
  if (!parameters) return parameters.error();
  const std::size_t octets =
      recipient_octets_ + mailbox->text().size() + parameters->original.size();
  if (transaction_->recipients.size() >= policy_->recipients || octets > max_recipient_octets) {
    return {452, {4, 5, 3}, "Too many recipients: send the rest in another transaction"};
  }
  recipient_octets_ = octets;
  transaction_->recipients.push_back(
      {std::move(*mailbox), parameters->notify, std::move(parameters->original)});
  return {250, {2, 1, 5}, "OK"};
}

// ── DATA and BDAT ────────────────────────────────────────────────────────────────────────────────────────────────────

std::optional<Reply> Session::no_content() const {
  if (chunks_ != Chunks::none) return out_of_order("BDAT has begun: end it with LAST, or say RSET");
  if (!transaction_) return out_of_order("Say MAIL first");
  if (transaction_->recipients.empty()) return Reply{554, {5, 5, 1}, "There is no valid recipient"};
  return std::nullopt;
}

Message Session::take_message() {
  const std::unique_ptr<mail::Envelope> envelope = std::move(transaction_);
  const bool is_outside_ascii = (envelope->reverse_path && envelope->reverse_path->needs_utf8()) ||
                                std::ranges::any_of(envelope->recipients, [](const auto& one) {
                                  return one.mailbox.needs_utf8();
                                });
  envelope->needs_utf8 = is_outside_ascii;
  Message message{std::move(*envelope), protocol(), is_utf8_};
  end_transaction();
  return message;
}

Action Session::data(std::string_view argument) {
  if (!argument.empty()) return Say{no_argument()};
  if (auto refusal = no_content()) return Say{std::move(*refusal)};
  return TakeContent{{354, {}, "End with <CRLF>.<CRLF>"}, take_message()};
}

Action Session::bdat(std::string_view argument) {
  auto chunk = parse_chunk(argument);
  if (!chunk) return unreadable_chunk();
  if (!permit()) return HangUp{no_permit(), "a stranger's chunk"};  // and is not waited for
  // A chunk over the limit is read to its end, so that the session stays in step; one that is beyond all reason is not.
  if (chunk->size / 2 > policy_->message_size) {
    return HangUp{{552, {5, 3, 4}, "The chunk is far too large"}, "a chunk beyond all reason"};
  }
  if (greeted_ != Greeted::ehlo) {
    chunk->refusal = out_of_order("Say EHLO first");
  } else if (chunks_ == Chunks::failed) {
    chunk->refusal = out_of_order("A chunk before this one failed: say RSET");
  } else if (chunks_ == Chunks::none) {
    chunk->refusal = no_content();
    if (!chunk->refusal) {
      chunk->message = take_message();
      chunks_ = Chunks::open;
    } else if (transaction_) {
      end_transaction();
      chunks_ = chunk->is_last ? Chunks::none : Chunks::failed;
    }
  }
  return std::move(*chunk);
}

Action Session::unreadable_chunk() {
  return HangUp{{501, {5, 5, 4}, "It is written BDAT size, or BDAT size LAST"},
                "a chunk without a size"};
}

Action Session::on_chunk(Reply reply) {
  if (reply.is_positive()) return Say{std::move(reply)};
  if (chunks_ == Chunks::open) chunks_ = Chunks::failed;
  return counted(Say{std::move(reply), Notice::refused, "BDAT"});
}

Action Session::on_content(Reply reply) {
  end_transaction();
  if (reply.is_positive()) {
    errors_ = 0;
    idle_commands_ = 0;
    return Say{std::move(reply)};
  }
  return counted(Say{std::move(reply), Notice::refused, "content"});
}

// RFC 3848, and RFC 6531, 4.3. AUTH is taken under TLS only, so there is no ESMTPA.
std::string Session::protocol() const {
  if (greeted_ != Greeted::ehlo) return "SMTP";
  return std::string(is_utf8_ ? "UTF8SMTP" : "ESMTP") + (is_encrypted() ? "S" : "") +
         (identity_ ? "A" : "");
}

}  // namespace postern::smtpd
