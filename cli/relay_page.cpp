#include "relay_page.h"

#include <algorithm>
#include <array>
#include <vector>

#include "html.h"
#include "queue_text.h"
#include "relay_findings.h"
#include "relay_page_style.h"
#include "relay_picture.h"
#include "relay_probe_page.h"
#include "relay_transcript_page.h"

namespace postern::cli {
namespace {

using relaytest::Door;
using relaytest::ProbeResult;
using relaytest::Return;
using relaytest::Run;
using relaytest::Verdict;

constexpr std::size_t max_shown_ways = 3;  // above the list; the others are with their probes

constexpr std::string_view page_begin = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
)";

/// The fate that stands for a verdict: it gives the colour.
Fate fate_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::open_relay:
      return Fate::returned;
    case Verdict::mail_sink:
      return Fate::kept;
    case Verdict::closed:
      return Fate::refused;
    default:
      return Fate::undecided;
  }
}

std::string capitalised(std::string_view words) {
  std::string text(words);
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

/// What a group of the catalogue plays with; a group that is not here has its own name.
std::string title_of(std::string_view group) {
  static constexpr std::pair<std::string_view, std::string_view> titles[] = {
      {"plain", "Plain, and nearly so"},
      {"sender", "Senders that seem local"},
      {"percent", "The percent hack"},
      {"at", "More than one @"},
      {"bang", "Bang paths"},
      {"route", "Source routes"},
      {"form", "Forms of the address"},
      {"gateway", "Addresses for gateways"},
      {"look-alike", "Look-alikes"},
      {"overlong", "Too long"},
      {"control", "Control characters"},
      {"parameter", "Parameters"},
      {"claim", "Claims about the client"},
      {"auth", "Around AUTH"},
      {"tls", "Around TLS"},
      {"smuggling", "Smuggling"},
      {"question", "Questions: VRFY and EXPN"},
  };
  const auto* const found =
      std::ranges::find(titles, group, &std::pair<std::string_view, std::string_view>::first);
  return found == std::end(titles) ? capitalised(group) : std::string(found->second);
}

/// In a ring: a tick; an arrow that goes through a wall; a tray; nobody; a question.
std::string_view sign_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::closed:
      return R"(<path d="m21 33 8 8 15-17"/>)";
    case Verdict::open_relay:
      return R"(<path d="M32 14v11m0 14v11M14 32h34m-8-8 8 8-8 8"/>)";
    case Verdict::mail_sink:
      return R"(<path d="M32 15v19m-7-7 7 7 7-7M19 37v10h26V37"/>)";
    case Verdict::unreachable:
      return R"(<path d="m23 23 18 18m0-18L23 41"/>)";
    default:
      return R"(<path d="M25 26c0-4 3-7 7-7s7 3 7 7c0 5-7 5-7 11m0 7v1"/>)";
  }
}

