#include "relay_probe_page.h"

#include "queue_text.h"
#include "relay_findings.h"
#include "relay_picture.h"
#include "relaytest/catalogue.h"

namespace postern::cli {
namespace {

using relaytest::Line;
using relaytest::ProbeResult;
using relaytest::Return;

constexpr std::size_t max_shown_reply = 240;  // octets, in the line of the list
constexpr std::size_t max_shown_line = 600;   // of a transcript
constexpr std::size_t max_shown_returns = 3;  // of one probe

Html item_of(const Line& line, bool is_decisive) {
  const char* look = is_decisive ? "s decisive" : "s";
  const char* who = "<b title=\"the target\">S</b>";
  if (line.who == Line::Who::client) {
    look = "c";
    who = "<b title=\"the tester\">C</b>";
  } else if (line.who == Line::Who::note) {
    look = "n";
    who = "<b>·</b>";
  }
  return html("<li class=\"{}\"><time>{:.3f}</time>{}<span>{}</span></li>\n", look,
              static_cast<double>(line.at.count()) / 1000, Html{who},
              cut_text(line.text, max_shown_line));
}

/// The last line of the reply that decided; the transcript's end: there is none.
std::vector<Line>::const_iterator decisive_line(const ProbeResult& probe) {
  auto found = probe.transcript.end();
  for (auto line = probe.transcript.begin(); line != probe.transcript.end(); ++line) {
    const std::string_view text = line->text;
    if (line->who == Line::Who::server && text.size() > 4 &&
        probe.reply.starts_with(text.substr(0, 3)) && probe.reply.ends_with(text.substr(4)))
      found = line;
  }
  return found;
}

Html transcript_of(const ProbeResult& probe, std::size_t budget) {
  if (probe.transcript.empty()) return {};
  Html list{"<h4>Transcript</h4><ol class=\"talk\">\n"};
  const auto decisive = decisive_line(probe);
  std::size_t used = 0;
  auto line = probe.transcript.begin();
  for (; line != probe.transcript.end(); ++line) {
    const Html item = item_of(*line, line == decisive);
    used += item.text.size();
    if (used > budget) break;
    list += item;
  }
  if (const auto more = probe.transcript.end() - line; more > 0)
    list += html(
        "<li class=\"n\"><time></time><b>·</b><span>{} left out here: --json has all</span></li>\n",
        counted(static_cast<std::size_t>(more), "line"));
  list += Html{"</ol>\n"};
  return list;
}

/// CRLF is a line's end here, and no control character to be shown.
std::string with_plain_ends(std::string_view head) {
  std::string text(head);
  for (std::size_t at = 0; (at = text.find("\r\n", at)) != text.npos;) text.erase(at, 1);
  return text;
}

Html returns_of(const ProbeResult& probe, std::size_t budget) {
  Html all;
  std::size_t shown = 0;
  for (const Return& back : probe.returns) {
    if (shown++ == max_shown_returns) {
      all += html("<p class=\"soft\">And {} more.</p>", probe.returns.size() - max_shown_returns);
      break;
    }
    all += Html{shown == 1 ? "<h4>What came back</h4><p>" : "<p>"};
    all += return_sentence(probe, back);
    all += Html{"</p>\n"};
    const std::size_t share = budget / max_shown_returns / 2;
    all += trail_of(back, share);
    Html head = html("{}", cut_text(with_plain_ends(back.head), share));
    if (head.text.size() > 2 * share)
      head = html("{}", cut_text(with_plain_ends(back.head), share / 8));
    if (!head.text.empty()) all += html("<pre class=\"headers\">{}</pre>\n", head);
  }
  return all;
}

void add_fact(Html& facts, std::string_view name, std::string_view value, bool is_code = false) {
  if (value.empty()) return;
  facts += html("<div{}><dt>{}</dt><dd{}>{}</dd></div>",
                Html{value.size() > 40 ? " class=\"long\"" : ""}, name,
                Html{is_code ? " class=\"mono\"" : ""}, cut_text(value, max_shown_line));
}

std::string_view naive_words(const ProbeResult& probe) {
  const auto naive = naive_verdict_of(probe);
  return naive ? name_of(*naive) : std::string_view();
}

Html facts_of(const ProbeResult& probe) {
  Html facts;
  add_fact(facts, "MAIL FROM", probe.from, true);
  add_fact(facts, "RCPT TO", probe.to, true);
  add_fact(facts, "Outcome",
           probe.step.empty() ? std::string(words_of(probe.outcome))
                              : fmt::format("{} at {}", words_of(probe.outcome), probe.step));
  if (probe.attempts > 1) add_fact(facts, "Attempts", std::to_string(probe.attempts));
  add_fact(facts, "A naive tester says", naive_words(probe));
  add_fact(facts, "TLS", probe.tls);
  add_fact(facts, "Token", probe.token, true);
  return html("<dl>{}</dl>\n", facts);
}

}  // namespace

Html html_of(const ProbeResult& probe, std::string_view id, std::size_t budget) {
  const Fate fate = fate_of(probe);
  Html all = html(
      R"(<details class="probe {}" id="{}"><summary>{}<span class="trick">{}</span><span class="reply">{}</span><span class="fate">{}</span></summary><div class="inside">)",
      class_of(fate), id, glyph_of(fate), probe.trick, cut_text(probe.reply, max_shown_reply),
      fate_words(probe));
  all += Html{"\n"};
  if (const relaytest::Trick* const trick = relaytest::find_trick(probe.trick))
    all += html("<p>{}</p><p class=\"soft\">Source: {}</p>\n", trick->reason, trick->source);
  all += facts_of(probe);
  all += returns_of(probe, budget);
  all += transcript_of(probe, budget);
  all += Html{"</div></details>\n"};
  return all;
}

Html return_sentence(const ProbeResult& probe, const Return& back) {
  std::string_view what = "came back";
  if (back.what == Return::What::bounced) what = "was bounced: the report came";
  if (back.what == Return::What::answered) what = "was answered by a machine: that came";
  const auto took = std::chrono::duration_cast<std::chrono::seconds>(back.at - probe.answered_at);
  return html("{} {} {} after it was {}, handed in by <bdi>{}</bdi> on {}.",
              back.is_carrier ? "The message around it" : "It", what,
              took.count() < 1 ? std::string("less than a second") : duration_text(took),
              probe.outcome == relaytest::Outcome::accepted ? "accepted" : "sent",
              back.peer.empty() ? std::string("the mailbox") : cut_text(back.peer, 100),
              moment_text(back.at));
}

Html trail_of(const Return& back, std::size_t budget) {
  if (back.received.empty()) return {};
  Html list;
  for (const std::string& field : back.received) {
    const Html item = html("<li>Received: {}</li>\n", cut_text(field, max_shown_line));
    if (list.text.size() + item.text.size() > budget) {
      list += Html{"<li>(more was left out here: --json has all)</li>\n"};
      break;
    }
    list += item;
  }
  return html("<ol class=\"trail\">{}</ol>\n", list);
}

std::string cut_text(std::string_view text, std::size_t octets) {
  if (text.size() <= octets) return std::string(text);
  // Not within a character, as far as it is UTF-8 at all: at most three octets follow a first one.
  for (int back = 0; back < 3 && octets > 0; ++back) {
    if ((static_cast<unsigned char>(text[octets]) & 0xc0U) != 0x80U) break;
    --octets;
  }
  return std::string(text.substr(0, octets)) + "…";
}

}  // namespace postern::cli
