#include "relay_transcript_page.h"

#include <vector>

#include "queue_text.h"

namespace postern::cli {
namespace {

using relaytest::Line;
using relaytest::ProbeResult;

constexpr std::size_t max_shown_line = 600;  // octets
constexpr std::size_t least_folded = 8;      // lines: a shorter content is shown

/// Lines of a transcript, from the first to before the last.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

Html item_of(const Line& line, bool is_decisive) {
  const char* look = is_decisive ? "s decisive" : "s";
  const char* who = "S";
  if (line.who == Line::Who::client) {
    look = "c";
    who = "C";
  } else if (line.who == Line::Who::note) {
    look = "n";
    who = "·";
  }
  return html("<li class=\"{}\"><i>{:.3f}</i><b>{}</b>{}</li>\n", look,
              static_cast<double>(line.at.count()) / 1000, who,
              cut_text(line.text, max_shown_line));
}

/// The last line of the reply that decided; past the end: there is none.
std::size_t decisive_line(const ProbeResult& probe) {
  std::size_t found = probe.transcript.size();
  for (std::size_t i = 0; i < probe.transcript.size(); ++i) {
    const std::string_view text = probe.transcript[i].text;
    if (probe.transcript[i].who == Line::Who::server && text.size() > 4 &&
        probe.reply.starts_with(text.substr(0, 3)) && probe.reply.ends_with(text.substr(4)))
      found = i;
  }
  return found;
}

/// The content, which is much the same in each probe. Of smuggling it is what matters, and is not folded away.
Span folded_lines(const ProbeResult& probe) {
  const std::vector<Line>& lines = probe.transcript;
  if (probe.kind != relaytest::Kind::message) return {};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].who != Line::Who::server || !lines[i].text.starts_with("354")) continue;
    std::size_t end = i + 1;
    while (end < lines.size() && lines[end].who == Line::Who::client && lines[end].text != ".")
      ++end;
    return end - i > least_folded ? Span{i + 1, end} : Span{};
  }
  return {};
}

/// The items of the list, made when they are asked for: a target may have said far more than there is room for.
class Items {
 public:
  explicit Items(const ProbeResult& probe)
      : lines_(probe.transcript), decisive_(decisive_line(probe)), made_(lines_.size()) {}

  std::size_t size() const { return lines_.size(); }
  const Html& at(std::size_t i) {
    if (made_[i].text.empty()) made_[i] = item_of(lines_[i], i == decisive_);
    return made_[i];
  }

 private:
  const std::vector<Line>& lines_;
  std::size_t decisive_;
  std::vector<Html> made_;
};

/// Which items are too many for the budget. The end matters most: there it was decided.
Span cut_items(Items& items, std::size_t budget) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < items.size() && used <= budget; ++i) used += items.at(i).text.size();
  if (used <= budget) return {};
  Span cut{0, items.size()};
  used = 0;
  while (cut.end > 0 && (used += items.at(cut.end - 1).text.size()) <= budget / 2) --cut.end;
  used = 0;
  while (cut.begin < cut.end && (used += items.at(cut.begin).text.size()) <= budget / 2)
    ++cut.begin;
  return cut;
}

}  // namespace

Html transcript_of(const ProbeResult& probe, std::size_t budget) {
  if (probe.transcript.empty()) return {};
  Items items(probe);
  const Span cut = cut_items(items, budget);
  const Span folded = folded_lines(probe);
  Html list{"<h4>Transcript</h4><ol class=\"talk\">\n"};
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (folded.end > 0 && i == folded.begin) {
      list += html("<li class=\"fold\"><details><summary>the message, {}</summary><ol>\n",
                   counted(folded.end - folded.begin, "line"));
    }
    if (folded.end > 0 && i == folded.end) list += Html{"</ol></details></li>\n"};
    if (i < cut.begin || i >= cut.end) {
      list += items.at(i);
    } else if (i == cut.begin) {
      list += html("<li class=\"n\"><i></i><b>·</b>{} left out here: --json has all</li>\n",
                   counted(cut.end - cut.begin, "line"));
    }
  }
  if (folded.end == items.size()) list += Html{"</ol></details></li>\n"};
  list += Html{"</ol>\n"};
  return list;
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
