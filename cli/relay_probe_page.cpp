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

Html item_of(const Line& line) {
  const std::string text = cut_text(line.text, max_shown_line);
  const auto at = fmt::format("{:.3f}", static_cast<double>(line.at.count()) / 1000);
  switch (line.who) {
    case Line::Who::client:
      return html("<li><time>{}</time><b title=\"the tester\">C</b><span>{}</span></li>\n", at,
                  text);
    case Line::Who::server:
      return html(
          "<li class=\"s\"><time>{}</time><b title=\"the target\">S</b><span>{}</span></li>\n", at,
          text);
    default:
      return html("<li class=\"n\"><time>{}</time><b>·</b><span>{}</span></li>\n", at, text);
  }
}

Html transcript_of(const ProbeResult& probe, std::size_t budget) {
  if (probe.transcript.empty()) return {};
  Html list{"<h4>Transcript</h4><ol class=\"talk\">\n"};
  std::size_t used = 0;
  std::size_t shown = 0;
  for (const Line& line : probe.transcript) {
    const Html item = item_of(line);
    used += item.text.size();
    if (used > budget) break;
    list += item;
    ++shown;
  }
  if (const std::size_t more = probe.transcript.size() - shown; more > 0)
    list += html(
        "<li class=\"n\"><time></time><b>·</b><span>{} left out here: --json has all</span></li>\n",
        counted(more, "line"));
  list += Html{"</ol>\n"};
  return list;
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
    Html head = html("{}", cut_text(back.head, share));
    if (head.text.size() > 2 * share) head = html("{}", cut_text(back.head, share / 8));
    if (!head.text.empty()) all += html("<pre class=\"headers\">{}</pre>\n", head);
  }
  return all;
}

void add_fact(Html& facts, std::string_view name, std::string_view value, bool is_code = false) {
  if (value.empty()) return;
  facts += html("<div><dt>{}</dt><dd{}>{}</dd></div>", name, Html{is_code ? " class=\"mono\"" : ""},
                cut_text(value, max_shown_line));
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
  const bool is_plain = fate == Fate::undecided || fate == Fate::not_sent;
  Html all = html(
      R"(<details class="probe {}" id="{}"><summary>{}<span class="trick">{}</span><span class="reply">{}</span><span class="fate">{}</span></summary><div class="inside">)",
      class_of(fate), id, glyph_of(fate), probe.trick, cut_text(probe.reply, max_shown_reply),
      is_plain ? words_of(probe.outcome) : words_of(fate));
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
  if (back.what == Return::What::bounced) what = "a bounce came";
  if (back.what == Return::What::answered) what = "an automatic answer came";
  const auto took = std::chrono::duration_cast<std::chrono::seconds>(back.at - probe.answered_at);
  return html("{}{} {} after it was accepted, handed in by <bdi>{}</bdi> on {}",
              back.is_carrier ? "the message around it: " : "", what, duration_text(took),
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
