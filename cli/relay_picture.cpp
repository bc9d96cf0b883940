#include "relay_picture.h"

#include <algorithm>
#include <cmath>

namespace postern::cli {
namespace {

/// Sizes of one picture. `along` is the way that the mail goes, `across` is at right angles to it, left to right as the mail
/// sees it from behind its left shoulder: on wide screens x and y, on narrow ones y and x.
struct Layout {
  bool is_tall;
  double length, breadth;
  double node;          // along: how long the tester and the mailbox are
  double wall, inside;  // along: where the target begins and ends
  double middle;        // across: of all bands
  double band;          // across: of all messages together
  double reach;         // from the middle to where a band that turns away ends
};

constexpr Layout wide{false, 760, 292, 104, 300, 540, 158, 60, 76};
constexpr Layout tall{true, 500, 320, 56, 176, 356, 158, 46, 58};

constexpr double least_band = 4;
constexpr double bend = 16;  // the inner radius of a turn

/// How long an arrow's head is.
double head_of(double width) { return 9 + width / 4; }

enum class Turn { back_left, stays_left, straight, stays_right, back_right };

struct Band {
  std::string_view look;  // class of the style sheet
  std::string_view words;
  Turn turn;
  std::size_t count;
  double width = 0;
  double at = 0;  // across
};

class Picture {
 public:
  Picture(const Layout& layout, const Counts& counts, std::string_view target)
      : layout_(layout), counts_(counts), target_(target) {
    const std::size_t ended = counts.bounced + counts.carried;
    std::string_view ended_words = "bounced";
    if (counts.carried > 0) ended_words = counts.bounced > 0 ? "ended there" : "carrier only";
    bands_ = {{"undecided", "undecided", Turn::back_left, counts.undecided},
              {"bounced", ended_words, Turn::stays_left, ended},
              {"returned", "came back", Turn::straight, counts.returned},
              {"kept", "not seen again", Turn::stays_right, counts.kept},
              {"refused", "refused", Turn::back_right, counts.refused}};
    place_bands();
  }

  Html svg() {
    draw_target();
    draw_node(0, "Tester", R"(<path d="m-16-8 16 11 16-11"/>)");
    draw_node(layout_.length - layout_.node, "Tester’s mailbox",
              R"(<path d="M-16-2h10l3 5h6l3-5h10"/>)");
    draw_sent();
    for (const Band& band : bands_) draw(band);
    const std::string_view name = layout_.is_tall ? "tall" : "wide";
    const double width = layout_.is_tall ? layout_.breadth : layout_.length;
    const double height = layout_.is_tall ? layout_.length : layout_.breadth;
    return html(
        R"(<svg class="way {}" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-desc">)"
        R"(<title id="{}-title">The mail’s way</title><desc id="{}-desc">{}</desc>{}</svg>)",
        name, width, height, name, name, name, name, description(), drawn_);
  }

 private:
  void place_bands() {
    const std::size_t all = counts_.sent();
    double sum = 0;
    for (Band& band : bands_) {
      if (band.count == 0) continue;
      const double share = static_cast<double>(band.count) / static_cast<double>(all);
      band.width = std::max(least_band, layout_.band * share);
      sum += band.width;
    }
    double at = layout_.middle - sum / 2;
    for (Band& band : bands_) {
      band.at = at + band.width / 2;
      at += band.width;
    }
    breadth_ = sum;
  }

  /// `12.5 40`
  std::string point(double along, double across) const {
    return layout_.is_tall ? fmt::format("{:.1f} {:.1f}", across, along)
                           : fmt::format("{:.1f} {:.1f}", along, across);
  }

  Html box(std::string_view look, double along, double across, double length, double breadth) {
    if (layout_.is_tall) {
      std::swap(along, across);
      std::swap(length, breadth);
    }
    return html(
        R"(<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="10"/>)", look,
        along, across, length, breadth);
  }

  void draw_target() {
    const double margin = layout_.is_tall ? 1 : 36;
    drawn_ += box("target", layout_.wall, margin, layout_.inside - layout_.wall,
                  layout_.breadth - margin - 1);
    // The door is open as far as mail goes through it.
    double from = 0;
    double to = 0;
    for (const Band& band : bands_) {
      if (band.width == 0 || band.turn == Turn::back_left || band.turn == Turn::back_right)
        continue;
      if (to == 0) from = band.at - band.width / 2 - 3;
      to = band.at + band.width / 2 + 3;
    }
    const double begin = margin + 10;
    const double end = layout_.breadth - 11;
    if (to == 0) {
      draw_wall(begin, end);
    } else {
      draw_wall(begin, from);
      draw_wall(to, end);
    }
    if (layout_.is_tall) {
      say("name end", layout_.breadth - 12, layout_.inside - 12, target_);
    } else {
      say("name middle", (layout_.wall + layout_.inside) / 2, 24, target_);
    }
  }

