#!/usr/bin/python3
"""The table and the picture, from figures that are made up. Needs no server and no root."""

import itertools
import sys
import unittest
import xml.dom.minidom

sys.dont_write_bytecode = True

import chart  # noqa: E402
import report  # noqa: E402
import table  # noqa: E402

SETTINGS = {"runs": 3, "seconds": 1, "size": 4096, "million": 1000, "users": 50}


def relayed(rate, cpu_ms):
    return {"rate": rate, "busy": 0.5, "cpu_ms": {"server": cpu_ms, "generator": 0.1, "sink": 0.1, "rest": 0.2}}


def measured(**results):
    return {"machine": "a machine", "maximum": {"a new": 9000}, "settings": SETTINGS,
            "results": {name.replace("_", "-"): by_server for name, by_server in results.items()}}


RELAYED = {"Postfix": [relayed(rate, 3) for rate in (100, 90, 200)],
           "Postern": [relayed(rate, cpu) for rate, cpu in ((1200, 0.2), (1100, 0.5), (1300, 0.3))]}


class Lines(unittest.TestCase):
    def lines(self, name, results):
        return {line.figure.what: line for line in table.lines(name, results, 1000)}

    def test_ratio_is_that_of_the_medians(self):
        rate = self.lines("relayed-50", RELAYED)["messages/s"]
        self.assertEqual((rate.ratio, rate.factor, rate.is_met), (12, 12, True))

    def test_less_cpu_is_so_many_times_better(self):
        cpu = self.lines("relayed-50", RELAYED)["CPU ms a message"]
        self.assertAlmostEqual(cpu.factor, 10)
        self.assertAlmostEqual(cpu.factor_to_reach, 10)
        self.assertTrue(cpu.is_met)

    def test_what_is_missed_is_said(self):
        slower = RELAYED | {"Postern": [relayed(1199, 0.31)]}
        self.assertEqual([line.is_met for line in self.lines("relayed-50", slower).values()], [False, False])

    def test_nobody_can_say_without_postfix(self):
        rate = self.lines("relayed-50", {"Postern": RELAYED["Postern"]})["messages/s"]
        self.assertEqual((rate.ratio, rate.factor, rate.is_met), (None, None, None))

    def test_a_million_has_the_number_that_was_measured(self):
        line, = self.lines("restart-million", {"Postern": [{"seconds": 11}]}).values()
        self.assertEqual((line.title, line.is_met), ("restart with 1,000 queued", False))


class Shown(unittest.TestCase):
    def test_table_has_median_spread_ratio_and_target(self):
        text = "\n".join(report.text(measured(relayed_50=RELAYED)))
        self.assertIn("| relayed, 50 sessions: messages/s | 100 (90.0–200) | 1,200 (1,100–1,300) | ×12 | ≥ ×12 | yes |", text)
        self.assertIn("| relayed, 50 sessions | Postern | 0.300 | 0.100 | 0.100 | 0.200 | 50% |", text)

    def test_a_row_of_which_all_runs_failed_is_a_gap(self):
        text = "\n".join(report.text(measured(relayed_50={"Postfix": [], "Postern": RELAYED["Postern"]})))
        self.assertIn("| relayed, 50 sessions: messages/s | – | 1,200 (1,100–1,300) |", text)

    def test_picture_has_a_bar_for_each_line_with_both_servers(self):
        drawn = xml.dom.minidom.parseString(chart.svg(measured(
            relayed_50=RELAYED, restart_100k={"Postern": [{"seconds": 1}]}, calls={
                "Postfix": [{"calls": 40}], "Postern": [{"calls": 80}]})))
        bars = [bar.getAttribute("class") for bar in drawn.getElementsByTagName("rect")]
        self.assertEqual(bars, ["bar", "bar", "worse"])

    def test_no_two_texts_of_a_line_overlap(self):
        drawn = xml.dom.minidom.parseString(chart.svg(measured(**{
            name.replace("-", "_"): {"Postfix": [relayed(100, 3)], "Postern": [relayed(100 * factor, 0.3)]}
            for name, factor in zip(("relayed-10", "relayed-50", "relayed-200"), (0.1, 10, 80))})))
        words = drawn.getElementsByTagName("text")
        for line, texts in itertools.groupby(words, lambda text: text.getAttribute("y")):
            ends = [(chart.LEFT, chart.LEFT), *map(extent, texts), (chart.LEFT + chart.WIDTH, chart.LEFT + chart.WIDTH)]
            for (_, end), (begin, _) in itertools.pairwise(sorted(ends)):
                self.assertLess(end, begin, f"at y={line}")


def extent(text):
    """From where to where a text goes, with characters of 7 pixels."""
    width, x = 7 * len(text.firstChild.data), float(text.getAttribute("x"))
    begin = x - {"start": 0, "middle": width / 2, "end": width}[text.getAttribute("text-anchor")]
    return begin, begin + width


if __name__ == "__main__":
    unittest.main()
