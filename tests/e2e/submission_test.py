"""Mail clients hand in messages, each in its own way, and every byte arrives."""

import email
import re
import unittest

import clients
import content
from clients import RECIPIENT, SENDER
from harness import LOOPBACK, OFFICE, Postern
from sink import Sink


class Office(unittest.TestCase):
    """A Postern with one user, and a sink as its relayhost."""

    @classmethod
    def setUpClass(cls):
        cls.sink = cls.enterClassContext(Sink())
        cls.server = cls.enterClassContext(Postern(route=[{"via": f"smtp://{cls.sink.address}"}]))
        cls.login = SENDER
        cls.password = cls.server.add_user(cls.login)

    def setUp(self):
        self.sink.clear()

    def arrived(self):
        return self.sink.wait_for(1)[0]

    def assert_arrives_whole(self, sent):
        """The one message that has come is `sent` under one Received field, which is returned."""
        received = self.arrived().content
        added = content.fields_added(sent, received).decode()
        self.assertEqual(re.findall(r"^\S+?:", added, re.MULTILINE), ["Received:"], added)
        return " ".join(added.split())


class EveryClient(Office):
    def test_submits_by_starttls_and_by_implicit_tls_with_every_mechanism_it_has(self):
        login, password, server = self.login, self.password, self.server
        swaks_tls = {"starttls": "--tls", "implicit": "--tls-on-connect"}
        rows = []
        for port in ("starttls", "implicit"):
            for mechanism in ("PLAIN", "LOGIN"):
                rows.append((f"swaks {mechanism} {port}", lambda text, port=port, mechanism=mechanism: clients.swaks(
                    server, port, text, swaks_tls[port], *clients.swaks_login(mechanism, login, password))))
                rows.append((f"curl {mechanism} {port}", lambda text, port=port, mechanism=mechanism: clients.curl(
                    server, port, text, login, password, "--login-options", f"AUTH={mechanism}")))
            for mechanism in ("plain", "login", "scram-sha-256"):
                rows.append((f"msmtp {mechanism} {port}", lambda text, port=port, mechanism=mechanism: clients.msmtp(
                    server, port, text, login, password, mechanism)))
        for name, submit in rows:
            with self.subTest(name):
                self.sink.clear()
                sent = content.message(size=3000)
                said = submit(sent)
                self.assertTrue(said.is_good, said.text)
                received = self.assert_arrives_whole(sent)
                self.assertIn(" with ESMTPSA ", received)
                self.assertEqual((self.arrived().reverse_path, self.arrived().recipients), (SENDER, [RECIPIENT]))

    def test_submits_without_tls_and_login_from_mynetworks(self):
        for name, submit in (("swaks", clients.swaks), ("curl", clients.curl)):
            with self.subTest(name):
                self.sink.clear()
                sent = content.message()
                said = submit(self.server, "clear", sent)
                self.assertTrue(said.is_good, said.text)
                self.assertRegex(self.assert_arrives_whole(sent), r" with ESMTP ")

    def test_of_curl_may_name_many_recipients(self):
        several = [f"user{i}@elsewhere.test" for i in range(50)]
        sent = content.message()
        said = clients.curl(self.server, "implicit", sent, self.login, self.password, recipients=several)
        self.assertTrue(said.is_good, said.text)
        received = self.assert_arrives_whole(sent)
        self.assertEqual(sorted(self.arrived().recipients), sorted(several))
        self.assertNotIn(" for ", received.partition(";")[0])  # nobody learns of the others (statement 39)

    def test_that_is_pythons_smtplib_logs_in_and_sends(self):
        with clients.connect(self.server, "starttls") as client:
            client.login(self.login, self.password)
            client.sendmail(SENDER, [RECIPIENT], content.message())
        self.assertTrue(content.is_whole(self.arrived().content))

    def test_that_speaks_only_helo_is_served_from_mynetworks(self):
        with clients.connect(self.server) as client:
            client.helo("scanner")
            client.mail(SENDER)
            clients.expect(client.rcpt(RECIPIENT), 250)
            clients.send_content(client, content.message())
        self.assertIn(b" with SMTP ", self.arrived().content)