  void draw_wall(double from, double to) {
    drawn_ += html(R"(<path class="wall" d="M{}L{}"/>)", point(layout_.wall, from),
                   point(layout_.wall, to));
  }

  void draw_node(double along, std::string_view name, const char* icon) {
    const double breadth = layout_.is_tall ? 104 : 64;
    drawn_ += box("node", along + 1, layout_.middle - breadth / 2, layout_.node - 2, breadth);
    const double middle = along + layout_.node / 2;
    const double x = layout_.is_tall ? layout_.middle : middle;
    const double y = layout_.is_tall ? middle : layout_.middle;
    drawn_ += html(
        R"svg(<g class="icon" transform="translate({:.1f} {:.1f})"><rect x="-16" y="-10" width="32" height="22" rx="3"/>{}</g>)svg",
        x, y, Html{icon});
    if (layout_.is_tall) {
      say("name", x + 62, y + 5, name);
    } else {
      say("name middle", x, layout_.middle + 54, name);
    }
  }

  void draw_sent() {
    if (counts_.sent() == 0) draw_nothing(layout_.node, layout_.wall - 6);
    const double from = layout_.node + 10;
    if (layout_.is_tall) {
      say_count(counts_.sent(), "sent", layout_.middle + breadth_ / 2 + 14, from + 22, "");
    } else {
      say_count(counts_.sent(), "sent", from + 4, layout_.middle - breadth_ / 2 - 30, "");
    }
  }

  void draw_nothing(double from, double to) {
    drawn_ += html(R"(<path class="nothing" d="M{}L{}"/>)", point(from, layout_.middle),
                   point(to, layout_.middle));
  }

  void draw(const Band& band) {
    if (band.turn == Turn::straight) {
      draw_straight(band);
    } else if (band.count > 0) {
      draw_turned(band);
    }
  }

  void draw_straight(const Band& band) {
    const double end = layout_.length - layout_.node - 4;
    if (band.count == 0) {
      draw_nothing(layout_.inside + 6, end);
    } else {
      stroke(band, fmt::format("M{}L{}", point(layout_.node + 4, band.at),
                               point(end - head_of(band.width), band.at)));
      const double half = band.width / 2 + 6;
      draw_head(band, point(end - head_of(band.width), band.at - half),
                point(end - head_of(band.width), band.at + half), point(end, band.at));
    }
    const double middle = (layout_.inside + layout_.length - layout_.node) / 2;
    const double at = band.count == 0 ? layout_.middle : band.at;
    if (layout_.is_tall) {
      say_count(band.count, band.words, at + band.width / 2 + 14, middle - 4, "");
    } else {
      say_count(band.count, band.words, middle - 4, at - band.width / 2 - 30, " middle");
    }
  }

  void draw_turned(const Band& band) {
    const bool is_right = band.turn == Turn::stays_right || band.turn == Turn::back_right;
    const bool is_back = band.turn == Turn::back_left || band.turn == Turn::back_right;
    const double side = is_right ? 1 : -1;
    const double radius = bend + band.width / 2;
    // Before the wall, as near as an arrow's head allows; or behind it.
    const double turn = is_back ? layout_.wall - 14 - band.width / 2 - radius : layout_.wall + 26;
    const double out = turn + radius;
    const double end = layout_.middle + side * layout_.reach;
    const int sweep = is_right != layout_.is_tall ? 1 : 0;
    stroke(band, fmt::format("M{}L{}A{:.1f} {:.1f} 0 0 {} {}L{}", point(layout_.node + 4, band.at),
                             point(turn, band.at), radius, radius, sweep,
                             point(out, band.at + side * radius),
                             point(out, end - side * head_of(band.width))));
    const double half = band.width / 2 + 6;
    draw_head(band, point(out - half, end - side * head_of(band.width)),
              point(out + half, end - side * head_of(band.width)), point(out, end));
    if (layout_.is_tall) {
      say_count(band.count, band.words, end + side * 10, is_back ? layout_.wall - 27 : out,
                is_right ? "" : " end");
    } else if (is_back) {
      say_count(band.count, band.words, out - half - 8, end - side * 4 - (is_right ? 14 : -12),
                " end");
    } else {
      say_count(band.count, band.words, out + half + 8, end - side * 4 - (is_right ? 14 : -12), "");
    }
  }

