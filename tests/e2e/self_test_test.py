"""Postern tests itself: as a stranger, on all its listeners; and where it finds that strangers can relay, it takes no more mail."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import unittest

import clients
import content
from harness import LOOPBACK, PROGRAM, Postern, die_with_parent, free_port, is_root, wait_until
from sink import Sink, at_first

USUAL_SOURCE = "127.83.84.1"  # where 127.0.0.0/8 is not trusted as a whole
LONG = 120.0  # seconds for some hundred probes: sanitizers and a busy machine are slow


def addresses():
    """Of this machine, as `ip` says."""
    listed = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    return [line.split()[3].partition("/")[0] for line in listed.splitlines()]


def borrowed():
    return {one for one in addresses() if one.startswith(("198.51.100.", "2001:db8:5e"))}


def may_borrow():
    """Is the loopback interface ours to change? A container's root may lack CAP_NET_ADMIN."""
    if not is_root():
        return False
    probe = ["198.51.100.255/32", "dev", "lo"]
    if subprocess.run(["ip", "addr", "add", *probe], capture_output=True).returncode != 0:
        return False
    subprocess.run(["ip", "addr", "del", *probe], check=True)
    return True


class Proxy:
    """What stands in front of many a server, and hides who comes: whoever connects to it arrives from 127.0.0.1."""

    def __init__(self, port):
        self._to = (LOOPBACK, port)
        self._listener = socket.create_server((LOOPBACK, 0), backlog=50)
        self.address = "%s:%d" % self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError), socket.create_connection(self._to) as server:
            other = threading.Thread(target=self._copy, args=(server, client), daemon=True)
            other.start()
            self._copy(client, server)
            other.join()

    @staticmethod
    def _copy(source, to):
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                to.sendall(octets)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_WR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()


class SelfTest(unittest.TestCase):
    def make(self, selftest=None, **sections):
        """A Postern, not started, that tests itself at the start unless `selftest` says otherwise."""
        server = Postern(selftest={"at_start": True, "returns": f"{LOOPBACK}:{free_port()}", **(selftest or {})},
                         **sections)
        self.addCleanup(self.end, server)
        return server

    @staticmethod
    def end(server):
        try:
            server.close()
        finally:
            if server.is_running():
                server.kill_all()

    def silent_target(self):
        """An address where somebody listens and says nothing: a test of it takes half a minute."""
        silent = self.enterContext(socket.create_server((LOOPBACK, 0), backlog=50))
        return "%s:%d" % silent.getsockname()

    def assert_refuses_connections(self, server):
        def is_refused(port):
            try:
                socket.create_connection((LOOPBACK, port), 5).close()
            except ConnectionRefusedError:
                return True
            return False
        for port in server.ports.values():
            wait_until(lambda port=port: is_refused(port), f"port {port} is closed")

    def assert_takes_mail(self, server):
        clients.submit(server, content.message(), ["bob@customer.test"])

    def assert_is_quiet(self, server):
        """No error, and no warning of the test. (Refused passwords are warnings.)"""
        self.assertEqual([line for line in server.log() if line.level == "ERROR" or
                          (line.level == "WARNING" and line.event.startswith("selftest-"))], [])


