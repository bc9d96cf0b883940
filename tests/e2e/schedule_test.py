"""Destinations that are dead, silent, slow or busy: how often they are dialled, and that others do not notice."""

import contextlib
import pathlib
import socket
import time
import unittest

import clients
import content
from harness import LOOPBACK, Postern, free_port, wait_until
from sink import Sink

SYN_SENT = "02"  # the state of a connection that nobody answers, in /proc/net/tcp
FIRST_WINDOW = 5
CONNECTIONS = 20  # [delivery] connections, by default
ALIVE, DEAD, SLOW = "alive.test", "dead.test", "slow.test"


def route(domain, address):
    return {"recipient_domains": [domain], "via": f"smtp://{address}"}


def submit(server, count, domain):
    """One connection, many messages."""
    with clients.connect(server, "clear") as client:
        for number in range(count):
            client.mail(clients.SENDER)
            clients.expect(client.rcpt(f"user{number}@{domain}"), 250)
            clients.send_content(client, content.message(size=500))


@contextlib.contextmanager
def black_hole():
    """An address where connections are neither taken nor refused: nobody accepts, and there is no room to wait."""
    with contextlib.ExitStack() as open_sockets:
        listener = open_sockets.enter_context(socket.create_server((LOOPBACK, 0), backlog=0))
        for _ in range(4):
            caller = open_sockets.enter_context(socket.socket())
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect(listener.getsockname())
        time.sleep(0.1)
        fill = callers_of(listener.getsockname()[1])
        yield f"{LOOPBACK}:{listener.getsockname()[1]}", lambda: callers_of(listener.getsockname()[1]) - fill


def callers_of(port):
    """How many connections to `port` wait for an answer."""
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return sum(row[3] == SYN_SENT and row[2].endswith(f":{port:04X}") for row in rows)


class Schedule(unittest.TestCase):
    def serve(self, *routes, **queue):
        """A Postern that would make a failed message wait for minutes."""
        self.server = self.enterContext(Postern(route=list(routes), queue={
            "first_retry": "5m", "max_retry": "1h", **queue}))
        return self.server

    def sink(self, answer=None):
        return self.enterContext(Sink(answer=answer))

    def test_dials_a_dead_destination_once_and_again_when_an_operator_asks(self):
        port = free_port()
        server = self.serve(route(DEAD, f"{LOOPBACK}:{port}"))
        submit(server, 1, DEAD)
        paused = server.wait_for("destination-paused")
        self.assertGreaterEqual(int(paused["seconds"]), 40)
        submit(server, 40, DEAD)  # statement 82
        self.assertEqual(len(wait_until(lambda: len(server.queue()) == 41 and server.queue(), "all wait")), 41)
        self.assertEqual(len(server.lines("unreachable")), 1, server.tail())

        seen = server.mark()
        server.command("queue", "flush", "--all")  # statement 83
        server.wait_for("destination-paused", since=seen)
        time.sleep(0.5)
        self.assertEqual(len(server.lines("unreachable")), 2, server.tail())

        open_at_once = []

        def count(step, argument):
            if step == "mail":
                open_at_once.append(len(sink._open))
        sink = self.enterContext(Sink(port=port, answer=count))
        server.command("queue", "flush", "--all")
        sink.wait_for(41)
        self.assertEqual(open_at_once[0], 1, "a probe, before all the others")
        self.assertLessEqual(max(open_at_once), CONNECTIONS)

    def test_does_not_let_a_black_hole_or_a_tarpit_slow_others_down(self):
        slow = self.sink(lambda step, argument: time.sleep(1.5))
        fast = self.sink()
        with black_hole() as (hole, callers):
            server = self.serve(route(DEAD, hole), route(SLOW, slow.address), route(ALIVE, fast.address))
            submit(server, 60, ALIVE)
            alone = self.time_of(60, fast)
            submit(server, 30, DEAD)
            submit(server, 60, SLOW)
            wait_until(lambda: slow.connections >= FIRST_WINDOW, "the tarpit is dialled")
            submit(server, 60, ALIVE)
            beside = self.time_of(120, fast)
            self.assertLess(beside, 3 * alone + 1, "nor do they wait for a turn")
            self.assertLess(len(slow.messages), 60)
            wait_until(lambda: callers() > 0, "the black hole is dialled")
            self.assertLessEqual(callers(), FIRST_WINDOW)
            self.assertLessEqual(len(slow._open), CONNECTIONS)

    def time_of(self, count, sink):
        begin = time.monotonic()
        sink.wait_for(count)
        return time.monotonic() - begin

    def test_finds_out_how_much_a_busy_destination_takes(self):
        def answer(step, argument):
            if step == "greeting" and len(sink._open) > 3:
                refused.append(time.monotonic())
                return "421 4.7.28 too many connections from you"
            if step == "dot":
                time.sleep(0.05)
            return None
        refused = []
        sink = self.sink(answer)
        server = self.serve(route(ALIVE, sink.address))
        submit(server, 150, ALIVE)
        sink.wait_for(150, patience=25)
        self.assertEqual(server.lines("destination-paused"), [], "it lives")
        self.assertTrue(server.lines("destination-slowed"), server.tail())
        self.assertLess(len(refused), 50)
        told = server.lines("deferred")[0]
        self.assertIn("4.7.28", told["reply"])
        self.assertIn(str(sink.port), told["remote"])


if __name__ == "__main__":
    unittest.main()
