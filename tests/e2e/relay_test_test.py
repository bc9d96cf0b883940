"""The relay tester against real servers: open, closed, greedy, slow and broken ones. Its verdict, the evidence for it, what a
tester would say that takes "250" for relaying, and that none of what it sends reaches anybody else.

At its end it prints the table that the README shows; POSTERN_RELAY_TABLE names a file for it."""

import concurrent.futures
import dataclasses
import os
import pathlib
import time
import typing
import unittest

import relay_lab_servers as servers
import relay_runs
from harness import LOOPBACK, Postern, free_port, make_folder, wait_until
from relay_lab import SERVER_HERE as OFFICE
from relay_lab import Internet
from relay_lab_peers import ENDLESS, GARBAGE, STEPS, Peer
from relay_runs import EXIT_CODES

ALL = {"plain", "helo", "sender-null", "sender-server", "upper-case"}  # what an open relay must bring back, at the least
WRAPPED = {"percent", "bang", "two-ats", "quoted-at"}


@dataclasses.dataclass
class Target:
    name: str
    what: str  # for the table
    start: typing.Callable  # (internet, name) -> something with a host to be asked for, or with `host:port`
    verdict: str
    naive: str
    back: set = dataclasses.field(default_factory=set)  # tricks that must come back
    only: typing.Callable = lambda probe: True  # which of the probes may come back at all
    options: tuple = ()
    wait: str = "6s"


def _with_packages(start, package, **settings):
    return lambda internet, name: start(internet, name, packages[package].result(), **settings)


SERVERS = [
    Target("open", "Postfix, open to everyone", servers.open_postfix, "open relay", "open relay", ALL | WRAPPED),
    Target("default", "Postfix, Debian's default", servers.postfix, "closed", "closed"),
    Target("sink", "Postfix's smtp-sink", servers.smtp_sink, "mail sink", "open relay"),
    Target("discard", "Postfix that discards all it takes", servers.discarding_postfix, "mail sink", "open relay"),
    Target("slow", "Postfix, open, with greylisting and a slow queue", servers.slow_postfix, "open relay", "open relay",
           ALL, wait="25s"),
    Target("percent", "Postfix, open to the percent hack by a second one behind it", servers.percent_postfix,
           "open relay", "open relay", WRAPPED, lambda probe: probe["to"] != "<probe@percent.returns.test>"),
    Target("null", "Postfix, open to the null sender", servers.null_sender_postfix, "open relay", "open relay",
           {"sender-null"}, lambda probe: probe["from"].startswith("<>")),
    Target("own", "Postfix, open to its own domain as sender", servers.own_sender_postfix, "open relay", "open relay",
           {"sender-server", "sender-postmaster"},
           lambda probe: "@own.lab.test" in probe["from"] or "@" not in probe["from"]),
    Target("opensmtpd", "OpenSMTPD, Debian's default", _with_packages(servers.opensmtpd, "opensmtpd"), "closed", "closed"),
    Target("opensmtpd-open", "OpenSMTPD, open to everyone", _with_packages(servers.opensmtpd, "opensmtpd", is_open=True),
           "open relay", "open relay", ALL),
    Target("exim", "Exim, Debian's default", _with_packages(servers.exim, "exim4-daemon-light"), "closed", "closed"),
    Target("exim-open", "Exim, open to everyone",
           _with_packages(servers.exim, "exim4-daemon-light", relay_nets="0.0.0.0/0"), "open relay", "open relay", ALL),
]


def _peer(**behaviour):
    def start(*_):
        peer = Peer(**behaviour)
        closing.append(peer.close)
        return peer
    return start


def _nobody(*_):
    return Address(LOOPBACK, free_port())


