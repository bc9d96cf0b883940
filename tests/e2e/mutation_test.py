"""Sessions that were valid once: their lines are dropped, repeated, moved, mixed, their octets changed, and they come
in any pieces, early, in clear and inside TLS, half of them from strangers. Whatever they say, every process lives on as
it is, nothing stays open, no stranger's message is taken, and the next client is served.

MUTATION_SESSIONS and MUTATION_SEED choose how many, and repeat what happened.
"""

import base64
import concurrent.futures
import contextlib
import os
import random
import socket
import ssl
import time
import unittest

import clients
import content
from clients import SENDER
from harness import LOOPBACK, Postern, wait_until
from raw_client import RawClient
from sink import Sink

SESSIONS = int(os.environ.get("MUTATION_SESSIONS", "2000"))
SEED = os.environ.get("MUTATION_SEED", str(random.SystemRandom().randrange(1_000_000)))
AT_A_TIME = 24
OFFICE, STRANGERS = "127.0.1.", "127.0.2."  # many addresses, so that none is slowed down for its failed logins
LISTEN = 0.3  # seconds for the replies of a server that waits for more
STEP = 0.05  # and for one reply, where the client speaks in turns

TLS = b"(handshake)"  # in the place of a line

_HEADER = b"From: alice@office.example\r\nSubject: mutated\r\n\r\n"


def transaction(body=b"text\r\n"):
    return [b"MAIL FROM:<alice@office.example> SIZE=1000 BODY=8BITMIME\r\n",
            b"RCPT TO:<c@d.test>\r\n", b"RCPT TO:<e@f.test>\r\n", b"DATA\r\n", _HEADER, body, b".\r\n"]


def chunks(body=b"a chunk\r\n"):
    whole = _HEADER + body
    return [b"MAIL FROM:<alice@office.example>\r\n", b"RCPT TO:<c@d.test> NOTIFY=FAILURE ORCPT=rfc822;c+2Bx@d.test\r\n",
            b"BDAT %d\r\n" % len(_HEADER), _HEADER, b"BDAT %d LAST\r\n" % len(body), body]


def logins(password):
    """AUTH in all its ways, rightly or wrongly."""
    encode = base64.b64encode
    plain = encode(b"\0" + SENDER.encode() + b"\0" + password.encode())
    return [[b"AUTH PLAIN " + plain + b"\r\n"],
            [b"AUTH PLAIN\r\n", plain + b"\r\n"],
            [b"AUTH LOGIN\r\n", encode(SENDER.encode()) + b"\r\n", encode(password.encode()) + b"\r\n"],
            [b"AUTH SCRAM-SHA-256 " + encode(b"n,,n=alice,r=abcdefgh") + b"\r\n",
             encode(b"c=biws,r=x,p=eA==") + b"\r\n"],
            [b"AUTH SCRAM-SHA-256-PLUS " + encode(b"p=tls-exporter,,n=alice,r=abcdefgh") + b"\r\n",
             encode(b"c=cD10bHMtZXhwb3J0ZXIsLA==,r=x,p=eA==") + b"\r\n"],
            [b"AUTH LOGIN\r\n", b"*\r\n"]]


def dialogues(password):
    ehlo = b"EHLO client.test\r\n"
    quit = b"QUIT\r\n"
    talk = [ehlo, b"NOOP\r\n", b"VRFY <alice@office.example>\r\n", b"HELP\r\n", b"EXPN all\r\n", b"RSET\r\n"]
    valid = [[ehlo, *transaction(), quit],
             [b"HELO client\r\n", *transaction(b".." + b"x" * 900 + b"\r\n"), *transaction(), quit],
             [*talk, *transaction(b"8 bits: \xc3\xa4\xff\r\n"), quit],
             [ehlo, *chunks(), *chunks(b"y" * 5000 + b"\r\n"), quit]]
    for login in logins(password):
        valid.append([ehlo, b"STARTTLS\r\n", TLS, ehlo, *login, *transaction(), quit])
    return valid


# ── what is done to a list of lines ──

def drop(lines, chance):
    del lines[chance.randrange(len(lines))]


def repeat(lines, chance):
    at = chance.randrange(len(lines))
    lines[at:at] = [lines[at]] * chance.choice((1, 1, 2, 30))


def move(lines, chance):
    lines.insert(chance.randrange(len(lines)), lines.pop(chance.randrange(len(lines))))


def swap(lines, chance):
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]


def change_an_octet(lines, chance):
    def change(line):
        at = chance.randrange(len(line))
        return line[:at] + bytes([chance.randrange(256)]) + line[at + 1:]
    _edit(lines, chance, change)


def flip_a_bit(lines, chance):
    def flip(line):
        at = chance.randrange(len(line))
        return line[:at] + bytes([line[at] ^ 1 << chance.randrange(8)]) + line[at + 1:]
    _edit(lines, chance, flip)


def insert_line_ends(lines, chance):
    what = chance.choice((b"\r", b"\n", b"\0", b"\r\n", b"\r\r\n", b"\n.\n", b"\r\n.\r\n", b"\r\n.\n", b"\r.\r", b"\t"))

    def insert(line):
        at = chance.randrange(len(line) + 1)
        return line[:at] + what + line[at:]
    _edit(lines, chance, insert)


def cut(lines, chance):
    _edit(lines, chance, lambda line: line[:chance.randrange(len(line))])


def lengthen(lines, chance):
    size = chance.choice((100, 513, 999, 2049, 12_289, 70_000))

    def stretch(line):
        at = chance.randrange(len(line))
        return line[:at] + bytes([chance.choice(b"aA<>@. \"%\xff")]) * size + line[at:]
    _edit(lines, chance, stretch)


