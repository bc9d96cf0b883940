#include "relay_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "foreign_text.h"
#include "queue_text.h"
#include "relay_findings.h"

namespace postern::cli {
namespace {

using relaytest::Door;
using relaytest::Outcome;
using relaytest::ProbeResult;
using relaytest::Progress;
using relaytest::Return;
using relaytest::Run;
using relaytest::Verdict;

constexpr std::size_t max_shown_ways = 3;  // whose Received fields are shown unless all are wanted
constexpr std::size_t least_answer = 24;   // columns: a narrower terminal wraps

/// One line: what breaks lines is a space here.
std::string one_line(std::string_view text) {
  std::string line = printable(text);
  std::ranges::replace_if(
      line, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return line;
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

std::size_t characters_in(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

/// At most `columns` characters, of which the last three are `...` where some were left out.
std::string shortened(std::string text, std::size_t columns) {
  if (characters_in(text) <= columns) return text;
  std::size_t kept = 0;
  std::size_t at = 0;
  while (at < text.size() && (!begins_character(text[at]) || kept++ < columns - 3)) ++at;
  return text.substr(0, at) + "...";
}

std::string padded(std::string_view text, std::size_t columns) {
  const std::size_t length = characters_in(text);
  return std::string(text) + std::string(columns > length ? columns - length : 0, ' ');
}

class Table {
 public:
  Table(const Run& run, const TableOptions& options) : run_(run), options_(options) {}

  std::string text() {
    say_verdict();
    if (options_.naive) say(naive_sentence(run_));
    if (const std::string advice = advice_sentence(run_); !advice.empty()) say(advice);
    say_facts();
    say_remarks();
    say_evidence();
    for (const Door& door : run_.doors) say_door(door);
    return std::move(text_);
  }

 private:
  /// A paragraph, wrapped between words.
  void say(std::string_view words, std::string_view indent = "") {
    const std::string all = one_line(words);
    std::size_t column = 0;
    std::size_t at = 0;
    while (at < all.size()) {
      const std::size_t end = std::min(all.find(' ', at), all.size());
      const std::string_view word = std::string_view(all).substr(at, end - at);
      const std::size_t length = characters_in(word);
      if (column == 0) {
        text_ += indent;
        column = indent.size() + length;
      } else if (options_.width > 0 && column + 1 + length > options_.width) {
        text_ += fmt::format("\n{}", indent);
        column = indent.size() + length;
      } else {
        text_ += ' ';
        column += 1 + length;
      }
      text_ += word;
      at = end + 1;
    }
    text_ += '\n';
  }

  std::string coloured(std::string_view text, const char* colour) const {
    return options_.colour ? fmt::format("\x1b[{}m{}\x1b[0m", colour, text) : std::string(text);
  }

  static const char* colour_of(Verdict verdict) {
    if (verdict == Verdict::closed) return "1;32";
    return verdict == Verdict::open_relay ? "1;31" : "1;33";
  }

  void say_verdict() {
    const Verdict verdict = verdict_of(run_);
    std::string name(name_of(verdict));
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
    const std::size_t begin = text_.size();
    say(fmt::format("{}: {}", name, verdict_sentence(run_)));
    // After wrapping, so that what is not seen does not count as columns.
    if (text_.compare(begin, name.size(), name) == 0)
      text_.replace(begin, name.size(), coloured(name, colour_of(verdict)));
  }

  void say_facts() {
    text_ += fmt::format(
        "\nrun {}, {}, {}\n", one_line(run_.id), moment_text(run_.started),
        duration_text(std::chrono::duration_cast<std::chrono::seconds>(run_.ended - run_.started)));
    if (const std::string returns = returns_text(run_); !returns.empty())
      say(fmt::format("returns: to {}, {}", run_.mailbox, returns));
  }

  void say_remarks() {
    std::vector<std::string> remarks = run_.remarks;
    for (std::string& each : relaytest::remarks_of(run_)) remarks.push_back(std::move(each));
    if (remarks.empty()) return;
    text_ += "\nRemarks\n";
    for (const std::string& remark : remarks) say(remark, "  ");
  }

  void say_evidence() {
    std::size_t ways = 0;
    for (const Door& door : run_.doors) {
      for (const ProbeResult& probe : door.probes) {
        if (fate_of(probe) != Fate::returned) continue;
        if (ways == 0) text_ += "\nWhat came back\n";
        if (++ways <= max_shown_ways || options_.all) say_way(door, probe);
      }
    }
    if (ways > max_shown_ways && !options_.all)
      text_ += fmt::format("  and {}: --all shows them\n", counted(ways - max_shown_ways, "other"));
  }

  void say_way(const Door& door, const ProbeResult& probe) {
    const auto back = std::ranges::find(probe.returns, Return::What::relayed, &Return::what);
    say(fmt::format("{} at {}: handed in by {} on {}", probe.trick, door.label,
                    back->peer.empty() ? "the mailbox" : back->peer, moment_text(back->at)),
        "  ");
    for (const std::string& field : back->received) say("Received: " + field, "    ");
  }

  void say_door(const Door& door) {
    const Verdict verdict = verdict_of(door);
    text_ += fmt::format("\n{}: {}\n", one_line(door.label),
                         coloured(name_of(verdict), colour_of(verdict)));
    if (!door.greeting.empty()) say_cut("  greeting: ", door.greeting);
    if (!door.trouble.empty()) say_cut("  given up: ", door.trouble);
    if (!door.is_reachable && verdict == Verdict::unreachable && !options_.all) return;
    say_probes(door);
  }

  void say_cut(std::string_view begin, std::string_view words) {
    std::string line = one_line(words);
    if (options_.width > 0)
      line = shortened(std::move(line), std::max(options_.width - begin.size(), least_answer));
    text_ += fmt::format("{}{}\n", begin, line);
  }

  bool is_grouped(const ProbeResult& probe) const {
    const Fate fate = fate_of(probe);
    return !options_.all && (fate == Fate::refused || fate == Fate::not_sent);
  }

  void say_probes(const Door& door) {
    std::size_t widest = 0;
    for (const ProbeResult& probe : door.probes) {
      if (!is_grouped(probe)) widest = std::max(widest, characters_in(one_line(probe.trick)));
    }
    bool has_head = false;
    for (const ProbeResult& probe : door.probes) {
      if (is_grouped(probe)) continue;
      if (!has_head) {
        const auto head = row(widest, "trick", "outcome", "back", "naive");
        text_ += coloured(head + "answer", "2") + "\n";
      }
      has_head = true;
      say_probe(probe, widest);
    }
    if (!options_.all) say_groups(door);
  }

  std::string row(std::size_t widest, std::string_view trick, std::string_view outcome,
                  std::string_view back, std::string_view naive) const {
    std::string line =
        fmt::format("  {}  {}  {}  ", padded(trick, std::max<std::size_t>(widest, 5)),
                    padded(outcome, 11), padded(back, 6));
    return options_.naive ? line + padded(naive, 8) : line;
  }

  static std::string_view back_of(const ProbeResult& probe) {
    switch (fate_of(probe)) {
      case Fate::returned:
        return "YES";
      case Fate::bounced:
        return "bounce";
      case Fate::kept:
        return "no";
      default:
        return "-";
    }
  }

  static std::string_view naive_of(const ProbeResult& probe) {
    const auto verdict = naive_verdict_of(probe);
    if (!verdict) return "-";
    return *verdict == Verdict::open_relay ? "open" : name_of(*verdict);
  }

  void say_probe(const ProbeResult& probe, std::size_t widest) {
    const std::string begin = row(widest, one_line(probe.trick), words_of(probe.outcome),
                                  back_of(probe), naive_of(probe));
    const std::string answer =
        probe.step.empty() ? probe.reply : fmt::format("{}: {}", probe.step, probe.reply);
    const std::size_t before = text_.size();
    say_cut(begin, answer);
    while (text_.ends_with(" \n")) text_.erase(text_.size() - 2, 1);
    if (options_.colour && fate_of(probe) == Fate::returned) {
      text_.insert(before, "\x1b[31m");
      text_.insert(text_.size() - 1, "\x1b[0m");
    }
  }

  struct Group {
    std::string_view name;
    Outcome outcome;
    std::size_t count = 0;
    std::map<std::string, std::size_t> answers;

    std::string commonest() const {
      const auto best =
          std::ranges::max_element(answers, {}, [](const auto& answer) { return answer.second; });
      return best == answers.end() ? std::string() : best->first;
    }
  };

  /// `recipient: 24 tricks refused`, and the answer that most of them got.
  void say_groups(const Door& door) {
    std::vector<Group> groups;
    for (const ProbeResult& probe : door.probes) {
      if (!is_grouped(probe)) continue;
      const auto name = group_of(probe);
      auto group = std::ranges::find_if(groups, [&](const Group& each) {
        return each.name == name && each.outcome == probe.outcome;
      });
      if (group == groups.end()) group = groups.insert(groups.end(), {name, probe.outcome, 0, {}});
      ++group->count;
      if (!probe.reply.empty()) ++group->answers[probe.reply];
    }
    std::vector<std::string> begins;
    std::size_t widest = 0;
    for (const Group& group : groups) {
      const auto outcome = group.outcome == Outcome::answered ? "refused" : words_of(group.outcome);
      begins.push_back(
          fmt::format("  {}: {} {}", group.name, counted(group.count, "trick"), outcome));
      widest = std::max(widest, begins.back().size());
    }
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const std::string answer = groups[i].commonest();
      if (answer.empty()) {
        text_ += begins[i] + "\n";
      } else {
        say_cut(padded(begins[i], widest) + "  ", answer);
      }
    }
  }

  const Run& run_;
  const TableOptions& options_;
  std::string text_;
};

}  // namespace

std::string table_of(const Run& run, const TableOptions& options) {
  return Table(run, options).text();
}

std::string progress_line(const Progress& progress) {
  constexpr std::size_t bar = 20;  // columns
  const std::size_t done = progress.all == 0 ? 0 : bar * progress.tried / progress.all;
  std::string line = fmt::format("[{}{}] {}/{} probes, {} accepted, {} returned",
                                 std::string(std::min(done, bar), '#'),
                                 std::string(bar - std::min(done, bar), '.'), progress.tried,
                                 progress.all, progress.accepted, progress.returned);
  if (progress.phase == Progress::Phase::waiting_to_retry)
    line += fmt::format("; retry in {}", duration_text(progress.left));
  if (progress.phase == Progress::Phase::waiting_for_returns)
    line += fmt::format("; waiting {}", duration_text(progress.left));
  return shortened(std::move(line), 78);
}

}  // namespace postern::cli
