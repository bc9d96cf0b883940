"""Closed to everyone else: whoever is neither in mynetworks nor logged in sends nothing, whatever they try."""

import smtplib
import ssl
import time
import unittest

import clients
import content
from clients import RECIPIENT, SENDER
from harness import LOOPBACK, OFFICE, Postern
from sink import Sink

STRANGER = "127.0.0.2"  # not in mynetworks
EVERY_PORT = ("starttls", "implicit", "required", "clear")


class Access(unittest.TestCase):
    """A Postern with one user, for which everything is delivered to a sink."""

    @classmethod
    def setUpClass(cls):
        cls.sink = cls.enterClassContext(Sink())
        cls.server = cls.enterClassContext(Postern(route=[{"via": f"smtp://{cls.sink.address}"}]))
        cls.password = cls.server.add_user(SENDER)


class Strangers(Access):
    def assert_nothing_left(self):
        """The sink got nothing, and nothing is on its way to it."""
        self.assertEqual(self.server.queue(), [])
        self.assertEqual(self.sink.connections, 0)

    def test_a_stranger_is_refused_at_every_listener_whatever_sender_it_names(self):
        senders = (SENDER, "", f"root@{OFFICE}", f"x@[{LOOPBACK}]", "a@b.example")  # statement 9
        for port in EVERY_PORT:
            for sender in senders:
                with self.subTest(port=port, sender=sender), clients.connect(self.server, port, STRANGER) as client:
                    client.mail(sender)
                    code, words = client.rcpt(RECIPIENT)
                    self.assertIn(code // 100, (5,), words)
                    self.assertIn(client.docmd("DATA")[0], (503, 530, 550, 554))
        self.assert_nothing_left()

    def test_a_stranger_is_refused_for_every_odd_form_of_a_recipient(self):
        forms = (f"bob%elsewhere.test@{OFFICE}", f"elsewhere.test!bob@{OFFICE}", f'"{RECIPIENT}"@{OFFICE}',
                 f"@{OFFICE}:{RECIPIENT}", f"bob%elsewhere.test@[{LOOPBACK}]", f'"{RECIPIENT}"',
                 "bob%elsewhere.test", f"{RECIPIENT}@", f"{RECIPIENT}@{OFFICE}", "postmaster")  # statement 8
        for form in forms:
            with self.subTest(form), clients.connect(self.server, "clear", STRANGER) as client:
                client.docmd("MAIL", f"FROM:<{SENDER}>")
                self.assertEqual(client.docmd("RCPT", f"TO:<{form}>")[0] // 100, 5)
        self.assert_nothing_left()

    def test_where_auth_is_required_mynetworks_is_not_enough(self):
        with clients.connect(self.server, "required") as client:
            self.assertEqual(client.mail(SENDER)[0], 530)  # statement 34
        self.assert_nothing_left()

    def test_swaks_and_curl_with_a_wrong_password_exit_with_an_error(self):
        self.assertFalse(clients.swaks(self.server, "required", content.message(), "--tls",
                                       *clients.swaks_login("PLAIN", SENDER, "wrong")).is_good)
        self.assertFalse(clients.curl(self.server, "required", content.message(), SENDER, "wrong").is_good)
        self.assertFalse(clients.msmtp(self.server, "required", content.message(), SENDER, "wrong",
                                       "scram-sha-256").is_good)
        self.assert_nothing_left()

    def test_a_wrong_user_and_a_wrong_password_get_the_same_answer_from_every_mechanism(self):
        def answer(mechanism, login):
            with clients.connect(self.server, "implicit") as client:
                if mechanism == "PLAIN":
                    return client.docmd("AUTH", "PLAIN " + clients.plain(login, "wrong"))
                client.user, client.password = login, "wrong"
                try:
                    return client.auth("LOGIN", client.auth_login)
                except smtplib.SMTPAuthenticationError as refusal:
                    return refusal.smtp_code, refusal.smtp_error
        for mechanism in ("PLAIN", "LOGIN"):
            with self.subTest(mechanism):
                known = answer(mechanism, SENDER)
                self.assertEqual(known[0], 535)
                self.assertEqual(known, answer(mechanism, "nobody@office.example"))  # statement 27

    def test_a_login_without_tls_is_neither_offered_nor_taken(self):
        for port in ("starttls", "required", "clear"):
            with self.subTest(port), smtplib.SMTP(LOOPBACK, self.server.ports[port], timeout=30) as client:
                client.ehlo("client.office.example")
                self.assertFalse(client.has_extn("auth"))  # statement 19
                code, _ = client.docmd("AUTH", "PLAIN " + clients.plain(SENDER, self.password))
                self.assertEqual(code // 100, 5)
                self.assertNotEqual(code, 535)
                if port == "required":
                    self.assertEqual(client.mail(SENDER)[0] // 100, 5)

    def test_what_is_pipelined_behind_starttls_never_runs_inside_tls(self):
        with clients.raw(self.server, "starttls", STRANGER) as client:
            client.recv(4096)
            client.sendall(b"EHLO x\r\n")
            client.recv(4096)
            client.sendall(b"STARTTLS\r\nEHLO injected\r\nNOOP\r\n")  # statement 17
            client.settimeout(10)
            try:
                with clients.tls_context(self.server).wrap_socket(client, server_hostname="localhost") as secured:
                    secured.sendall(b"RSET\r\n")
                    answers = secured.recv(4096)
                    self.assertEqual(answers.count(b"\r\n"), 1, answers)
            except (ssl.SSLError, OSError):
                pass  # the session was ended: as good


class PermittedClients(Access):
    def test_a_stranger_with_a_login_may_send(self):
        with clients.connect(self.server, "starttls", STRANGER) as client:
            client.login(SENDER, self.password)
            client.sendmail(SENDER, ["to-stranger@elsewhere.test"], content.message())
        self.assertTrue(content.is_whole(self.sink.wait_for_mail_to("to-stranger@elsewhere.test").content))

    def test_only_a_dot_between_line_ends_ends_the_data(self):
        smuggled = (b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<victim@elsewhere.test>\r\nDATA\r\n"
                    b"Subject: evil\r\n\r\nx\r\n")
        for end in (b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r"):  # statement 20
            with self.subTest(end), clients.connect(self.server) as client:
                client.mail(SENDER)
                client.rcpt("smuggler@elsewhere.test")
                clients.expect(client.docmd("DATA"), 354)
                client.sock.sendall(b"Subject: s\r\n\r\ntext" + end + smuggled + b"\r\n.\r\n")
                client.getreply()
                self.assertEqual(client.noop()[0], 250, "the session is out of step")
        clients.submit(self.server, content.message(), ["afterwards@elsewhere.test"])
        self.sink.wait_for_mail_to("afterwards@elsewhere.test")
        time.sleep(0.5)  # what was smuggled would be right behind
        self.assertFalse([m for m in self.sink.messages if "victim@elsewhere.test" in m.recipients])
        for message in self.sink.messages:  # and nothing that could end the data for anyone else went out
            self.assertNotIn(b"\n", message.content.replace(b"\r\n", b""))
            self.assertNotIn(b"\r", message.content.replace(b"\r\n", b""))
