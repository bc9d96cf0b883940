#include "delivery/login.h"

#include "net/base64.h"

namespace postern::delivery {
namespace {

using Kind = Trouble::Kind;

// A mechanism's name is a word of the protocol (RFC 4422, 3.1); it comes from another role, so it is looked at.
bool is_mechanism(std::string_view name) {
  return !name.empty() && name.size() <= 20 &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == std::string_view::npos;
}

// RFC 4954, 4: an empty initial response is sent as `=`.
std::string auth_command(const frames::ClientStep& step) {
  std::string command = "AUTH " + step.mechanism;
  if (step.bytes) command += ' ' + (step.bytes->empty() ? "=" : net::to_base64(*step.bytes));
  return command;
}

// What the auth role says next: a line for the server, or why there is none.
using Line = std::variant<frames::ClientStep, Trouble>;
Line line_of(const Dialogue& dialogue, net::Result<frames::AuthToDelivery> said) {
  if (!said) {
    return dialogue.trouble(Kind::unreachable,
                            mail::Reply{451, {4, 3, 0}, "the auth role does not answer"});
  }
  if (auto* failure = std::get_if<frames::ClientFailed>(&*said)) {
    return dialogue.trouble(
        Kind::route, mail::Reply{451, {4, 7, 8}, "cannot log in: " + std::move(failure->reason)});
  }
  return std::get<frames::ClientStep>(std::move(*said));
}

// The dialogue from the first step on.
net::Task<std::optional<Trouble>> exchange(Dialogue& dialogue, AuthDesk& auth, std::uint64_t id,
                                           frames::ClientStep first, const TimeLimits& limits) {
  net::Result<mail::Reply> reply = co_await dialogue.ask(auth_command(first), limits.command);
  for (int step = 0; reply && reply->code == 334 && step < max_auth_steps; ++step) {
    std::optional<std::string> challenge = net::from_base64(reply->text);
    if (!challenge) break;
    frames::Answer answer{id, std::move(*challenge)};
    net::Result<frames::AuthToDelivery> said =
        co_await auth.answer(std::move(answer), limits.auth_role);
    Line line = line_of(dialogue, std::move(said));
    if (auto* trouble = std::get_if<Trouble>(&line)) co_return std::move(*trouble);
    auto& bytes = std::get<frames::ClientStep>(line).bytes;
    reply = co_await dialogue.ask(net::to_base64(bytes.value_or("")), limits.command);
  }
  if (!reply) co_return dialogue.failed(Kind::unreachable, "AUTH", reply.error());
  if (reply->code == 235) co_return std::nullopt;
  // 454 and the like say that it was not the password (RFC 4954, 6).
  const Kind kind = reply->is_transient() ? Kind::unreachable : Kind::route;
  co_return dialogue.refused(kind, "AUTH", std::move(*reply));
}

}  // namespace

net::Task<std::optional<Trouble>> log_in(Dialogue& dialogue, AuthDesk& auth,
                                         const std::string& offered, const TimeLimits& limits) {
  const Hop& hop = dialogue.hop();
  if (!dialogue.stream().is_encrypted() || !hop.is_verified()) {
    co_return dialogue.trouble(
        Kind::route, mail::Reply{451, {4, 7, 11}, "no password is sent without verified TLS"});
  }
  if (offered.empty()) {
    co_return dialogue.trouble(Kind::route, mail::Reply{451, {4, 7, 8}, "no AUTH is offered"});
  }
  const std::uint64_t id = auth.next_exchange();
  frames::BeginClient begin{id, hop.host, hop.endpoint.port(), hop.user, offered};
  net::Result<frames::AuthToDelivery> said =
      co_await auth.begin(std::move(begin), limits.auth_role);
  Line line = line_of(dialogue, std::move(said));
  if (auto* trouble = std::get_if<Trouble>(&line)) co_return std::move(*trouble);
  frames::ClientStep first = std::get<frames::ClientStep>(std::move(line));
  std::optional<Trouble> trouble;
  if (is_mechanism(first.mechanism)) {
    trouble = co_await exchange(dialogue, auth, id, std::move(first), limits);
  } else {
    trouble = dialogue.trouble(Kind::route, mail::Reply{451, {4, 7, 8}, "no such mechanism"});
  }
  auth.end(id);
  co_return trouble;
}

}  // namespace postern::delivery
