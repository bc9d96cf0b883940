#include "relaytest/returns.h"

#include <algorithm>
#include <array>
#include <optional>

#include "mail/ascii.h"
#include "mail/content_type.h"
#include "mail/header.h"
#include "relaytest/catalogue.h"
#include "relaytest/token.h"
#include "relaytest/utf8_text.h"

namespace postern::relaytest {
namespace {

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), mail::to_lower);
  return out;
}

/// The header section as `split_header` wants it: line ends are CRLF and nothing else, and the line is gone that mailbox files
/// have in front. At most as long as a header section may be.
std::string header_of(std::string_view content) {
  std::string header;
  for (bool is_first = true; !content.empty(); is_first = false) {
    const std::size_t end = content.find('\n');
    std::string line(content.substr(0, end));
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) break;
    content.remove_prefix(end == content.npos ? content.size() : end + 1);
    if (is_first && (line.starts_with("From ") || line.starts_with(">From "))) continue;
    if (header.size() + line.size() + 2 > mail::max_header_section) break;
    std::ranges::replace(line, '\r', ' ');
    header += line + "\r\n";
  }
  return header;
}

std::string unfolded(std::string_view value) {
  std::string out(value);
  std::erase_if(out, [](char c) { return c == '\r' || c == '\n'; });
  out.erase(0, out.find_first_not_of(" \t"));
  return out;
}

struct Found {
  ProbeResult* probe;
  bool is_carrier;
};

/// The probe of the first token in `text` that is one of the run's.
std::optional<Found> find_probe(Run& run, std::string_view text) {
  for (const std::string& written : tokens_in(text)) {
    const std::string token = lower_case(written);
    for (Door& door : run.doors) {
      for (ProbeResult& probe : door.probes) {
        if (probe.token == token) return Found{&probe, false};
        if (probe.carrier_token == token) return Found{&probe, true};
      }
    }
  }
  return {};
}

using Fields = std::vector<mail::HeaderField>;

std::string_view value_of(const Fields& fields, std::string_view name) {
  const auto field =
      std::ranges::find_if(fields, [&](const auto& it) { return mail::is_named(it, name); });
  return field == fields.end() ? std::string_view() : field->value;
}

bool is_report(const Fields& fields) {
  return mail::parse_content_type(value_of(fields, "Content-Type")).is("multipart", "report");
}

std::optional<Found> find_in_own_header(Run& run, const Fields& fields) {
  if (is_report(fields)) return {};
  for (const std::string_view name : {token_field, std::string_view("Message-ID")}) {
    for (const mail::HeaderField& field : fields) {
      if (!mail::is_named(field, name)) continue;
      if (const auto found = find_probe(run, unfolded(field.value))) return found;
    }
  }
  return {};
}

/// `content` without the line ends that quoted-printable put into it (RFC 2045, 6.7, soft line breaks): they part a token.
std::string without_soft_breaks(std::string_view content) {
  std::string out;
  out.reserve(content.size());
  while (!content.empty()) {
    const std::size_t end = std::min(content.find('='), content.size());
    out += content.substr(0, end);
    content.remove_prefix(end);
    const std::size_t size = content.starts_with("=\r\n") ? 3 : content.starts_with("=\n") ? 2 : 0;
    if (size == 0) out += content.substr(0, 1);
    content.remove_prefix(std::min(std::max<std::size_t>(size, 1), content.size()));
  }
  return out;
}

std::optional<Found> find_anywhere(Run& run, std::string_view content) {
  if (const auto found = find_probe(run, content)) return found;
  return find_probe(run, without_soft_breaks(content));
}

/// A field of one recipient in a report (RFC 3464, 2.3), in lower case; `block` ends each line in LF.
std::string_view report_field(std::string_view block, std::string_view name) {
  const std::size_t at = block.find(name);
  if (at == block.npos) return {};
  const std::string_view value = block.substr(at + name.size());
  return value.substr(std::min(value.find_first_not_of(" \t"), value.size()));
}