class AtTheStart(SelfTest):
    def test_tries_every_listener_and_goes_on(self):
        with Sink() as sink:
            server = self.make(route=[{"via": f"smtp://{sink.address}"}]).start()
            passed = server.wait_for("selftest-passed", patience=LONG)
            self.assertEqual((passed["doors"], passed["source"]), ("4", USUAL_SOURCE))
            self.assertGreaterEqual(int(passed["probes"]), 4 * 60)
            self.assert_is_quiet(server)
            self.assert_takes_mail(server)
            sink.wait_for_mail_to("bob@customer.test")
            self.assertEqual(len(sink.messages), 1)  # no probe went there

            seen = server.mark()
            server.reload()
            server.wait_for("selftest-passed", since=seen, patience=LONG)
            self.assertEqual(server.stop()[0], 0)

    def test_is_not_made_unless_it_is_asked_for(self):
        server = self.make({"at_start": False}).start()
        server.reload()
        self.assertEqual(server.lines("selftest-started"), [])

    @unittest.skipUnless(may_borrow(), "only root may borrow an address")
    def test_borrows_an_address_where_all_of_the_machine_is_trusted(self):
        own = [f"{one}/{128 if ':' in one else 32}" for one in addresses() if not one.startswith("fe80")]
        before = borrowed()
        networks = ["127.0.0.0/8", *own]
        port = free_port()
        server = self.make(access={"mynetworks": networks, "trusted_despite": networks},
                           listener=[{"address": [f"0.0.0.0:{port}", f"[::]:{port}"]}]).start()
        wait_until(lambda: borrowed() - before, "it has borrowed an address")
        passed = server.wait_for("selftest-passed", patience=LONG)
        self.assertRegex(passed["source"], r"^198\.51\.100\.\d+ and 2001:db8:5e\w\w::1$")
        self.assertEqual(passed["doors"], "2")
        for one in passed["source"].split(" and "):
            self.assertNotIn(one, borrowed())
        self.assert_is_quiet(server)

    @unittest.skipUnless(is_root(), "changes to another user")
    def test_says_so_where_there_is_no_address_to_test_from(self):
        own = [f"{one}/{128 if ':' in one else 32}" for one in addresses() if not one.startswith("fe80")]
        networks = ["127.0.0.0/8", *own]
        server = self.make(user="nobody", access={"mynetworks": networks, "trusted_despite": networks}).start()
        skipped = server.wait_for("selftest-skipped", patience=LONG)
        self.assertEqual(skipped.level, "WARNING")
        self.assertIn("every address of this machine is in mynetworks", skipped["why"])
        self.assertIn("CAP_NET_ADMIN", skipped["why"])
        self.assert_takes_mail(server)

    def test_that_is_killed_is_a_warning_and_disturbs_nobody(self):
        server = self.make({"targets": [self.silent_target()]}).start()
        os.kill(int(server.wait_for("selftest-started")["pid"]), signal.SIGKILL)
        given_up = server.wait_for("selftest-inconclusive")
        self.assertEqual((given_up.level, given_up["why"]), ("WARNING", "its process ended: killed by signal 9"))
        self.assert_takes_mail(server)
        self.assertEqual(server.stop()[0], 0)

    def test_holds_up_neither_a_stop_nor_a_reload(self):
        server = self.make({"targets": [self.silent_target()]}).start()
        first = server.wait_for("selftest-started")
        seen = server.mark()
        server.reload()
        second = server.wait_for("selftest-started", since=seen)
        self.assertNotEqual(first["pid"], second["pid"])
        code, took = server.stop()
        self.assertEqual(code, 0)
        self.assertLess(took, 10)
        self.assertFalse(os.path.exists(f"/proc/{second['pid']}"))

    def test_says_which_ways_could_not_be_tried(self):
        server = self.make({"targets": [f"{LOOPBACK}:{free_port()}", "nowhere.test:25"]},
                           dns={"resolvers": f"{LOOPBACK}:{free_port()}"}).start()
        self.assertEqual(server.wait_for("selftest-passed", patience=LONG)["doors"], "4")
        whys = " ".join(line["why"] for line in server.lines("selftest-skipped"))
        self.assertIn("Connection refused", whys)
        self.assertIn("DNS gives no address of nowhere.test", whys)