class Page {
 public:
  explicit Page(const Run& run) : run_(run), verdict_(verdict_of(run)), counts_(counts_of(run)) {
    std::size_t probes = 1;
    for (const Door& door : run.doors) probes += door.probes.size();
    probe_budget_ = std::clamp<std::size_t>(max_page_transcripts / probes, 500, 32'000);
  }

  std::string text() {
    page_ += Html{std::string(page_begin)};
    page_ += html("<title>{}: {} – relay test</title>\n<style>", capitalised(name_of(verdict_)),
                  run_.target);
    page_ += Html{std::string(relay_page_style)};
    page_ += Html{"</style>\n</head>\n<body>\n"};
    page_ += glyph_definitions();
    page_ += html(
        R"(<header class="top"><span>Postern relay test of <b><bdi>{}</bdi></b></span><span>{}</span></header>)",
        run_.target, moment_text(run_.started));
    page_ += Html{"\n<main>\n"};
    add_verdict();
    add_picture();
    add_evidence();
    add_remarks();
    add_naive();
    add_facts();
    add_filter();
    for (const Door& door : run_.doors) add_door(door);
    page_ += Html{"</main>\n"};
    page_ += html(
        R"(<footer>Made by <code>postern relay-test</code>, run <code>{}</code>. An open relay is what forwards mail for )"
        R"(strangers: only a message that came back proves it.</footer>)",
        run_.id);
    page_ += Html{"\n</body>\n</html>\n"};
    return std::move(page_.text);
  }

 private:
  void add_verdict() {
    page_ += html(
        R"(<section class="verdict {}"><svg class="sign" viewBox="0 0 64 64" aria-hidden="true"><circle cx="32" cy="32" r="29"/>{}</svg>)"
        R"(<div><h1>{}</h1><p>{}</p>)",
        class_of(fate_of(verdict_)), Html{std::string(sign_of(verdict_))},
        capitalised(name_of(verdict_)), verdict_sentence(run_));
    if (const std::string advice = advice_sentence(run_); !advice.empty())
      page_ += html(R"(<p class="more">{}</p>)", advice);
    page_ += Html{"</div></section>\n"};
  }

  void add_picture() {
    page_ += html(
        R"(<figure class="card">{}<figcaption>The way of {}: each addressed to the tester’s own mailbox, each with a token )"
        R"(that nobody else can make.</figcaption></figure>)",
        picture_of(counts_, run_.target), counted(counts_.sent(), "test message"));
    page_ += Html{"\n"};
  }

  void add_evidence() {
    std::size_t ways = 0;
    for (std::size_t d = 0; d < run_.doors.size(); ++d) {
      for (std::size_t p = 0; p < run_.doors[d].probes.size(); ++p) {
        const ProbeResult& probe = run_.doors[d].probes[p];
        if (cli::fate_of(probe) != Fate::returned) continue;
        if (ways++ == 0) page_ += Html{"<section><h2>What came back</h2>\n"};
        if (ways <= max_shown_ways) add_way(run_.doors[d], probe, d, p);
      }
    }
    if (ways == 0) return;
    if (ways > max_shown_ways)
      page_ += html("<p class=\"soft\">And {}, in the lists below.</p>",
                    counted(ways - max_shown_ways, "other"));
    page_ += Html{"</section>\n"};
  }

  void add_way(const Door& door, const ProbeResult& probe, std::size_t d, std::size_t p) {
    const auto back = std::ranges::find(probe.returns, Return::What::relayed, &Return::what);
    if (back == probe.returns.end()) return;
    page_ += html(R"(<div class="card back"><b><a href="#p{}-{}">{}</a></b> at <bdi>{}</bdi>. )", d,
                  p, probe.trick, door.label);
    page_ += return_sentence(probe, *back);
    page_ += trail_of(*back, probe_budget_);
    page_ += Html{"</div>\n"};
  }

  void add_remarks() {
    std::vector<std::string> remarks = run_.remarks;
    for (std::string& each : relaytest::remarks_of(run_)) remarks.push_back(std::move(each));
    if (remarks.empty()) return;
    page_ += Html{"<section><h2>Remarks</h2><ul class=\"remarks\">\n"};
    for (const std::string& remark : remarks) page_ += html("<li>{}</li>\n", remark);
    page_ += Html{"</ul></section>\n"};
  }

  void add_naive() {
    const Verdict naive = naive_verdict_of(run_);
    page_ += html(
        R"(<section><h2>What a naive tester would say</h2><div class="versus">)"
        R"(<div class="card {}"><span class="soft">Postern: what came back?</span><p class="said">{}</p></div>)"
        R"(<div class="card {}"><span class="soft">Naive: was RCPT answered 250?</span><p class="said">{}</p></div>)"
        R"(</div><p>{}</p></section>)",
        class_of(fate_of(verdict_)), capitalised(name_of(verdict_)), class_of(fate_of(naive)),
        capitalised(name_of(naive)), naive_sentence(run_));
    page_ += Html{"\n"};
  }

  void add_fact(std::string_view name, std::string_view value) {
    if (!value.empty())
      page_ += html("<div><dt>{}</dt><dd><bdi>{}</bdi></dd></div>\n", name, value);
  }

  void add_facts() {
    page_ += Html{"<section><h2>The run</h2><dl class=\"card facts\">\n"};
    add_fact("Target", run_.target);
    if (run_.server != run_.target) add_fact("The target’s name", run_.server);
    add_fact("Tester’s mailbox", run_.mailbox);
    add_fact("Returns", returns_text(run_));
    add_fact("Began", moment_text(run_.started));
    add_fact("Took", duration_text(std::chrono::duration_cast<std::chrono::seconds>(run_.ended -
                                                                                    run_.started)));
    add_fact("Contact", run_.contact);
    add_fact("Run", run_.id);
    page_ += Html{"</dl></section>\n"};
  }

  void add_filter() {
    page_ += Html{
        R"(<fieldset class="filter" aria-label="Which probes are shown"><label><input type="radio" name="show" id="every" checked> Every probe</label>)"
        R"(<label><input type="radio" name="show" id="only"> Only what was not refused</label></fieldset>)"
        "\n"};
  }

  void add_door(const Door& door) {
    const Verdict verdict = verdict_of(door);
    page_ += html(
        R"(<section class="door"><div class="door-head {}"><h2><bdi>{}</bdi></h2><span class="badge">{}</span></div>)",
        class_of(fate_of(verdict)), door.label, capitalised(name_of(verdict)));
    if (!door.greeting.empty())
      page_ += html(R"(<p class="mono soft"><bdi>{}</bdi></p>)", cut_text(door.greeting, 300));
    if (!door.trouble.empty())
      page_ += html(R"(<p>Given up: <bdi>{}</bdi></p>)", cut_text(door.trouble, 300));
    add_share(counts_of(door));
    add_probes(door);
    page_ += Html{"</section>\n"};
  }

  void add_share(const Counts& counts) {
    const std::array<std::pair<Fate, std::size_t>, 7> parts{{{Fate::returned, counts.returned},
                                                             {Fate::kept, counts.kept},
                                                             {Fate::carried, counts.carried},
                                                             {Fate::bounced, counts.bounced},
                                                             {Fate::undecided, counts.undecided},
                                                             {Fate::refused, counts.refused},
                                                             {Fate::not_sent, counts.not_sent}}};
    Html bar;
    Html words;
    for (const auto& [fate, count] : parts) {
      if (count == 0) continue;
      bar += html(R"(<i class="{}" style="flex:{}"></i>)", class_of(fate), count);
      words += html(R"(<li class="{}"><b>{}</b> {}</li>)", class_of(fate), count, words_of(fate));
    }
    page_ +=
        html(R"(<div class="share" aria-hidden="true">{}</div><ul class="share-words">{}</ul>)",
             bar, words);
    page_ += Html{"\n"};
  }

  void add_probes(const Door& door) {
    std::vector<std::string_view> groups;
    for (const ProbeResult& probe : door.probes) {
      const auto group = group_of(probe);
      if (std::ranges::find(groups, group) == groups.end()) groups.push_back(group);
    }
    const auto d = static_cast<std::size_t>(&door - run_.doors.data());
    for (const std::string_view group : groups) add_group(door, d, group);
  }

  void add_group(const Door& door, std::size_t d, std::string_view group) {
    Html probes;
    std::size_t count = 0;
    bool is_quiet = true;
    for (std::size_t p = 0; p < door.probes.size(); ++p) {
      const ProbeResult& probe = door.probes[p];
      if (group_of(probe) != group) continue;
      const Fate fate = cli::fate_of(probe);
      is_quiet = is_quiet && (fate == Fate::refused || fate == Fate::not_sent);
      probes += html_of(probe, fmt::format("p{}-{}", d, p), probe_budget_);
      ++count;
    }
    page_ +=
        html(R"(<div class="group{}"><h3>{} <span>{}</span></h3><div class="list">{}</div></div>)",
             is_quiet ? " quiet" : "", title_of(group), counted(count, "probe"), probes);
    page_ += Html{"\n"};
  }

  const Run& run_;
  Verdict verdict_;
  Counts counts_;
  std::size_t probe_budget_ = 0;
  Html page_;
};

}  // namespace

std::string page_of(const Run& run) { return Page(run).text(); }

}  // namespace postern::cli
