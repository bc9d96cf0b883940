"""The relay tester's ways to find what came back, at once or later; and what it does not do without being asked."""

import contextlib
import mailbox
import signal
import socket
import subprocess
import unittest

import relay_lab_servers as servers
import relay_runs
from harness import LOOPBACK, PROGRAM, die_with_parent, free_port, make_folder, wait_until
from relay_lab import Internet
from relay_lab_peers import Peer
from sink import Sink

FEW = ("--only", "plain,sender-null,percent", *relay_runs.QUICK)

internet = night = office = None


def setUpModule():
    """An open relay that holds its mail back, and one that does not."""
    global internet, night, office
    internet = Internet(["night", "office"])
    unittest.addModuleCleanup(internet.close)
    starting = [internet.workers.submit(servers.slow_postfix, internet, "night", greylisting=0),
                internet.workers.submit(servers.open_postfix, internet, "office")]
    night, office = (machine.result() for machine in starting)
    for machine in (night, office):
        unittest.addModuleCleanup(machine.close)


class Resumed(unittest.TestCase):
    def test_a_run_learns_later_that_the_sink_was_a_slow_relay(self):
        folder = make_folder()
        told = relay_runs.run(folder, night.host + ":25", *FEW, *relay_runs.listening(internet, "night"), "--wait", "1s")
        self.assertEqual((told.code, told.report["verdict"]), (2, "mail sink"), told.text)
        self.assertIn("--resume " + told.report["id"], told.text)
        looking = relay_runs.start(folder, "--resume", told.report["id"], "--wait", "60s")
        wait_until(lambda: _greets(internet.tester("night")), "the resumed run listens")
        servers.forward(night)
        text, _ = looking.communicate(timeout=90)
        self.assertEqual(looking.returncode, 1, text)
        self.assertIn("open relay", text.lower())
        again = relay_runs.run(folder, "--resume", told.report["id"], "--wait", "1s")  # what it learned is kept
        self.assertEqual(again.returned(), {"plain", "sender-null", "percent"})
        self.assertEqual([probe["attempts"] for probe in again.probes], [probe["attempts"] for probe in told.probes])

    def test_no_such_run(self):
        told = relay_runs.run(make_folder(), "--resume", "20200101-000000-abcd")
        self.assertGreaterEqual(told.code, 64)
        self.assertEqual(told.report, {})


def _greets(host):
    with contextlib.suppress(OSError), socket.create_connection((host, 25), timeout=5) as connection:
        return connection.recv(3) == b"220"


class Elsewhere(unittest.TestCase):
    """The tester does not listen itself: mail for its mailbox goes to another program."""

    def check(self, returns):
        told = relay_runs.run(make_folder(), office.host + ":25", *FEW, *relay_runs.coming_from(internet, "office"),
                              "--returns", returns, "--wait", "30s")
        self.assertEqual((told.code, told.report["verdict"]), (1, "open relay"), told.text)
        self.assertEqual(told.returned(), {"plain", "sender-null", "percent"})
        for _, received in told.evidence():
            self.assertIn(office.host, received[0])

    def catch(self, *options, output=subprocess.DEVNULL):
        catcher = subprocess.Popen([PROGRAM, "catch", "--listen", f"{internet.tester('office')}:25",
                                    "--from-anywhere", *options],
                                   stdout=output, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.addCleanup(lambda: (catcher.kill(), catcher.wait()))
        wait_until(lambda: _greets(internet.tester("office")), "the catcher listens")

    def test_a_maildir(self):
        maildir = mailbox.Maildir(make_folder() / "Maildir")
        arriving = Sink(internet.tester("office"), 25, answer=lambda step, argument: (
            maildir.add(argument) and None if step == "dot" else None))
        self.addCleanup(arriving.close)
        self.check(maildir._path)

    def test_the_folder_of_a_catcher(self):
        folder = make_folder()
        self.catch("--directory", folder)
        self.check(folder)

    def test_the_log_of_a_catcher(self):
        for show in ("headers", "all"):
            with self.subTest(show), open(make_folder() / "log", "wb") as log:
                self.catch("--show", show, output=log)
                self.check(log.name)
                self.doCleanups()

    def test_a_place_that_is_none_of_these(self):
        told = relay_runs.run(make_folder(), office.host + ":25", *FEW, *relay_runs.coming_from(internet, "office"),
                              "--returns", make_folder() / "missing")
        self.assertGreaterEqual(told.code, 64)


class Asked(unittest.TestCase):
    def test_a_dry_run_sends_nothing(self):
        peer = Peer()
        self.addCleanup(peer.close)
        told = relay_runs.run(make_folder(), f"{LOOPBACK}:{peer.port}", "--dry-run", "--mailbox", "probe@office.returns.test",
                              "--listen", f"{LOOPBACK}:{free_port()}")
        self.assertEqual(told.code, 0, told.text)
        for words in ("RCPT TO:<probe@office.returns.test>", "X-Postern-Relay-Test: ", "DATA"):
            self.assertIn(words, told.text)
        self.assertEqual(peer.connections, 0)

    def test_a_public_address_is_left_alone_unless_the_user_may_test_it(self):
        """All the world is the bystander here: who connects to it is seen."""
        options = (*relay_runs.QUICK, "--mailbox", "probe@office.returns.test", "--listen", f"{LOOPBACK}:{free_port()}")
        for host in ("203.0.113.1", "8.8.8.8", "mail.elsewhere.example"):
            seen = internet.bystander.connections
            told = relay_runs.run(make_folder(), f"{host}:25", *options)
            self.assertEqual(told.code, 64, told.text)
            self.assertIn("--i-may-test-this-host", told.text)
            self.assertEqual(internet.bystander.connections, seen)
        told = relay_runs.run(make_folder(), "203.0.113.1:25", *options, "--i-may-test-this-host", "--only", "plain",
                              "--wait", "1s")
        self.assertEqual(told.code, 2, told.text)
        internet.bystander.wait_for_mail_to("probe@office.returns.test")

    def test_its_end_can_be_asked_for(self):
        """Ctrl-C: what is known until then is told."""
        peer = Peer()
        self.addCleanup(peer.close)
        process = relay_runs.start(make_folder(), f"{LOOPBACK}:{peer.port}", "--only", "plain", "--wait", "10m",
                                   "--mailbox", "probe@office.returns.test", "--listen", f"{LOOPBACK}:{free_port()}")
        wait_until(lambda: peer.quits_after_mail, "the probe is accepted")
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 2, text)
        self.assertIn("mail sink", text.lower())

    def test_over_ipv6(self):
        options = ["2001:db8::2" if option == "198.51.100.2" else option
                   for option in relay_runs.listening(internet, "office")]
        told = relay_runs.run(make_folder(), f"[{office.address6}]:25", *FEW, *options, "--wait", "10s")
        self.assertEqual(told.returned(), {"plain", "sender-null", "percent"}, told.text)
        self.assertEqual(told.report["doors"][0]["address"], office.address6)
