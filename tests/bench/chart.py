"""The comparison as an SVG: for each line of the table how many times better Postern is than Postfix, on a logarithmic
scale, with both figures as text. It follows the reader's light or dark mode, and needs no font and no script."""

import math
from xml.sax.saxutils import escape

import report
import table

WIDTH = 960
LEFT = -12
LABELS = 368  # where the bars begin
BARS = 312  # their longest
TEXT = LABELS + BARS + 56  # where both figures begin
TOP = 78
ROW = 26
BAR = 14
GAP = 48  # a factor's text needs it between its bar and what is to be reached
TICKS = (1, 2, 5, 10, 20, 50, 100)

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; fill: #1f2328; }
.title { font-size: 17px; font-weight: 600; }
.quiet { fill: #59636e; font-size: 12px; }
.factor { font-weight: 600; }
.grid { stroke: #d1d9e0; }
.equal { stroke: #59636e; }
.bar { fill: #2f6f9f; }
.worse { fill: #b5562b; }
.reach { stroke: #1f2328; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .quiet { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .equal { stroke: #9198a1; }
  .bar { fill: #6cb6e8; }
  .worse { fill: #e39163; }
  .reach { stroke: #e6edf3; }
}"""


def drawn(measured):
    """The lines of the table that can be drawn, in its order."""
    for name, by_server in measured["results"].items():
        for line in table.lines(name, by_server, measured["settings"]["million"]):
            if line.factor:
                yield line


def words(x, y, text, classes="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{classes}" text-anchor="{anchor}">{escape(text)}</text>'


def vertical(x, top, bottom, classes):
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" class="{classes}"/>'


class Scale:
    """Where a factor lies, logarithmically; there is room for all of `factors`, for 1 and for 2."""

    def __init__(self, factors):
        factors = [1, 2, *factors]
        self.least, self.most = min(factors), max(factors)

    def __call__(self, factor):
        return LABELS + BARS * math.log(factor / self.least) / math.log(self.most / self.least)


def bar(line, y, place):
    """A line of the picture; `y` is the middle of its bar, `place` the scale."""
    one, end = place(1), place(line.factor)
    kind = "bar" if line.factor >= 1 else "worse"
    base = y + 4.5
    yield words(LABELS - 14, base, f"{line.title}: {line.figure.what}", "quiet", "end")
    yield (f'<rect x="{min(one, end):.1f}" y="{y - BAR / 2:.1f}" width="{max(1, abs(end - one)):.1f}" height="{BAR}" rx="2" '
           f'class="{kind}"/>')
    reach = place(line.factor_to_reach) if line.factor_to_reach else end
    if reach != end:
        yield vertical(reach, y - BAR / 2 - 3, y + BAR / 2 + 3, "reach")
    yield words((reach if 0 < reach - end < GAP else max(one, end)) + 6, base, f"×{line.factor:.3g}", "factor")
    yield words(TEXT, base, f"{report.shown(line.median(table.POSTFIX))} → {report.shown(line.median(table.POSTERN))}",
                "figures")


def svg(measured):
    lines = list(drawn(measured))
    place = Scale(factor for line in lines for factor in (line.factor, line.factor_to_reach) if factor)
    bottom = TOP + ROW * len(lines)
    parts = [words(0, 20, "Postern beside Postfix: how many times better", "title"),
             words(0, 42, "Both sync every message before its 250; the same work, disk and cores, medians of alternating runs. "
                   "Logarithmic scale.", "quiet"),
             words(TEXT, TOP - 12, "Postfix → Postern", "quiet"),
             vertical(WIDTH - 92, 29, 45, "reach"), words(WIDTH - 86, 42, "to reach", "quiet")]
    for tick in (tick for tick in TICKS if tick <= place.most):
        x = place(tick)
        parts += [vertical(x, TOP - 4, bottom, "equal" if tick == 1 else "grid"),
                  words(x, TOP - 12, "equal" if tick == 1 else f"×{tick}", "quiet", "middle")]
    for number, line in enumerate(lines):
        parts += bar(line, TOP + ROW * (number + 0.5), place)
    parts.append(words(0, bottom + 24, measured["machine"], "quiet"))
    drawing = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{LEFT} 0 {WIDTH} {bottom + 36}" role="img" '
            f'aria-label="Postern beside Postfix">\n<style>{STYLE}\n</style>\n{drawing}\n</svg>\n')
