"""What submission does to contents that others could not send on (RFC 6409, 8): judged by how Python's email reads them."""

import email
import unittest

import clients
from clients import RECIPIENT, SENDER
from submission_test import Office

LONG = ("Grüße aus dem Büro. " * 60).encode()  # one line of more than 998 octets
PARTS = (b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b 1\"\r\n\r\npreamble\r\n"
         b"--b 1\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + LONG + b"\r\n"
         b"--b 1\r\nContent-Type: application/x\r\n\r\n" + b"\xff" * 2000 + b"\r\n"
         b"--b 1\r\nContent-Type: text/plain\r\n\r\nshort = short\r\n--b 1--\r\n")


def parts_of(content):
    return [part.get_payload(decode=True) for part in email.message_from_bytes(content).walk()
            if not part.is_multipart()]


class FixUps(Office):
    def reply_to(self, content, is_login=False):
        """The reply to the final dot; the session must then be in step."""
        with clients.connect(self.server, "implicit" if is_login else "clear") as client:
            if is_login:
                client.login(self.login, self.password)
            client.mail(SENDER)
            clients.expect(client.rcpt(RECIPIENT), 250)
            clients.expect(client.docmd("DATA"), 354)
            client.sock.sendall(clients.stuffed(content) + b".\r\n")
            code, text = client.getreply()
            clients.expect(client.noop(), 250)
            return code, text.decode()

    def test_encode_the_parts_that_have_long_lines_and_no_others(self):  # statement 43
        for why, filler in (("small", b""), ("large", b"a line of text\r\n" * 20_000)):
            with self.subTest(why):
                self.sink.clear()
                sent = b"From: a@b.example\r\n" + PARTS.replace(b"short = short", filler + b"short = short")
                self.assertEqual(self.reply_to(sent)[0], 250)
                received = self.arrived().content
                self.assertLessEqual(max(map(len, received.split(b"\r\n"))), 998)
                self.assertEqual(parts_of(received)[0].rstrip(b"\r\n"), parts_of(sent)[0].rstrip(b"\r\n"))
                self.assertEqual(parts_of(received)[1:], parts_of(sent)[1:])
                self.assertIn(b"short = short", received)

    def test_refuse_long_lines_in_what_is_signed(self):  # statements 43, 44
        for why, fields in (("DKIM", b"DKIM-Signature: v=1; h=from; b=\r\n"),
                            ("PGP or S/MIME", b"Content-Type: multipart/signed; boundary=b\r\n")):
            with self.subTest(why):
                code, text = self.reply_to(b"From: a@b.example\r\n" + fields + b"\r\n--b\r\n\r\n" + LONG + b"\r\n")
                self.assertEqual(code, 550)
                self.assertRegex(text, r"^5\.6\.0 .*998 octets")
        self.assertEqual(self.sink.messages, [])

    def test_give_a_device_its_header_section(self):  # statement 42
        code, _ = self.reply_to(b"From scanner Sat Nov 21\r\nFrom: a@b.example\r\nSubject : scan\r\nPage 1\r\nBcc: body\r\n")
        self.assertEqual(code, 250)
        received = email.message_from_bytes(self.arrived().content)
        self.assertEqual((received["From"], received["Subject"], received["Bcc"]), ("a@b.example", "scan", None))
        self.assertEqual(received.get_payload(), "Page 1\r\nBcc: body\r\n")

    def test_tell_a_user_that_there_is_none(self):  # statement 42
        self.assertRegex(self.reply_to(b"Page 1\r\n", is_login=True)[1], r"^5\.6\.0 ")
        self.assertEqual(self.sink.messages, [])

    def test_bind_from_to_the_login(self):  # statement 30
        self.assertEqual(self.reply_to(b"From: boss@office.example\r\n\r\nx\r\n", is_login=True)[0], 550)
        self.assertRegex(self.reply_to(b"From: " + SENDER.encode() + b", boss@office.example\r\n\r\nx\r\n", is_login=True)[1],
                         r"^5\.7\.1 .*boss@office\.example.*alice")
        self.assertEqual(self.sink.messages, [])
        self.assertEqual(self.reply_to(b"Subject: no author\r\n\r\nx\r\n", is_login=True)[0], 250)
        self.assertIn(f"From: <{SENDER}>\r\n".encode(), self.arrived().content)

    def test_put_the_offices_domain_behind_bare_names(self):  # statement 41
        self.assertEqual(self.reply_to(b"From: alice\r\nTo: Bob <bob>, c@d.example\r\n\r\nx\r\n", is_login=True)[0], 250)
        self.assertIn(b"From: alice@office.example\r\nTo: Bob <bob@office.example>, c@d.example\r\n", self.arrived().content)