  void stroke(const Band& band, const std::string& path) {
    drawn_ += html(R"(<path class="band {}" stroke-width="{:.1f}" d="{}"/>)", band.look, band.width,
                   path);
  }

  void draw_head(const Band& band, const std::string& a, const std::string& b,
                 const std::string& tip) {
    drawn_ += html(R"(<path class="head {}" d="M{}L{}L{}Z"/>)", band.look, a, b, tip);
  }

  /// The number, and the words below it.
  void say_count(std::size_t count, std::string_view words, double x, double y,
                 std::string_view anchor) {
    say(fmt::format("count{}", anchor), x, y, std::to_string(count));
    say(fmt::format("words{}", anchor), x, y + 17, words);
  }

  void say(std::string_view look, double x, double y, std::string_view words) {
    drawn_ += html(R"(<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>)", look, x, y, words);
  }

  std::string description() const {
    std::string text = fmt::format("{} sent from the tester to {}", counts_.sent(), target_);
    for (const Band& band : bands_) {
      if (band.count > 0 || band.turn == Turn::straight)
        text += fmt::format(", {} {}", band.count, band.words);
    }
    return text + ".";
  }

  const Layout& layout_;
  const Counts& counts_;
  std::string_view target_;
  std::vector<Band> bands_;
  double breadth_ = 0;  // of all bands
  Html drawn_;
};

/// At most so many characters, not octets.
std::string cut(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80U;
    if (begins && characters-- == 0) return std::string(text.substr(0, at)) + "…";
  }
  return std::string(text);
}

}  // namespace

Html picture_of(const Counts& counts, std::string_view target) {
  const std::string name = cut(target, 24);
  const std::string short_name = cut(target, 19);
  Html both = Picture(wide, counts, name).svg();
  both += Picture(tall, counts, short_name).svg();
  return both;
}

Html glyph_definitions() {
  // In each: the tester at 5, the door at 30, the mailbox at 67.
  static constexpr std::string_view ends =
      R"(<circle class="dim" cx="5" cy="10" r="3"/><path class="dim" d="M32 2v16M61 6h12v8H61zl6 5 6-5"/>)";
  struct Glyph {
    Fate fate;
    std::string_view drawing;
  };
  static constexpr Glyph glyphs[] = {
      {Fate::returned,
       R"(<circle class="on" cx="5" cy="10" r="3"/><path d="M8 10h48m-5-4 5 4-5 4"/><path class="on" d="M61 6h12v8H61z"/>)"},
      {Fate::kept,
       R"(<circle class="on" cx="5" cy="10" r="3"/><path d="M8 10h32"/><path class="on" d="M40 6h9v8h-9z"/>)"},
      {Fate::carried,
       R"(<circle class="on" cx="5" cy="10" r="3"/><path d="M8 10h32M40 6h9v8h-9z"/>)"},
      {Fate::bounced,
       R"(<circle class="on" cx="5" cy="10" r="3"/><path d="M8 7h36a3.5 3.5 0 0 1 0 7H13m4-3.5-4 3.5 4 3.5"/>)"},
      {Fate::undecided,
       R"(<circle class="on" cx="5" cy="10" r="3"/><path stroke-dasharray="3 3" d="M8 10h21"/>)"},
      {Fate::disclosed,
       R"(<circle class="on" cx="5" cy="10" r="3"/><path d="M8 7h36a3.5 3.5 0 0 1 0 7H13m4-3.5-4 3.5 4 3.5"/>)"},
      {Fate::refused,
       R"(<circle class="on" cx="5" cy="10" r="3"/><path d="M8 10h12m2-4 7 8m0-8-7 8"/>)"},
      {Fate::not_sent, R"()"},
  };
  Html all{R"(<svg class="hidden" aria-hidden="true" focusable="false">)"};
  for (const Glyph& glyph : glyphs) {
    all += html(R"(<symbol id="g-{}" viewBox="0 0 76 20">{}{}</symbol>)", class_of(glyph.fate),
                Html{std::string(ends)}, Html{std::string(glyph.drawing)});
  }
  all += Html{"</svg>\n"};
  return all;
}

Html glyph_of(Fate fate) {
  return html(R"(<svg class="glyph" aria-hidden="true"><use href="#g-{}"/></svg>)", class_of(fate));
}

std::string_view class_of(Fate fate) {
  switch (fate) {
    case Fate::returned:
      return "returned";
    case Fate::kept:
      return "kept";
    case Fate::carried:
      return "carried";
    case Fate::bounced:
      return "bounced";
    case Fate::undecided:
      return "undecided";
    case Fate::disclosed:
      return "disclosed";
    case Fate::refused:
      return "refused";
    default:
      return "not-sent";
  }
}

}  // namespace postern::cli