class EveryContent(Office):
    def test_arrives_byte_for_byte(self):
        rows = {
            "dots at the beginnings of lines": b".\r\n..\r\n...\r\n.a\r\n..a\r\na.\r\n",
            "a last line that is only a dot": b"text\r\n.\r\n",
            "a body that is only a dot": b".\r\n",
            "an empty body": b"",
            "empty lines at the end": b"text\r\n\r\n\r\n\r\n",
            "lines of the longest kind": (b"x" * 998 + b"\r\n") * 3,
            "eight bits": "Grüße aus dem Büro\r\n".encode() * 10,
            "a header look-alike": b"Bcc: not@removed.example\r\n\r\nFrom me\r\n",
            "just under the large": content.lines_of_text(255 * 1024),
            "just over the large": content.lines_of_text(260 * 1024),
            "an attachment of several MB": content.lines_of_text(6 * 1024 * 1024),
        }
        for why, body in rows.items():
            with self.subTest(why):
                self.sink.clear()
                sent = content.message(body)
                clients.submit(self.server, sent)
                self.assert_arrives_whole(sent)

    def test_arrives_byte_for_byte_under_tls_in_any_pieces(self):
        sent = content.message(content.lines_of_text(300 * 1024))
        said = clients.swaks(self.server, "implicit", sent, "--tls-on-connect",
                             *clients.swaks_login("PLAIN", self.login, self.password))
        self.assertTrue(said.is_good, said.text)
        self.assert_arrives_whole(sent)

    def test_that_is_over_the_limit_is_refused_and_the_session_goes_on(self):
        self.server.configure(limits={"message_size": "1MiB"})
        self.server.reload()
        self.addCleanup(lambda: (self.server.configure(limits={"message_size": "50MiB"}), self.server.reload()))
        with clients.connect(self.server) as client:
            self.assertEqual(client.mail(SENDER, [f"SIZE={2 << 20}"])[0], 552)  # statement 47
            client.mail(SENDER)
            client.rcpt(RECIPIENT)
            clients.expect(client.docmd("DATA"), 354)
            client.sock.sendall(clients.stuffed(content.message(size=2 << 20)) + b".\r\n")
            self.assertEqual(client.getreply()[0], 552)
            self.assertEqual(client.noop()[0], 250)
        self.assertEqual(self.sink.messages, [])


class FixUps(Office):
    def submit(self, fields, body=b"text\r\n", **options):
        clients.submit(self.server, fields + b"\r\n" + body, **options)
        return self.arrived().content

    def test_add_a_date_and_a_message_id_where_they_are_missing(self):
        received = email.message_from_bytes(self.submit(b"From: a@b.example\r\nSubject: s\r\n"))
        self.assertTrue(email.utils.parsedate_to_datetime(received["Date"]))
        self.assertRegex(received["Message-ID"], rf"^<\S+@{OFFICE}>$")
        self.assertEqual((received["From"], received["Subject"]), ("a@b.example", "s"))

    def test_leave_an_odd_date_and_message_id_alone(self):
        sent = b"From: a@b.example\r\nDate: yesterday\r\nMessage-Id: <<odd>\r\nSubject: s\r\n"
        self.assertTrue(self.submit(sent).endswith(sent + b"\r\ntext\r\n"))

    def test_remove_blind_copies_and_return_paths_also_folded_and_repeated(self):
        received = self.submit(b"Bcc: x@secret.example,\r\n y@secret.example\r\nFrom: a@b.example\r\n"
                               b"bcc: z@secret.example\r\nResent-Bcc: w@secret.example\r\n"
                               b"Return-Path: <r@secret.example>\r\nSubject: s\r\n")
        self.assertNotIn(b"secret", received)
        self.assertIn(b"From: a@b.example\r\nSubject: s\r\n", received)

    def test_say_who_handed_in_a_message_from_mynetworks(self):
        sent = content.message()
        message_id = clients.submit(self.server, sent)
        received = self.assert_arrives_whole(sent)
        self.assertRegex(received, rf"^Received: from client\.office\.example \(.*\[{LOOPBACK}\]\)")
        self.assertIn(f" by {OFFICE} ", received)
        self.assertIn(f" id {message_id}", received)
        self.assertIn(f"for <{RECIPIENT}>", received)
        self.assertTrue(email.utils.parsedate_to_datetime(received.rpartition(";")[2]))

    def test_hide_the_client_of_a_login_but_the_log_has_it(self):
        sent = content.message()
        message_id = clients.submit(self.server, sent, port="implicit", login=self.login, password=self.password)
        received = self.assert_arrives_whole(sent)
        for secret in (LOOPBACK, "client.office.example", SENDER):
            self.assertNotIn(secret, received)  # statement 40
        accepted = self.server.wait_for("accepted", id=message_id)
        self.assertIn(LOOPBACK, accepted.text)
        self.assertIn(SENDER, accepted.text)


class Log(Office):
    def test_tells_the_whole_story_of_a_message(self):
        message_id = clients.submit(self.server, content.message())
        self.server.wait_for("delivered", id=message_id)
        story = {line.event: line for line in self.server.story(message_id)}
        self.assertIn("mynetworks", story["accepted"].text)
        self.assertIn(RECIPIENT, story["delivered"].text)
        self.assertIn("2.0.0 taken", story["delivered"].text)  # the remote's own words
        self.assertIn(self.sink.address.rpartition(":")[0], story["delivered"].text)

    def test_has_no_password_and_no_line_that_a_client_wrote(self):
        with clients.raw(self.server) as client:
            client.sendall(b"EHLO x\x01\x1b[31m\r\nMAIL FROM:<a@b.example\x07>\r\n"
                           b"2026-11-21T00:00:00.000Z queue forged\r\nQUIT\r\n")
            while client.recv(4096):
                pass
        with clients.connect(self.server, "starttls") as client:
            client.docmd("AUTH", "PLAIN " + clients.plain(self.login, "a wrong secret"))
            client.login(self.login, self.password)
        text = self.server.logfile.read_text()
        for secret in (self.password, "wrong secret", clients.plain(self.login, self.password)):
            self.assertNotIn(secret, text)
        self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f]")
        self.assertEqual(self.server.lines("forged"), [])
