"""Runs of `postern relay-test`, and what they said."""

import dataclasses
import json
import os
import subprocess

from harness import PROGRAM, die_with_parent

EXIT_CODES = {"closed": 0, "open relay": 1, "mail sink": 2, "unreachable": 3, "inconclusive": 4}
LIMIT = 150  # seconds
QUICK = ("--rate", "200", "--retry-after", "3s")


def listening(internet, name):
    """Options for a run against a machine: the tester is at its own address, and listens there for its own mail."""
    return (*coming_from(internet, name), "--listen", f"{internet.tester(name)}:25")


def coming_from(internet, name):
    return ("--source", internet.tester(name), "--hello", f"tester.{name}.returns.test",
            "--mailbox", f"probe@{name}.returns.test")


@dataclasses.dataclass
class Told:
    code: int
    text: str  # the table, and what went to standard error
    report: dict = dataclasses.field(default_factory=dict)  # of --json; empty: it made none

    @property
    def probes(self):
        if not self.report:
            raise AssertionError(f"{self.code}, and no report: {self.text}")
        return [probe for door in self.report["doors"] for probe in door["probes"]]

    def probe(self, trick):
        return next(probe for probe in self.probes if probe["trick"] == trick)

    def returned(self):
        """The tricks of which a message was relayed."""
        return {probe["trick"] for probe in self.probes if _relayed(probe)}

    def evidence(self):
        """(trick, the Received fields of the returned message), each of them."""
        return [(probe["trick"], returned["received"]) for probe in self.probes for returned in _relayed(probe)]


def _relayed(probe):
    return [returned for returned in probe["returns"] if returned["what"] == "relayed" and not (
        returned["is_carrier"] and probe["has_local_carrier"])]


def start(folder, *arguments):
    """`postern relay-test ARGUMENTS`, which keeps its runs and its report in `folder`."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_STATE_HOME": str(folder)}
    return subprocess.Popen([PROGRAM, "relay-test", *map(str, arguments)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                            env=environment, preexec_fn=die_with_parent)


def run(folder, *arguments):
    """The same, with a report as JSON, to its end."""
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    process = start(folder, *arguments, f"--json={report}")
    try:
        text, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"relay-test {arguments} takes over {LIMIT} s\n{process.communicate()[0]}") from None
    return Told(process.returncode, text, json.loads(report.read_text()) if report.exists() else {})