/// Given up by the server itself. Not so where the network or its routing failed it (RFC 3463, 3.5: X.4.X, but 5.4.6, a loop, which
/// ends where it began): then it did try to pass the message on.
bool says_it_ends_there(std::string_view block) {
  if (!report_field(block, "\naction:").starts_with("failed")) return false;
  const std::string_view status = report_field(block, "\nstatus:");
  const bool is_of_the_way = status.size() > 3 && status.substr(1, 3) == ".4.";
  return !is_of_the_way || status.substr(4).starts_with('6');
}

/// What is neither the message itself nor says, in the words of RFC 3464 or of Exim, that it was given up proves no end: a report of a
/// delay least of all. Nor does a report about a message that had another recipient: it may be about that one.
Return::What what_of_other(const ProbeResult& probe, const Fields& fields,
                           std::string_view content) {
  const Trick* trick = find_trick(probe.trick);
  if (trick && !trick->also_to.empty()) return Return::What::answered;
  std::string text = lower_case(content);
  std::erase(text, '\r');
  for (auto at = text.find("\naction:"); at != text.npos;) {
    const std::size_t end = text.find("\n\n", at);
    const std::size_t before = text.rfind("\n\n", at);
    const std::size_t begin = before == text.npos ? 0 : before + 1;
    if (says_it_ends_there(std::string_view(text).substr(begin, end - begin)))
      return Return::What::bounced;
    at = end == text.npos ? end : text.find("\naction:", end);
  }
  if (is_report(fields)) return Return::What::answered;
  const bool names_failed = !value_of(fields, "X-Failed-Recipients").empty();
  return names_failed ? Return::What::bounced : Return::What::answered;
}

Return return_of(const CaughtMessage& message, const std::string& header, const Fields& fields) {
  Return it;
  it.peer = message.peer.is_unspecified() ? "" : message.peer.to_string();
  it.reverse_path = as_utf8(message.reverse_path);
  it.head = as_utf8(std::string_view(header).substr(0, max_returned_head));
  for (const mail::HeaderField& field : fields) {
    const auto begin = static_cast<std::size_t>(field.raw.data() - header.data());
    const bool is_kept = begin + field.raw.size() <= max_returned_head;
    if (is_kept && mail::is_named(field, "Received"))
      it.received.push_back(as_utf8(unfolded(field.value)));
  }
  return it;
}

/// How little it proves.
int rank(const Return& it) { return 2 * static_cast<int>(it.what) + (it.is_carrier ? 1 : 0); }

void keep(std::vector<Return>& returns, Return it) {
  const auto same = std::ranges::find_if(returns, [&](const Return& kept) {
    return kept.head == it.head && kept.is_carrier == it.is_carrier;
  });
  if (same != returns.end()) {  // seen twice; the second time perhaps more of it
    same->what = std::min(same->what, it.what);
  } else if (returns.size() < max_returns) {
    returns.push_back(std::move(it));
  } else {
    const auto least = std::ranges::max_element(returns, {}, rank);
    if (rank(it) < rank(*least)) *least = std::move(it);
  }
}

}  // namespace

bool note_return(Run& run, const CaughtMessage& message, system_clock::time_point at) {
  const std::string header = header_of(message.content);
  const auto split = mail::split_header(header);
  const Fields fields = split ? *split : Fields{};
  auto found = find_in_own_header(run, fields);
  const bool is_relayed = found.has_value();
  if (!found) found = find_anywhere(run, message.content);
  if (!found) return false;
  Return it = return_of(message, header, fields);
  it.what =
      is_relayed ? Return::What::relayed : what_of_other(*found->probe, fields, message.content);
  it.is_carrier = found->is_carrier;
  it.at = at;
  keep(found->probe->returns, std::move(it));
  return true;
}

std::string return_path_of(std::string_view content) {
  const std::string header = header_of(content);
  const auto fields = mail::split_header(header);
  std::string path = fields ? unfolded(value_of(*fields, "Return-Path")) : "";
  std::erase_if(path, [](char c) { return c == '<' || c == '>'; });
  return path;
}

}  // namespace postern::relaytest