REFUSES = {"RCPT": "550 5.7.1 no relaying here"}
HASTY = ("--timeout", "4s", "--connections", "50")
PEERS = [
    *(Target(f"drops-{step.replace(' ', '-')}", f"hangs up at: {step}", _peer(drops_at=step),
             "unreachable" if step in ("connect", "greeting") else "inconclusive", naive, wait="2s")
      for step, naive in zip(STEPS, ["unreachable"] * 2 + ["closed"] * 3 + ["open relay"] * 3)),
    Target("tarpit", "a tarpit: an octet every 20 ms, and refuses at last", _peer(replies=REFUSES, pause=0.02),
           "closed", "closed", options=("--connections", "50")),
    Target("endless", "a tarpit that never ends its answer to EHLO", _peer(replies={"EHLO": ENDLESS}, pause=0.02),
           "inconclusive", "closed", options=HASTY),
    Target("busy", "says 421 instead of a greeting", _peer(replies={"greeting": "421 4.3.2 too busy"}),
           "inconclusive", "closed"),
    Target("weary", "says 421 to RCPT", _peer(replies={"RCPT": "421 4.7.0 enough of you"}), "inconclusive", "closed"),
    Target("babble", "greets with random octets", _peer(replies={"greeting": GARBAGE}), "unreachable", "unreachable"),
    Target("nonsense", "answers MAIL with random octets", _peer(replies={"MAIL": GARBAGE}), "inconclusive", "closed"),
    Target("nobody", "a port where nobody listens", _nobody, "unreachable", "unreachable"),
]

MODES = [(tls, auth) for tls in ("starttls", "implicit", "none") for auth in ("optional", "required", "none")
         if (tls, auth) != ("none", "required")]  # which Postern refuses to be configured for: nobody could send


def _postern(tls, auth):
    return lambda *_: Address(OFFICE, postern_ports[tls, auth])


POSTERNS = [
    *(Target(f"postern-{tls}-{auth}", f'Postern, tls = "{tls}", auth = "{auth}"', _postern(tls, auth), "closed", "closed",
             options=("--implicit-tls",) if tls == "implicit" else ()) for tls, auth in MODES),
    Target("postern-trusting", "Postern that is told to trust the tester's network", _postern("trusting", "none"),
           "open relay", "open relay", ALL),
]
TARGETS = [*SERVERS, *PEERS, *POSTERNS]


@dataclasses.dataclass
class Address:
    host: str
    port: int


internet = None
machines = {}  # futures of what a target's `start` gave
results = {}  # futures of what the tester told of a target
packages = {}  # futures of files
postern_ports = {mode: free_port() for mode in [*MODES, ("trusting", "none")]}
closing = []


def setUpModule():
    global internet
    # Threads that were there before keep the real network.
    downloads = concurrent.futures.ThreadPoolExecutor(2)
    closing.append(downloads.shutdown)
    for package in ("opensmtpd", "exim4-daemon-light"):
        packages[package] = downloads.submit(servers.fetch, package)
    names = [target.name for target in TARGETS]
    internet = Internet([*names, "percent-office"])
    unittest.addModuleCleanup(clean_up)
    for postern in (postern_in_all_modes(), trusting_postern()):
        closing.append(postern.close)
        postern.start()
    for target in TARGETS:
        machines[target.name] = internet.workers.submit(target.start, internet, target.name)
        results[target.name] = internet.workers.submit(prove, target)


def clean_up():
    try:
        if results:
            show_table()
    finally:
        concurrent.futures.wait([*machines.values(), *results.values()])
        for close in closing:
            close()
        for future in machines.values():
            if not future.exception() and hasattr(future.result(), "run"):
                future.result().close()
        internet.close()


def postern_in_all_modes():
    """It finds its way by MX, as the others do: what it relayed would come back."""
    return Postern(route=[{"via": "mx"}], listener=[
        {"address": f"{OFFICE}:{postern_ports[tls, auth]}", "tls": tls, "auth": auth} for tls, auth in MODES])


def trusting_postern():
    return Postern(route=[{"via": "mx"}], access={
        "mynetworks": [f"{LOOPBACK}/32", "198.51.100.0/25"], "trusted_despite": ["198.51.100.0/25"]}, listener=[
        {"address": f"{OFFICE}:{postern_ports['trusting', 'none']}", "tls": "none", "auth": "none"}])


def prove(target):
    """Starts it, and runs the tester against it."""
    server = machines[target.name].result()
    port = getattr(server, "port", 25)
    options = relay_runs.listening(internet, target.name)
    if server.host == LOOPBACK:  # from where one cannot connect with the tester's usual address
        options = ("--source", LOOPBACK, *options[2:])
    if target.name == "slow":
        internet.workers.submit(forward_later, server)
    return relay_runs.run(make_folder(), f"{server.host}:{port}", *relay_runs.QUICK, *options, "--wait", target.wait, "--naive",
                          *target.options)


