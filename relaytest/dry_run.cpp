// What `--dry-run` shows of a probe.
#include <fmt/format.h>

#include <algorithm>

#include "mail/ascii.h"
#include "relaytest/catalogue.h"
#include "relaytest/prober.h"
#include "relaytest/script.h"

namespace postern::relaytest {
namespace {

/// Control characters and 8-bit octets as escapes: the text goes to a terminal.
std::string visible(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\r':
        out += "\\r";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (mail::is_printable(c)) {
          out += c;
        } else {
          out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
  }
  return out;
}

void remark(std::string& out, std::string_view text) { out += fmt::format("# {}\n", text); }

void say(std::string& out, std::string_view command) {
  if (!command.empty()) out += fmt::format("> {}\n", visible(command));
}

/// Line by line at each CRLF; a line end that is none stays visible in its line.
void say_lines(std::string& out, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find("\r\n"), bytes.size());
    out += fmt::format("> {}\n", visible(bytes.substr(0, end)));
    bytes.remove_prefix(std::min(end + 2, bytes.size()));
  }
}

void say_transaction(std::string& out, const Script& script) {
  say(out, script.mail);
  say(out, script.also_rcpt);
  say(out, script.rcpt);
  remark(out, "what follows is sent only if the last recipient is accepted");
  say(out, script.chunking ? fmt::format("BDAT {} LAST", script.content.size()) : "DATA");
  say_lines(out, script.content);
}

}  // namespace

std::string dry_run_of(const Run& run, const Door& door, const ProbeResult& probe) {
  std::string out;
  remark(out, fmt::format("{} to {}", probe.trick, door.label));
  const Trick* const trick = find_trick(probe.trick);
  if (!trick) return out;
  const Script script = script_of(run, door, probe, *trick, system_clock::now());
  if (!script.preface.empty()) {
    remark(out, "before the greeting");
    say_lines(out, script.preface);
  }
  if (door.tls == Door::Tls::implicit) remark(out, "TLS from the first octet");
  if (script.starttls) {
    say(out, script.tls_hello);
    say_lines(out, "STARTTLS\r\n" + script.behind_starttls);
    remark(out, "TLS from here on");
  }
  say(out, script.hello);
  for (const std::string& claim : script.claims) {
    const bool is_answer = claim.starts_with('|');
    if (is_answer) remark(out, "if that is answered 334");
    say(out, is_answer ? claim.substr(1) : claim);
  }
  say(out, script.question);
  if (script.kind != Kind::question) say_transaction(out, script);
  say(out, "QUIT");
  return out;
}

}  // namespace postern::relaytest