class AFinding(SelfTest):
    """A proxy on the same machine makes strangers look like 127.0.0.1, which is trusted."""

    def open_relay(self, **sections):
        """A Postern with a message in its queue, that is about to find out; the proxy; and the relayhost that has no time yet."""
        sink = self.enterContext(Sink(answer=at_first(1, "450 4.2.0 later", step="mail")))
        server = self.make({"at_start": False}, **{"route": [{"via": f"smtp://{sink.address}"}], **sections}).start()
        clients.submit(server, content.message(), ["waiting@customer.test"])
        proxy = self.enterContext(Proxy(server.ports["clear"]))
        return server, proxy, sink

    def test_is_a_probe_that_came_back_and_ends_acceptance_but_not_delivery(self):
        server, proxy, sink = self.open_relay()
        server.configure(selftest={"at_start": True, "targets": [proxy.address]})
        server.reload()
        found = server.wait_for("selftest-open", patience=LONG)
        self.assertEqual((found.level, found["door"]), ("ERROR", proxy.address))
        self.assertIn("Received: ", found["evidence"])
        self.assertIn("[127.0.0.1]", found["evidence"])
        self.assertIn("mynetworks", found["then"])
        self.assert_refuses_connections(server)
        sink.wait_for_mail_to("waiting@customer.test")
        self.assertIsInstance(server.queue(), list)  # it answers
        self.assertEqual([one.recipients for one in sink.messages], [["waiting@customer.test"]])  # no probe went there

        # It stays closed until the operator says otherwise; then it is tested again.
        seen = server.mark()
        server.configure(selftest={"targets": [f"{LOOPBACK}:{server.ports['clear']}"]})
        server.reload()
        server.wait_for("selftest-passed", since=seen, patience=LONG)
        self.assert_takes_mail(server)
        self.assertEqual(server.stop()[0], 0)

    def test_is_the_same_where_mail_goes_by_mx(self):
        server, proxy, _ = self.open_relay(route=[{"via": "mx"}], dns={"resolvers": f"{LOOPBACK}:{free_port()}"})
        server.configure(selftest={"at_start": True, "targets": [proxy.address]})
        server.reload()
        server.wait_for("selftest-open", patience=LONG)
        self.assert_refuses_connections(server)
        code, took = server.stop()
        self.assertEqual(code, 0)
        self.assertLess(took, 10)

    def test_is_an_acceptance_too_where_no_return_can_be_seen(self):
        server, proxy, _ = self.open_relay()
        with socket.socket() as taken:
            taken.bind((LOOPBACK, int(server.config["selftest"]["returns"].rpartition(":")[2])))
            server.configure(selftest={"at_start": True, "targets": [proxy.address]})
            server.reload()
            found = server.wait_for("selftest-accepted", patience=LONG)
        self.assertEqual((found.level, found["door"]), ("ERROR", proxy.address))
        self.assertIn("has not come back yet", found["why"])
        self.assertRegex(found["evidence"], r"MAIL FROM:.* RCPT TO:.* 250 ")
        self.assertIn("cannot listen", server.wait_for("selftest-skipped")["why"])
        self.assert_refuses_connections(server)

    def test_closes_even_where_a_client_hangs_on(self):
        server, proxy, _ = self.open_relay()
        with socket.create_connection((LOOPBACK, server.ports["clear"])) as client:
            client.recv(1000)
            server.configure(selftest={"at_start": True, "targets": [proxy.address]})
            server.reload()
            server.wait_for("selftest-open", patience=LONG)
            client.settimeout(15)
            with contextlib.suppress(ConnectionResetError):
                while client.recv(1000):
                    pass


    def test_can_be_mended_while_a_client_is_still_in_the_middle_of_a_message(self):
        server, proxy, _ = self.open_relay()
        with socket.create_connection((LOOPBACK, server.ports["clear"])) as client:
            client.settimeout(15)
            for command in ("", "EHLO x\r\n", "MAIL FROM:<a@office.example>\r\n", "RCPT TO:<b@customer.test>\r\n", "DATA\r\n"):
                client.sendall(command.encode())
                client.recv(2000)
            server.configure(selftest={"at_start": True, "targets": [proxy.address]})
            server.reload()
            server.wait_for("selftest-open", patience=LONG)
            self.assert_refuses_connections(server)  # at once, and not after those who are inside
            seen = server.mark()
            server.configure(selftest={"targets": [f"{LOOPBACK}:{server.ports['clear']}"]})
            server.reload()
            server.wait_for("selftest-passed", since=seen, patience=LONG)
        self.assert_takes_mail(server)


class ByHand(SelfTest):
    """`postern relay-test --self`"""

    def relay_test(self, server, *arguments):
        done = subprocess.run([PROGRAM, "relay-test", "--self", "--json", "--config", server.config_file, *arguments],
                              capture_output=True, text=True, timeout=LONG, preexec_fn=die_with_parent)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def test_is_closed_on_every_kind_of_listener(self):
        server = self.make({"at_start": False}).start()
        code, run = self.relay_test(server)
        self.assertEqual((code, run["verdict"] if code == 0 else run), (0, "closed"))
        self.assertEqual([door["verdict"] for door in run["doors"]], ["closed"] * 4)
        self.assertEqual({door["source"] for door in run["doors"]}, {USUAL_SOURCE})
        self.assertIn("from outside", " ".join(run["remarks"]))
        self.assert_takes_mail(server)

    def test_shows_the_way_that_a_probe_took(self):
        server = self.make({"at_start": False}).start()
        with Proxy(server.ports["starttls"]) as proxy:
            server.configure(selftest={"targets": [proxy.address]})
            code, run = self.relay_test(server)
        self.assertEqual((code, run["verdict"]), (1, "open relay"))
        self.assert_takes_mail(server)  # it only reports

    def test_of_a_postern_that_does_not_run_is_unreachable(self):
        self.assertEqual(self.relay_test(self.make())[0], 3)


if __name__ == "__main__":
    unittest.main()
