"""Clients that die: every dialogue is run again and again, and each time the client dies at another step, before it, in
the middle of what it has to say, or without hearing the answer; by closing and by a reset. Nothing arrives that was
not acknowledged (but for the window between the final dot and its reply: RFC 1047), nothing acknowledged is lost, no
session and no file stays open, and the next client is served at once."""

import base64
import dataclasses
import time
import unittest

import clients
import content
from clients import SENDER
from harness import Postern, wait_until
from raw_client import RawClient
from scram import Scram
from sink import Sink

WAYS_TO_DIE = (RawClient.close, RawClient.reset)
AT_ONCE = 5.0  # seconds; takes some milliseconds, but the machine may be busy


@dataclasses.dataclass
class Step:
    """What the client says (octets, or a function of the reply before), and the code of the reply."""
    say: object
    code: int
    is_dot: bool = False  # ends the message that this is about


class HANDSHAKE:
    """In the place of a step."""


def _base64(octets):
    return base64.b64encode(octets).decode()


def _challenge(reply):
    return base64.b64decode(reply[4:])


def line(text, code):
    return Step(text.encode() + b"\r\n", code)


EHLO = line("EHLO client.office.example", 250)
STARTTLS = [EHLO, line("STARTTLS", 220), HANDSHAKE, EHLO]
QUIT = line("QUIT", 221)


def message(recipient, size):
    """A transaction. Its last step is the content."""
    sent = clients.stuffed(content.message(size=size, name=recipient.partition("@")[0]))
    return [line(f"MAIL FROM:<{SENDER}>", 250), line(f"RCPT TO:<{recipient}>", 250), line("DATA", 354),
            Step(sent + b".\r\n", 250, is_dot=True)]