def forward_later(machine):
    """A queue that is run once, some seconds after mail came in."""
    wait_until(lambda: machine.run("postqueue", "-j"), "mail in the queue", 60)
    time.sleep(4)
    servers.forward(machine)


class Manners(unittest.TestCase):
    def test_421_ends_the_talk(self):
        for name in ("busy", "weary"):
            told = results[name].result()
            # Four connections at a time may be under way already, and one came before to ask for the server's name.
            self.assertLessEqual(machines[name].result().connections, 5)
            self.assertIn("421", told.report["doors"][0]["trouble"])
            self.assertGreater(sum(probe["outcome"] == "not_tried" for probe in told.probes), 100)

    def test_what_is_greylisted_is_tried_again(self):
        plain = results["slow"].result().probe("plain")
        self.assertEqual(plain["outcome"], "accepted")
        self.assertGreaterEqual(plain["attempts"], 2)

    def test_what_comes_back_says_who_sent_it_and_why(self):
        told = results["open"].result()
        head = told.probe("plain")["returns"][0]["head"]
        self.assertIn("X-Postern-Relay-Test: " + told.probe("plain")["token"], head)
        self.assertIn(told.report["id"], head)

    def test_smuggled_messages_are_told_from_those_around_them(self):
        """Postfix 3.7 takes a bare LF for a line end, unless it is told not to (CVE-2023-51764)."""
        smuggled = results["open"].result().probe("smuggle-lf-dot-lf")
        self.assertEqual({returned["is_carrier"] for returned in smuggled["returns"]}, {True, False})


class NobodyElse(unittest.TestCase):
    def test_gets_any_of_it(self):
        """Every other host that anybody tried to reach was the bystander; and mail for other people does come to him."""
        concurrent.futures.wait(results.values())
        arrived = [(message.client, message.recipients) for message in internet.bystander.messages]
        self.assertEqual(arrived, [])
        self.assertEqual(internet.bystander.connections, 0)
        machines["open"].result().run("sendmail", "other@elsewhere.example", input="Subject: hello\n\nhello\n")
        internet.bystander.wait_for_mail_to("other@elsewhere.example")


class Verdicts(unittest.TestCase):
    """One test a target: see TARGETS."""

    def check(self, target):
        told = results[target.name].result()
        self.assertEqual(told.report.get("verdict"), target.verdict, told.text)
        self.assertEqual(told.code, EXIT_CODES[target.verdict], told.text)
        self.assertEqual(told.report["naive_verdict"], target.naive, told.text)
        self.assertIn(target.verdict, told.text.lower())
        returned = told.returned()
        self.assertLessEqual(target.back, returned)
        if not target.back:
            self.assertEqual(returned, set())
        for trick in returned:
            self.assertTrue(target.only(told.probe(trick)), trick)
        name = getattr(machines[target.name].result(), "host", "")
        for trick, received in told.evidence():
            self.assertTrue(any(name in field for field in received) or name == OFFICE and received, (trick, received))


for _target in TARGETS:
    setattr(Verdicts, "test_" + _target.name.replace("-", "_"), lambda self, target=_target: self.check(target))


def show_table():
    rows = ["| target | expected | got | a naive tester says | probes | came back |", "|---|---|---|---|---|---|"]
    for target in TARGETS:
        try:
            told = results[target.name].result()
            got, naive = told.report["verdict"], told.report["naive_verdict"]
            sent = sum(probe["attempts"] > 0 for probe in told.probes)
            rows.append(f"| {target.what} | {target.verdict} | {got} | {naive} | {sent} | {len(told.returned())} |")
        except Exception as error:  # its own test says more
            rows.append(f"| {target.what} | {target.verdict} | {type(error).__name__} | | | |")
    table = "\n".join(rows) + "\n"
    print("\n" + table, flush=True)
    if path := os.environ.get("POSTERN_RELAY_TABLE"):
        pathlib.Path(path).write_text(table)
