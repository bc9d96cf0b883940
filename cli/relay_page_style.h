// The style sheet of the relay tester's page. Everything is in the page itself: no font, picture or script comes from elsewhere.
// Contrast is at least 4.5 to 1 for text, in both colour schemes; no text is below 12 pixels; no state is told by colour alone.
#pragma once

#include <string_view>

namespace postern::cli {

inline constexpr std::string_view relay_page_style = R"css(
:root {
  color-scheme: light dark;
  --paper: #f6f4f0; --card: #fffefc; --ink: #1f2328; --soft: #5a6069; --line: #e2ded6; --faint: #b9b4aa;
  --good: #1b7145; --good-wash: #e5f2ea; --bad: #b3271e; --bad-wash: #fbe9e6;
  --wary: #8a5600; --wary-wash: #fbf0dc; --plain: #566070; --plain-wash: #eceef1;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1c2026; --ink: #e7e5e0; --soft: #a3abb6; --line: #2e343c; --faint: #59616b;
    --good: #63cf98; --good-wash: #16291f; --bad: #ff8d82; --bad-wash: #341b1a;
    --wary: #efb95c; --wary-wash: #30260f; --plain: #aab4c1; --plain-wash: #252b33;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
main, .top, footer { max-width: 60rem; margin: 0 auto; padding: 0 1.5rem; }
.top { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1.5rem; padding-top: 2rem; padding-bottom: 1rem;
  color: var(--soft); font-size: .875rem; }
.top b { color: var(--ink); font-weight: 600; }
h1, h2, h3, h4 { line-height: 1.25; font-weight: 650; margin: 0; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 1.375rem; margin: 3.5rem 0 1rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; display: flex; flex-wrap: wrap; gap: 0 .75rem; align-items: baseline; }
h3 span { font-weight: 400; font-size: .875rem; color: var(--soft); }
p { margin: .5rem 0; max-width: 44rem; overflow-wrap: anywhere; }
code, .mono { font-family: var(--mono); font-size: .875em; overflow-wrap: anywhere; }
bdi { overflow-wrap: anywhere; }
a { color: inherit; text-underline-offset: .2em; }
.hidden { position: absolute; width: 0; height: 0; overflow: hidden; }
.soft { color: var(--soft); }

.returned { --tone: var(--bad); --wash: var(--bad-wash); }
.kept { --tone: var(--wary); --wash: var(--wary-wash); }
.refused { --tone: var(--good); --wash: var(--good-wash); }
.undecided, .bounced, .carried, .disclosed, .not-sent { --tone: var(--plain); --wash: var(--plain-wash); }

.verdict { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1.75rem; align-items: center;
  background: var(--wash); border-radius: 1.25rem; padding: 2.25rem 2.5rem; }
.verdict h1 { font-size: clamp(2.125rem, 7vw, 3.5rem); letter-spacing: -.025em; line-height: 1.05; color: var(--tone); }
.verdict .sign { width: 5rem; height: 5rem; align-self: start; fill: none; stroke: var(--tone); stroke-width: 3;
  stroke-linecap: round; stroke-linejoin: round; }
.verdict p { font-size: 1.125rem; margin: .5rem 0 0; text-wrap: pretty; }
.verdict .more { font-size: 1rem; }

.card { background: var(--card); border: 1px solid var(--line); border-radius: 1rem; padding: 1.5rem; }
figure.card { margin: 1.25rem 0 0; }
figcaption { color: var(--soft); font-size: .875rem; margin-top: .75rem; }
.way { display: block; width: 100%; height: auto; margin: 0 auto; overflow: visible; }
.way.wide { max-width: 47.5rem; }
.way.tall { display: none; max-width: 20rem; }
.way text { fill: var(--ink); font-size: 14px; }
.way .name { fill: var(--soft); }
.way .count { font-size: 22px; font-weight: 650; }
.way .words { fill: var(--soft); }
.way .middle { text-anchor: middle; }
.way .end { text-anchor: end; }
.way .node, .way .target { fill: var(--card); stroke: var(--faint); stroke-width: 1.5; }
.way .target { fill: var(--paper); stroke: var(--line); }
.way .wall { stroke: var(--ink); stroke-width: 5; stroke-linecap: round; }
.way .nothing { stroke: var(--faint); stroke-width: 2; stroke-dasharray: 2 7; stroke-linecap: round; }
.way .icon { fill: none; stroke: var(--soft); stroke-width: 2; stroke-linejoin: round; }
.band { fill: none; stroke: var(--tone); opacity: .8; }
.head { fill: var(--tone); }

.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem 1.75rem; margin: 0; }
.facts dt, .probe dt { color: var(--soft); font-size: .8125rem; }
.facts dd, .probe dd { margin: 0; overflow-wrap: anywhere; }
.remarks { margin: 0; padding: 0; list-style: none; }
.remarks li { padding: .875rem 0 .875rem 1.25rem; border-left: 3px solid var(--faint); margin: .75rem 0; padding-block: .125rem;
  overflow-wrap: anywhere; max-width: 46rem; }

.versus { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
.versus + p { margin-top: 1rem; }
.versus p { margin: .25rem 0 0; }
.versus .said { font-size: 1.375rem; font-weight: 650; color: var(--tone); }
.badge { display: inline-block; border-radius: 1rem; padding: .125rem .75rem; font-size: .875rem; font-weight: 600;
  background: var(--wash); color: var(--tone); white-space: nowrap; }

.trail { list-style: none; margin: 1rem 0 0; padding: 0; }
.trail li { position: relative; padding: 0 0 .875rem 1.5rem; overflow-wrap: anywhere; font-family: var(--mono); font-size: .8125rem;
  unicode-bidi: isolate; }
.trail li::before { content: ""; position: absolute; left: .25rem; top: .3em; width: .625rem; height: .625rem; border-radius: 50%;
  border: 2px solid var(--bad); background: var(--card); }
.trail li::after { content: ""; position: absolute; left: .625rem; top: 1.3em; bottom: -.25em; border-left: 2px solid var(--line); }
.trail li:last-child { padding-bottom: 0; }
.trail li:last-child::after { display: none; }
.back + .back { margin-top: 1rem; }

.door-head { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center; margin: 3.5rem 0 .25rem; }
.door-head h2 { margin: 0; }
.share { display: flex; gap: 2px; height: .5rem; margin: 1rem 0 .5rem; border-radius: .25rem; overflow: hidden; }
.share i { background: var(--tone); min-width: 3px; }
.share-words { display: flex; flex-wrap: wrap; gap: .125rem 1.25rem; font-size: .875rem; margin: 0; padding: 0; list-style: none;
  color: var(--soft); }
.share-words b { color: var(--tone); }

.filter { border: 0; margin: 1.5rem 0 0; padding: 0; display: none; gap: .5rem 1.5rem; flex-wrap: wrap; font-size: .9375rem; }
@supports selector(:has(a)) {
  .filter { display: flex; }
  body:has(#only:checked) .probe.refused, body:has(#only:checked) .probe.not-sent,
  body:has(#only:checked) .group.quiet { display: none; }
}
.filter label { display: inline-flex; gap: .5rem; align-items: center; min-height: 1.75rem; cursor: pointer; }
.filter input { accent-color: var(--plain); width: 1.125rem; height: 1.125rem; margin: 0; }

.list { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; overflow: hidden; }
.probe + .probe { border-top: 1px solid var(--line); }
.probe > summary { display: grid; grid-template-columns: 4.75rem minmax(7rem, 13rem) minmax(0, 1fr) auto .5rem; gap: 0 1rem; align-items: baseline;
  padding: .5625rem 1rem; cursor: pointer; list-style: none; }
.probe > summary::-webkit-details-marker { display: none; }
.probe > summary::after { content: ""; width: .5rem; height: .5rem; border: solid var(--soft); border-width: 0 1.5px 1.5px 0; align-self: center;
  transform: rotate(-45deg); }
.probe[open] > summary::after { transform: rotate(45deg) translate(-2px, -2px); }
summary:hover { background: var(--paper); }
:focus-visible { outline: 2px solid var(--plain); outline-offset: -2px; }
.glyph { width: 4.75rem; height: 1.25rem; align-self: center; fill: none; stroke: var(--tone); stroke-width: 2; stroke-linecap: round;
  stroke-linejoin: round; }
.dim { stroke: var(--faint); stroke-width: 1.5; }
.on { fill: var(--tone); stroke: none; }
.trick { font-weight: 600; overflow-wrap: anywhere; }
.reply { font-family: var(--mono); font-size: .8125rem; color: var(--soft); overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; unicode-bidi: isolate; }
.fate { color: var(--tone); font-size: .875rem; font-weight: 600; text-align: right; }
.inside { padding: .25rem 1rem 1.5rem 6.75rem; border-top: 1px dashed var(--line); }
.inside > p:first-child { margin-top: .875rem; }
.probe dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .75rem 1.5rem; margin: 1rem 0; }
.probe dl .long { grid-column: 1 / -1; }
.inside h4 { font-size: .875rem; margin: 1.5rem 0 .5rem; }
.talk, .talk ol { margin: 0; padding: 0; list-style: none; }
.talk { padding: .75rem 0; background: var(--paper); border-radius: .5rem; font-family: var(--mono); font-size: .8125rem;
  line-height: 1.5; }
.talk li { display: grid; grid-template-columns: 3.75rem 1.25rem minmax(0, 1fr); gap: 0 .5rem; padding: .0625rem .75rem;
  white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
.talk i { color: var(--soft); text-align: right; font-size: .75rem; line-height: 1.625; font-style: normal; }
.talk b { color: var(--soft); }
.talk .fold { display: block; padding: 0; white-space: normal; }
.fold summary { padding: .0625rem .75rem .0625rem 6.75rem; color: var(--soft); font-style: italic; cursor: pointer; }
.talk .s { border-left: 3px solid var(--faint); padding-left: calc(.75rem - 3px); background: var(--plain-wash); }
.talk .decisive { border-color: var(--tone); background: var(--wash); font-weight: 600; }
.talk .n { color: var(--soft); }
pre.headers { margin: .5rem 0 0; padding: .75rem; background: var(--paper); border-radius: .5rem; font: .8125rem/1.5 var(--mono);
  white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
footer { padding-top: 3rem; padding-bottom: 3rem; color: var(--soft); font-size: .875rem; }

@media (max-width: 54rem) {
  .way.wide { display: none; }
  .way.tall { display: block; }
}
@media (max-width: 44rem) {
  main, .top, footer { padding-left: 1rem; padding-right: 1rem; }
  .top { padding-top: 1.25rem; }
  .verdict { grid-template-columns: 1fr; padding: 1.5rem 1.25rem; }
  .verdict .sign { width: 3.5rem; height: 3.5rem; margin-bottom: .5rem; }
  .card { padding: 1.125rem; }
  .versus { grid-template-columns: 1fr; }
  h2, .door-head { margin-top: 2.5rem; }
  .probe > summary { display: flex; flex-wrap: wrap; gap: 0 .75rem; padding: .625rem .875rem; }
  .trick { flex: 1 0 calc(100% - 7rem); width: 0; order: 1; }
  .probe > summary::after { order: 2; }
  .fate { order: 3; text-align: left; }
  .reply { order: 4; flex: 1 1 0; min-width: 0; }
  .inside { padding: .25rem .875rem 1.25rem; }
  .talk li { grid-template-columns: 1rem minmax(0, 1fr); }
  .talk i { display: none; }
  .fold summary { padding-left: 2.25rem; }
}
@media print {
  body { background: none; font-size: 10pt; }
  .filter { display: none; }
  .probe, .card, .verdict { break-inside: avoid; }
  .probe[open] { break-inside: auto; }
  h2, h3 { break-after: avoid; }
}
)css";

}  // namespace postern::cli
