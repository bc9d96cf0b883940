#include "relay_probe_page.h"

#include "queue_text.h"
#include "relay_findings.h"
#include "relay_picture.h"
#include "relay_transcript_page.h"
#include "relaytest/catalogue.h"

namespace postern::cli {
namespace {

using relaytest::ProbeResult;
using relaytest::Return;

constexpr std::size_t max_shown_reply = 240;  // octets, in the line of the list
constexpr std::size_t max_shown_line = 600;   // octets
constexpr std::size_t max_shown_returns = 3;  // of one probe

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

}  // namespace postern::cli