def chunks(recipient, size):
    """The same by BDAT (RFC 3030)."""
    mail, rcpt, *_ = message(recipient, size)
    sent = content.message(size=size, name=recipient.partition("@")[0])
    first, last = sent[:size // 3], sent[size // 3:]
    return [mail, rcpt, Step(b"BDAT %d\r\n" % len(first) + first, 250),
            Step(b"BDAT %d LAST\r\n" % len(last) + last, 250, is_dot=True)]


def scram(password):
    exchange = Scram(SENDER, password)
    return [line("AUTH SCRAM-SHA-256 " + _base64(exchange.first), 334),
            Step(lambda reply: _base64(exchange.answer(_challenge(reply))).encode() + b"\r\n", 334), Step(b"\r\n", 235)]


class ClientsThatDie(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sink = cls.enterClassContext(Sink())
        cls.server = cls.enterClassContext(Postern(route=[{"via": f"smtp://{cls.sink.address}"}]))
        cls.password = cls.server.add_user(SENDER)
        clients.submit(cls.server, content.message(), port="implicit", login=SENDER, password=cls.password)
        wait_until(lambda: not cls.server.queue(), "an empty queue")
        cls.files_when_idle = cls.open_files()

    def run_dialogue(self, port, steps):
        """`steps(recipient)` is a whole dialogue. It is run to its end first, and then by clients that die."""
        deaths = [None] + [(number, where, die) for number, step in enumerate(steps("nobody@dialogue.test"))
                           for where in ("before", "midway", "unheard") for die in WAYS_TO_DIE]
        self.sink.clear()
        taken, perhaps, never = set(), set(), set()
        for number, death in enumerate(deaths):
            recipient = f"n{number}-{time.monotonic_ns()}@dialogue.test"
            fate = self.run_session(port, steps(recipient), death)
            {"taken": taken, "perhaps": perhaps, "never": never}[fate].add(recipient)
        self.assertTrue(taken and perhaps and never)
        self.assert_nothing_is_left()
        for recipient in taken:
            self.sink.wait_for_mail_to(recipient)
        wait_until(lambda: not self.server.queue(), "an empty queue")
        for one in self.sink.messages:
            if one.recipients[0].endswith("@dialogue.test"):
                self.assertIn(one.recipients[0], taken | perhaps)
                self.assertTrue(content.is_whole(one.content), one.recipients)

    def run_session(self, port, steps, death):
        """What may become of its message: `taken`, `perhaps` or `never`."""
        fate = "never"
        client = RawClient(self.server, port)
        reply = ""
        if port != "implicit":
            client.expect(220)
        for number, step in enumerate(steps):
            say = self.octets(client, step, reply)
            if death and number == death[0]:
                _, where, die = death
                client.send({"before": b"", "midway": say[:len(say) // 2], "unheard": say}[where])
                die(client)
                return "perhaps" if where == "unheard" and getattr(step, "is_dot", False) else fate
            if step is HANDSHAKE:
                client.shake_hands()
                if port == "implicit":
                    client.expect(220)
            else:
                client.send(say)
                reply = client.expect(step.code)
                fate = "taken" if step.is_dot else fate
        client.close()
        return fate

    def octets(self, client, step, reply):
        if step is HANDSHAKE:
            return client.hello()
        return step.say(reply) if callable(step.say) else step.say

    @classmethod
    def open_files(cls):
        return {role: cls.server.descriptors(role) for role in ("smtpd", "auth", "queue")}

    def assert_nothing_is_left(self):
        """And the next client is served at once."""
        asked = time.monotonic()
        clients.submit(self.server, content.message(), ["next@served.test"])
        self.sink.wait_for_mail_to("next@served.test")
        self.assertLess(time.monotonic() - asked, AT_ONCE)
        wait_until(lambda: self.open_files() == self.files_when_idle,
                   lambda: f"{self.files_when_idle} again; {self.open_files()}")

    def test_in_clear_from_mynetworks(self):
        self.run_dialogue("clear", lambda to: [EHLO, *message(to, 2000), QUIT])

    def test_with_helo(self):
        self.run_dialogue("clear", lambda to: [line("HELO scanner", 250), *message(to, 2000), QUIT])

    def test_with_two_messages(self):
        def steps(to):
            mail, rcpt, data, dot = message("first@before.test", 500)
            dot = dataclasses.replace(dot, is_dot=False)  # what becomes of the second is asked here
            return [EHLO, mail, rcpt, data, dot, line("RSET", 250), *message(to, 2000), QUIT]
        self.run_dialogue("clear", steps)

    def test_with_a_large_content(self):
        self.run_dialogue("clear", lambda to: [EHLO, *message(to, 900_000), QUIT])

    def test_with_chunks(self):
        self.run_dialogue("clear", lambda to: [EHLO, *chunks(to, 2000), QUIT])

    def test_with_large_chunks(self):
        self.run_dialogue("clear", lambda to: [EHLO, *chunks(to, 600_000), QUIT])

    def test_with_pipelining(self):
        def steps(to):
            mail, rcpt, data, dot = message(to, 2000)
            return [EHLO, Step(mail.say + rcpt.say + data.say, 250), Step(b"", 250), Step(b"", 354), dot, QUIT]
        self.run_dialogue("clear", steps)

    def test_with_starttls_and_plain(self):
        plain = line("AUTH PLAIN " + clients.plain(SENDER, self.password), 235)
        self.run_dialogue("required", lambda to: [*STARTTLS, plain, *message(to, 2000), QUIT])

    def test_with_starttls_and_login(self):
        login = [line("AUTH LOGIN", 334), line(_base64(SENDER.encode()), 334),
                 line(_base64(self.password.encode()), 235)]
        self.run_dialogue("required", lambda to: [*STARTTLS, *login, *message(to, 2000), QUIT])

    def test_with_starttls_and_scram(self):
        self.run_dialogue("required", lambda to: [*STARTTLS, *scram(self.password), *message(to, 2000), QUIT])

    def test_with_implicit_tls_and_a_large_content(self):
        plain = line("AUTH PLAIN " + clients.plain(SENDER, self.password), 235)
        self.run_dialogue("implicit", lambda to: [HANDSHAKE, EHLO, plain, *message(to, 700_000), QUIT])

    def test_whose_tls_ends_without_close_notify_have_sent_no_message(self):
        # Whoever can cut a connection must not be able to make a message of its first half (statement 24).
        for end in (b"", b"\r", b"\r\n", b"\r\n.", b"\r\n.\r"):
            with self.subTest(end), RawClient(self.server, "implicit") as client:
                client.shake_hands()
                client.expect(220)
                for command, code in ((b"EHLO x\r\n", 250), (b"MAIL FROM:<a@b.test>\r\n", 250),
                                      (b"RCPT TO:<cut@short.test>\r\n", 250), (b"DATA\r\n", 354)):
                    client.send(command)
                    client.expect(code)
                client.send(b"Subject: the first half\r\n\r\ntext" + end)
        self.assert_nothing_is_left()
        wait_until(lambda: not self.server.queue(), "an empty queue")
        self.assertFalse([one for one in self.sink.messages if "cut@short.test" in one.recipients])
