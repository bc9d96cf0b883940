"""AUTH as attackers use it: bound to a connection that is not theirs, malformed, guessing."""

import base64
import ssl
import time
import unittest

import clients
import scram
from harness import Postern

PLUS, PLAIN_SCRAM = "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"


def encoded(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


class Office(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Postern(
            route=[{"via": "smtp://127.0.0.1:9"}], auth={"mechanisms": ["PLAIN", "LOGIN", PLAIN_SCRAM, PLUS]}))
        cls.password = cls.server.add_user("alice")

    def connect(self, source, port="implicit"):
        return self.enterContext(clients.connect(self.server, port, source=source))


class Bound(Office):
    def test_to_its_own_connection_a_login_is_taken_and_to_no_other(self):
        other, _ = self.server.certificates.make("other", "DNS:other.example")
        other = scram.end_point(ssl.PEM_cert_to_DER_cert(other.read_text()))
        header = b"p=tls-server-end-point,,"
        rows = (
            (PLUS, header, None, 235, "bound to this server's certificate"),
            (PLUS, header, other, 535, "a man in the middle, who has a certificate of his own"),
            (PLUS, header, b"", 535, "bound to nothing"),
            (PLUS, b"p=tls-exporter,,", None, 535, "the data of another type"),
            (PLUS, b"p=tls-unique,,", None, 535, "a type that TLS 1.3 does not have"),
            (PLUS, b"n,,", b"", 535, "the mechanism without the binding"),
            (PLAIN_SCRAM, b"y,,", b"", 535, "-PLUS was struck from the list on its way"),
            (PLAIN_SCRAM, b"n,,", b"", 235, "a client without channel binding"),
        )
        for number, (mechanism, header, binding, code, why) in enumerate(rows):
            for port in ("implicit", "starttls"):
                with self.subTest(why, port=port):
                    client = self.connect(f"127.1.{number}.1", port)
                    self.assertIn(PLUS, client.esmtp_features["auth"].split())
                    if binding is None:
                        data = scram.end_point(client.sock.getpeercert(binary_form=True))
                    else:
                        data = binding
                    self.assertEqual(scram.log_in(client, mechanism, "alice", self.password, header, data), code)


class Malformed(Office):
    def test_logins_are_refused_and_the_session_goes_on(self):
        rows = (
            (["AUTH PLAIN", "*"], 501, "cancelled"),
            (["AUTH LOGIN", "*"], 501, "cancelled at the name"),
            (["AUTH LOGIN", encoded("alice"), "*"], 501, "cancelled at the password"),
            ([f"AUTH {PLAIN_SCRAM}", "*"], 501, "cancelled before the first message"),
            ([f"AUTH {PLAIN_SCRAM} " + encoded("n,,n=alice,r=x"), "*"], 501, "cancelled before the proof"),
            (["AUTH PLAIN !!!!"], 501, "no base 64"),
            (["AUTH PLAIN", "AGFsaWNl*"], 501, "no base 64 in the answer"),
            (["AUTH PLAIN AGFsaWNlAHg"], 501, "base 64 without its end"),
            (["AUTH PLAIN ="], 501, "an empty message"),
            (["AUTH PLAIN " + encoded("bob\0alice\0" + self.password)], 535, "acting for someone else (statement 26)"),
            (["AUTH PLAIN " + encoded("\0alice\0" + self.password + "\0")], 501, "a NUL too many"),
            (["AUTH PLAIN " + encoded("\0alice")], 501, "a NUL too few"),
            (["AUTH PLAIN " + encoded("\0\0" + self.password)], 535, "no name"),
            (["AUTH PLAIN " + encoded("\0alice\0")], 535, "no password"),
            (["AUTH PLAIN " + encoded("\0alice\0" + "x" * 5000)], 501, "a long password"),
            (["AUTH PLAIN", "x" * 20000], 500, "a line longer than any"),
            (["AUTH LOGIN " + encoded("alice\0"), encoded(self.password)], 535, "a NUL behind the name"),
            (["AUTH LOGIN " + encoded("alice"), encoded(self.password + "\0")], 535, "a NUL behind the password"),
            ([f"AUTH {PLAIN_SCRAM} " + encoded("n,a=bob,n=alice")], 501, "no nonce"),
            ([f"AUTH {PLAIN_SCRAM} " + encoded("n,,n=alice,r=\0")], 501, "a NUL in the nonce"),
            (["AUTH EXTERNAL ="], 504, "a mechanism that is not offered"),
        )
        for number, (lines, code, why) in enumerate(rows):
            with self.subTest(why):
                client = self.connect(f"127.2.{number}.1")
                for line in lines[:-1]:
                    clients.expect(client.docmd(line), 334)
                clients.expect(client.docmd(lines[-1]), code)
                clients.expect(client.docmd("AUTH PLAIN", encoded("\0alice\0" + self.password)), 235)


class Senders(Office):
    def replies(self, login, password, *senders):
        """The codes for messages that say in From that they are of `senders` (statement 30)."""
        client = self.connect("127.4.0.1")
        client.login(login, password)
        codes = []
        for sender in senders:
            clients.expect(client.mail(f"{login}@office.example"), 250)
            clients.expect(client.rcpt(clients.RECIPIENT), 250)
            codes.append(client.data(f"From: {sender}\r\n\r\ntext\r\n")[0])
            # As reverse-path likewise.
            self.assertEqual(client.mail(sender)[0], 250 if codes[-1] == 250 else 553)
            client.rset()
        return codes

    def test_are_those_of_the_users_file_as_it_is_at_the_login(self):
        own, second, other = "bob@office.example", "sales@office.example", "info@office.example"
        def add(*options):
            self.server.command("user", "add", "bob", "--password-stdin", *options, input="correct horse\n")
        add("--sender", second)
        self.assertEqual(self.replies("bob", "correct horse", own, second, other), [250, 250, 550])
        self.server.command("user", "remove", "bob")
        add("--any-sender")
        self.assertEqual(self.replies("bob", "correct horse", own, second, other), [250, 250, 250])
        self.assertIn("bob as anyone", self.server.command("user", "list").stdout)
        self.server.command("user", "remove", "bob")
        add()
        self.assertEqual(self.replies("bob", "correct horse", own, second, other), [250, 550, 550])


class Guessing(Office):
    ATTACKER, OWNER = "127.3.0.1", "127.3.0.2"

    def plain(self, source, password):
        return self.connect(source).docmd("AUTH PLAIN", encoded("\0alice\0" + password))

    def crowd(self):
        """The codes that six guesses at a time end with, and how long they took."""
        begun = time.monotonic()
        guessers = [self.connect(self.ATTACKER) for _ in range(6)]
        for guesser in guessers:
            guesser.putcmd("AUTH PLAIN", encoded("\0alice\0wrong"))
        return sorted(guesser.getreply()[0] for guesser in guessers), time.monotonic() - begun

    def test_is_slowed_down_and_then_stopped_but_never_the_owner(self):
        for _ in range(4):
            clients.expect(self.plain(self.ATTACKER, "wrong"), 535)
        codes, seconds = self.crowd()
        self.assertGreaterEqual(codes.count(454), 3, codes)  # two of one address may wait
        self.assertIn(535, codes)
        self.assertGreater(seconds, 1)
        for name in [name for name in self.server.pids() if name.startswith("smtpd")]:
            self.server.kill_role(name)
        clients.expect(self.plain(self.OWNER, self.password), 235)
        codes, _ = self.crowd()
        self.assertIn(454, codes)  # a new smtpd does not make it forgotten
        clients.expect(self.plain(self.OWNER, self.password), 235)
        self.assertTrue(self.server.lines("login", result="throttled", client=self.ATTACKER))
