"""Many clients at once, who remember which messages got their 250; and the reckoning of what became of them."""

import collections
import contextlib
import random
import socket
import threading

import clients
import content
from harness import LOOPBACK, wait_until


class Load:
    """`sessions` clients submit until `stop()`; one that loses its connection comes back with another message."""

    def __init__(self, server, sessions=6, seed=0):
        self.tried = set()  # names of messages whose data was begun
        self.acknowledged = set()  # those that got a 250
        self._server = server
        self._seed = seed
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._submit_all, args=(i,), daemon=True) for i in range(sessions)]

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a client hangs"

    def wait_for(self, count):
        wait_until(lambda: len(self.acknowledged) >= count, lambda: f"{count} messages; {len(self.acknowledged)} were")

    def _submit_all(self, number):
        chance = random.Random(f"{self._seed} {number}")
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, _Refused):
                self._one_session(chance)
            self._stopping.wait(0.02)

    def _one_session(self, chance):
        port = self._server.ports["clear"]
        with socket.create_connection((LOOPBACK, port), 30) as connection:
            replies = connection.makefile("rb")
            _expect(replies, b"220")
            _say(connection, replies, b"EHLO client.office.example\r\n", b"250")
            while not self._stopping.is_set():
                self._one_message(connection, replies, chance)

    def _one_message(self, connection, replies, chance):
        size = 300_000 if chance.random() < 0.03 else chance.randrange(200, 9000)  # some in files of their own
        sent = content.message(size=size)
        name = content.name_in(sent)
        _say(connection, replies, b"MAIL FROM:<alice@office.example>\r\n", b"250")
        _say(connection, replies, f"RCPT TO:<{name}@elsewhere.test>\r\n".encode(), b"250")
        _say(connection, replies, b"DATA\r\n", b"354")
        self.tried.add(name)
        _say(connection, replies, clients.stuffed(sent) + b".\r\n", b"250")
        self.acknowledged.add(name)


class _Refused(Exception):
    pass


def _say(connection, replies, line, expected):
    connection.sendall(line)
    _expect(replies, expected)


def _expect(replies, expected):
    while (line := replies.readline())[3:4] == b"-":
        pass
    if not line.startswith(expected) or not line.endswith(b"\r\n"):
        raise _Refused(line)


def wait_and_reckon(test, loads, sink, server, patience=60):
    """Waits until all that got a 250 has arrived and nothing waits. Then: nothing is torn, nothing invented, each came
    to its own recipient. Answers a line about it, with the duplicates counted."""
    acknowledged = set().union(*(load.acknowledged for load in loads))
    tried = set().union(*(load.tried for load in loads))

    def arrived():
        return {content.name_in(message.content) for message in list(sink.messages)}
    wait_until(lambda: acknowledged <= arrived(),
               lambda: f"lost: {sorted(acknowledged - arrived())[:10]} of {len(acknowledged)}\n{server.tail()}",
               patience)
    wait_until(lambda: not server.queue(), lambda: f"still there: {server.queue()[:3]}\n{server.tail()}", patience)

    for message in sink.messages:
        name = content.name_in(message.content)
        test.assertTrue(content.is_whole(message.content), f"torn: {message.content[:600]!r}")
        test.assertEqual(message.recipients, [f"{name}@elsewhere.test"])
    test.assertLessEqual(arrived(), tried, "invented")
    times = collections.Counter(content.name_in(message.content) for message in sink.messages)
    duplicates = sum(count - 1 for count in times.values())
    return (f"{len(acknowledged)} acknowledged, {len(times)} arrived, {len(times.keys() - acknowledged)} of them "
            f"without their 250, {duplicates} duplicates")