def change_a_number(lines, chance):
    number = chance.choice((b"0", b"-1", b"1", b"4294967296", b"18446744073709551615", b"99999999999999999999", b"1e3"))

    def change(line):
        words = line.split(b" ")
        for at, word in enumerate(words):
            digits = word.strip(b"\r\nSIZE=")
            if digits.isdigit():
                words[at] = word.replace(digits, number)
        return b" ".join(words)
    _edit(lines, chance, change)


def _edit(lines, chance, edit):
    candidates = [at for at, line in enumerate(lines) if line and line is not TLS]
    if candidates:
        at = chance.choice(candidates)
        lines[at] = edit(lines[at])


MUTATIONS = [drop, repeat, move, swap, change_an_octet, flip_a_bit, insert_line_ends, cut, lengthen, change_a_number]


def mutated(chance, password):
    """The lines of a session, none of them quite sure to be right."""
    valid = dialogues(password)
    lines = list(chance.choice(valid))
    if chance.random() < 0.2:  # the end of another one
        other = chance.choice(valid)
        lines = lines[:chance.randrange(len(lines))] + other[chance.randrange(len(other)):]
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        if lines:
            chance.choice(MUTATIONS)(lines, chance)
    return lines


class Session:
    def __init__(self, server, number, password):
        self.chance = random.Random(f"{SEED} {number}")
        self.is_stranger = number % 2 == 1
        self.lines = mutated(self.chance, "a wrong one" if self.is_stranger else password)
        ports = ("starttls", "required", "implicit") if TLS in self.lines else ("clear", "starttls", "implicit")
        self.port = self.chance.choice(ports if self.chance.random() < 0.9 else ("clear", "required"))
        source = (STRANGERS if self.is_stranger else OFFICE) + str(number // 2 % 250 + 1)
        self.client = RawClient(server, self.port, source, patience=20)

    def run(self):
        with contextlib.suppress(OSError, EOFError, ssl.SSLError), self.client:
            self._begin()
            takes_turns = self.chance.random() < 0.4
            for line in self._batches(takes_turns):
                if line is TLS:
                    self._listen(STEP)
                    self.client.shake_hands()
                else:
                    self._send(line)
                    if takes_turns:
                        self._listen(STEP)
            if self.chance.random() < 0.3:
                return self.client.reset()
            self._hear_out()

    def _begin(self):
        if self.port == "implicit" and self.chance.random() < 0.9:
            self.client.shake_hands()
            self.lines = [line for line in self.lines if line is not TLS]
        if self.chance.random() < 0.7:  # else too early
            self._listen(STEP)

    def _batches(self, takes_turns):
        batch = b""
        for line in self.lines:
            if line is TLS or takes_turns:
                if batch:
                    yield batch
                batch = b""
                yield line
            else:
                batch += line
        if batch:
            yield batch

    def _send(self, octets):
        """In pieces; some are even packets of their own."""
        while octets:
            size = self.chance.choice((1, 2, 7, 100, 1400, 100_000))
            self.client.send(octets[:size])
            octets = octets[size:]

    def _listen(self, seconds):
        """For one reply."""
        self.client.socket.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            self.client.reply()
        self.client.socket.settimeout(20)

    def _hear_out(self):
        """Till the server ends it, or waits: who closes with replies unread takes back what the server has not read."""
        if not isinstance(self.client.socket, ssl.SSLSocket) and self.chance.random() < 0.8:
            self.client.socket.shutdown(socket.SHUT_WR)
        self.client.socket.settimeout(LISTEN)
        self.client.rest()


class MutatedSessions(unittest.TestCase):
    def test_harm_nobody(self):
        print(f"\nMUTATION_SEED={SEED}", flush=True)
        networks = {"mynetworks": [f"{LOOPBACK}/32", f"{OFFICE}0/24"]}
        with Sink() as sink, Postern(route=[{"via": f"smtp://{sink.address}"}], access=networks) as server:
            password = server.add_user(SENDER)
            clients.submit(server, content.message(), ["first@normal.test"], "implicit", SENDER, SENDER, password)
            sink.wait_for_mail_to("first@normal.test")
            pids, files = server.pids(), self.files(server)
            self.run_sessions(server, password)
            self.assertEqual(server.pids(), pids, server.tail())
            asked = time.monotonic()
            clients.submit(server, content.message(), ["last@normal.test"])
            sink.wait_for_mail_to("last@normal.test")
            self.assertLess(time.monotonic() - asked, 5)
            wait_until(lambda: self.files(server) == files, lambda: f"{files} again; {self.files(server)}")
            wait_until(lambda: not server.queue(), "an empty queue")
            print(f"\n{SESSIONS} sessions, {len(sink.messages) - 2} messages taken from them", flush=True)
            self.assert_strangers_sent_nothing(server)
            self.assert_all_is_clean(sink)

    def files(self, server):
        return {role: server.descriptors(role) for role in ("smtpd", "auth", "queue")}

    def run_sessions(self, server, password):
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            for done in pool.map(lambda number: Session(server, number, password).run(), range(SESSIONS)):
                self.assertIsNone(done)

    def assert_strangers_sent_nothing(self, server):
        accepted = server.lines("accepted")
        self.assertGreater(len(accepted), SESSIONS / 20, "hardly any session got anywhere")
        self.assertEqual([line for line in accepted if STRANGERS in line.text], [])
        self.assertTrue([line for line in server.lines("disconnected") if STRANGERS in line["client"]])

    def assert_all_is_clean(self, sink):
        for message in sink.messages:
            self.assertTrue(message.content.startswith(b"Received: "), message.content[:200])
            for octet in (b"\r", b"\n", b"\0"):
                self.assertNotIn(octet, message.content.replace(b"\r\n", b""))
