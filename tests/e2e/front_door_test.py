"""What the front door refuses, over real sockets and real TLS: words before their time, words that were put in front of
TLS, second messages hidden in a first one, and lines of a header in a client's name."""

import contextlib
import itertools
import os
import signal
import ssl
import unittest

import clients
import content
from clients import SENDER
from harness import LOOPBACK, Postern, wait_until
from raw_client import RawClient
from sink import Sink

STRANGER = "127.0.0.2"  # not in mynetworks
ERRORS_FOR_FREE = 10  # in a session; the replies to more are slowed
VICTIM = "victim@elsewhere.test"
WHOLE_MESSAGE = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{VICTIM}>\r\nDATA\r\nSubject: s\r\n\r\nx\r\n.\r\n".encode()


class FrontDoor(unittest.TestCase):
    """A Postern with one user, for which everything is delivered to a sink."""

    @classmethod
    def setUpClass(cls):
        cls.sink = cls.enterClassContext(Sink())
        cls.server = cls.enterClassContext(Postern(route=[{"via": f"smtp://{cls.sink.address}"}]))
        cls.password = cls.server.add_user(SENDER)

    def setUp(self):
        self.sink.clear()

    def greeted(self, port="clear", source=LOOPBACK):
        """A client after its EHLO, in clear."""
        client = self.enterContext(RawClient(self.server, port, source))
        client.expect(220)
        client.send(b"EHLO client.test\r\n")
        client.expect(250)
        return client

    def logged_in(self):
        client = self.greeted("required")
        client.ask("STARTTLS")
        client.shake_hands()
        client.ask("EHLO client.test")
        client.send(f"AUTH PLAIN {clients.plain(SENDER, self.password)}\r\n".encode())
        client.expect(235)
        return client

    def assert_nothing_came_for(self, recipient):
        """Of all that was sent so far: what is sent now comes behind it."""
        clients.submit(self.server, content.message(), ["behind@elsewhere.test"])
        self.sink.wait_for_mail_to("behind@elsewhere.test")
        wait_until(lambda: not self.server.queue(), "an empty queue")
        self.assertEqual([one for one in self.sink.messages if recipient in one.recipients], [])


class BehindStarttls(FrontDoor):
    def test_nothing_may_stand_in_the_same_packet(self):
        # Statement 17 (CVE-2011-0411): neither executed nor kept for the trusted part of the connection.
        rows = (b"EHLO injected\r\n", b"RSET\r\n", b"x", b"\r\n", b"QUIT\r\n", b"\x16\x03\x01",
                b"MAIL FROM:<a@b.test>\r\n", b"EHLO injected\r\n" + WHOLE_MESSAGE,
                f"AUTH PLAIN {clients.plain(SENDER, self.password)}\r\n".encode())
        for source, injected in itertools.product((LOOPBACK, STRANGER), rows):
            with self.subTest(source=source, injected=injected):
                client = self.greeted("starttls", source)
                client.send(b"STARTTLS\r\n" + injected)
                self.assertRegex(client.reply(), r"^554 5\.5\.0 ")
                self.assertEqual(client.rest(), b"")
        self.assert_nothing_came_for(VICTIM)

    def test_what_comes_in_the_place_of_a_handshake_is_not_executed(self):
        for octets in (b"NOOP\r\n", b"MAIL FROM:<a@b.test>\r\n", b"\x16\x03\x01\x00\x05QUIT\r\n" * 20, b"\0" * 1000):
            with self.subTest(octets[:20]):
                client = self.greeted("starttls")
                client.send(b"STARTTLS\r\n")
                client.expect(220)
                client.send(octets)
                self.assertNotRegex(client.rest(), rb"(?m)^[2-5][0-9][0-9][ -]")

    def test_all_that_was_said_before_is_forgotten(self):
        # Statement 18 (RFC 3207, 4.2).
        client = self.greeted("starttls")
        client.send(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<" + VICTIM.encode() + b">\r\nSTARTTLS\r\n")
        for code in (250, 250, 220):
            client.expect(code)
        client.shake_hands()
        for command in ("DATA", f"RCPT TO:<{VICTIM}>", "MAIL FROM:<a@b.test>", "AUTH PLAIN", "STARTTLS"):
            self.assertRegex(client.ask(command), "^503 ", command)
        extensions = client.ask("EHLO client.test")
        self.assertNotIn("STARTTLS", extensions)
        self.assertIn("AUTH ", extensions)
        self.assertRegex(client.ask("STARTTLS"), "^50[23] ")
        self.assertRegex(client.ask("DATA"), "^50[23] ")
        self.assertRegex(client.ask("MAIL FROM:<a@b.test>"), "^250 ")


class BeforeTls(FrontDoor):
    def test_no_login_is_offered_or_taken_and_a_password_that_came_is_reported(self):
        for port in ("starttls", "required", "clear"):
            with self.subTest(port):
                client = self.greeted(port)
                self.assertNotIn("AUTH", client.ask("EHLO client.test"))  # statement 19
                seen = self.server.mark()
                self.assertRegex(client.ask(f"AUTH PLAIN {clients.plain(SENDER, self.password)}"), r"^5(38|02) ")
                if port != "clear":
                    self.server.wait_for("password-leaked", since=seen)
        self.assertNotIn(self.password, self.server.logfile.read_text())

    def test_a_browser_is_sent_away_with_what_it_carries(self):
        with RawClient(self.server, "starttls") as client:
            client.expect(220)
            client.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\n" + WHOLE_MESSAGE)
            self.assertRegex(client.rest(), rb"\A421 [^\r]*\r\n\Z")
        self.assert_nothing_came_for(VICTIM)


class EarlyTalkers(FrontDoor):
    @contextlib.contextmanager
    def all_smtpds_asleep(self):
        """What is sent meanwhile is there before the greeting, whoever is fast."""
        pids = [pid for role, pid in self.server.pids().items() if role.startswith("smtpd")]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def test_strangers_are_sent_away_and_the_office_is_forgiven(self):
        # Statement 16.
        with self.all_smtpds_asleep():
            stranger = self.enterContext(RawClient(self.server, "starttls", STRANGER))
            friend = self.enterContext(RawClient(self.server, "starttls"))
            for client in (stranger, friend):
                client.send(b"EHLO client.test\r\nNOOP\r\nQUIT\r\n")
        self.assertRegex(stranger.rest(), rb"\A554 5\.5\.0 [^\r]*\r\n\Z")
        friend.expect(220)
        for code in (250, 250, 221):
            friend.expect(code)

    def test_strangers_who_do_not_wait_for_a_reply_that_they_need_are_sent_away(self):
        # RFC 2920, 3.1: EHLO, AUTH and STARTTLS end a group of commands.
        for first, then in ((b"EHLO x\r\n", WHOLE_MESSAGE), (b"HELO x\r\n", b"NOOP\r\n"),
                            (b"EHLO x\r\n", b"STARTTLS\r\n")):
            with self.subTest(first + then), RawClient(self.server, "starttls", STRANGER) as client:
                client.expect(220)
                client.send(first + then)
                self.assertIn(b"554 5.5.0 ", client.rest())

    def test_clients_who_may_send_can_pipeline_what_the_rfc_allows(self):
        # Statement 15 (RFC 2920): in one packet, answered in order; behind a DATA that is refused commands go on.
        client = self.greeted()
        client.send(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<not a path\r\nRCPT TO:<e@f.test>\r\n"
                    b"DATA\r\n")
        for code in (250, 250, 501, 250, 354):
            client.expect(code)
        client.send(b"Subject: s\r\n\r\ntext\r\n.\r\n"
                    b"MAIL FROM:<a@b.test>\r\nRCPT TO:<not a path\r\nDATA\r\nNOOP\r\nQUIT\r\n")
        for code in (250, 250, 501, 554, 250, 221):
            client.expect(code)
        self.assertEqual(sorted(self.sink.wait_for(1)[0].recipients), ["c@d.test", "e@f.test"])


class SecondMessages(FrontDoor):
    HIDDEN = WHOLE_MESSAGE.removesuffix(b"\r\n.\r\n")
    LINE_ENDS = (b"\n", b"\r", b"\r\n", b"\r\r\n", b"\n\r", b"\0", b" \r\n", b"\x85", b"\xe2\x80\xa8")

    def ends_of_others(self):
        """What some server somewhere takes for the end of data, and what comes near it (statement 20)."""
        ends = [before + dot + behind for before in self.LINE_ENDS for dot in (b".", b"..", b".\0", b". ")
                for behind in self.LINE_ENDS]
        return [end for end in ends if b"\r\n.\r\n" not in end]

    def send_with_hidden(self, client, end, is_in_pieces):
        """The server is in step afterwards, or has hung up."""
        client.send(f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<carrier@elsewhere.test>\r\nDATA\r\n".encode())
        for code in (250, 250, 354):
            client.expect(code)
        client.send(b"Subject: carrier\r\n\r\ntext")
        for piece in [end[at:at + 1] for at in range(len(end))] if is_in_pieces else [end]:
            client.send(piece)
        client.send(self.HIDDEN + b"\r\n.\r\n")
        self.assertRegex(client.reply(), "^(250|5[0-9][0-9]) ")
        with contextlib.suppress(EOFError, ConnectionError):
            self.assertRegex(client.ask("NOOP"), "^250 ", "the session is out of step")

    def test_never_leave_a_first_one_whoever_sends_it_and_in_whatever_pieces(self):
        for who, open_client in (("a device", self.greeted), ("a login", self.logged_in)):
            client = None
            for number, (end, is_in_pieces) in enumerate(itertools.product(self.ends_of_others(), (False, True))):
                with self.subTest(who=who, end=end, is_in_pieces=is_in_pieces):
                    if number % ERRORS_FOR_FREE == 0:
                        if client:
                            client.close()
                        client = open_client()
                    self.send_with_hidden(client, end, is_in_pieces)
        self.assert_nothing_came_for(VICTIM)
        self.assertTrue(self.sink.messages)
        for message in self.sink.messages:  # and nothing that could end the data for anyone else went out
            for octet in (b"\r", b"\n", b"\0"):
                self.assertNotIn(octet, message.content.replace(b"\r\n", b""))

    def test_are_text_where_they_are_in_a_chunk(self):
        # Octets of a BDAT chunk have no end but their number: a dot alone is a line, and goes out as one (RFC 3030, 2).
        client = self.greeted()
        self.assertIn("CHUNKING", client.ask("EHLO client.test"))
        chunk = content.message(b"text\r\n.\r\n" + self.HIDDEN + b"\r\n.\r\n")
        for size in (len(chunk), 1, 7):
            with self.subTest(size):
                self.sink.clear()
                client.send(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<carrier@elsewhere.test>\r\n")
                client.expect(250)
                client.expect(250)
                for at in range(0, len(chunk), size):
                    piece = chunk[at:at + size]
                    client.send(b"BDAT %d\r\n" % len(piece) + piece)
                    client.expect(250)
                client.send(b"BDAT 0 LAST\r\n")
                client.expect(250)
                self.assertTrue(self.sink.wait_for_mail_to("carrier@elsewhere.test").content.endswith(chunk))
        self.assert_nothing_came_for(VICTIM)


class NamesOfClients(FrontDoor):
    def assert_no_line_was_invented(self, received, sent):
        """The only field above what was sent is one Received field, made of lines that we write."""
        added = content.fields_added(sent, received).split(b"\r\n")
        self.assertTrue(added[0].startswith(b"Received: "), added)
        self.assertEqual(added[-1], b"")
        for line in added[1:-1]:
            self.assertRegex(line, rb"^[ \t]")
        for line in added:
            self.assertRegex(line, rb"\A[\x20-\x7e\t]*\Z")
            self.assertLessEqual(len(line), 998)

    def test_in_ehlo_never_become_a_line_of_the_header(self):
        names = (b"x\rX-Invented: yes", b"x\nX-Invented: yes", b"x\n\n.\r", b"x\0y", b"x\ty", b"(x", b"x)(y", b"x\\",
                 b"<x>", b"x;y", b'"x', b"[x", b"=?utf-8?q?x=0AX-Invented:?=", b"\xff\xfe",
                 "bücher.test".encode(), b"x" * 255, b"x" * 256, b"x" * 1900,
                 b"by;with;id;for", b"a.b:25", b"-", b"::1", b"[IPv6:::1]")
        taken = 0
        for name in names:
            with self.subTest(name), RawClient(self.server) as client:
                client.expect(220)
                client.send(b"EHLO " + name + b"\r\n")
                if not client.reply().startswith("250"):
                    continue
                taken += 1
                sent = content.message()
                client.send(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<n%d@names.test>\r\nDATA\r\n" % taken)
                for code in (250, 250, 354):
                    client.expect(code)
                client.send(clients.stuffed(sent) + b".\r\n")
                client.expect(250)
                self.assert_no_line_was_invented(self.sink.wait_for_mail_to(f"n{taken}@names.test").content, sent)
        self.assertGreater(taken, 5)

    def test_in_auth_never_become_a_line_of_the_log_or_an_answer(self):
        seen = self.server.mark()
        for login in (f"{SENDER}\r\n2026-11-22T00:00:00.000Z queue invented id=1", "x\n\x1b[31m", f"{SENDER}\0",
                      "ü" * 300):
            client = self.greeted("starttls")
            client.ask("STARTTLS")
            client.shake_hands()
            client.ask("EHLO client.test")
            self.assertRegex(client.ask("AUTH PLAIN " + clients.plain(login, "wrong")), r"^5\d\d \S+ [ -~]+\r\n\Z")
            self.assertRegex(client.ask("NOOP"), "^250 ")
        self.assertEqual(self.server.lines("invented", since=seen), [])
        self.assertNotRegex(self.server.logfile.read_text(), "[\x00-\x09\x0b-\x1f]")

    def test_in_paths_never_become_a_line_of_the_header_or_a_command_to_the_next_hop(self):
        paths = (b"a\rb@c.test", b"a\nb@c.test", b'"a\\\rb"@c.test', b'"a\r\n b"@c.test',
                 b"a@c.test\rRCPT TO:<d@e.test>", b"a@c.test\nRCPT TO:<d@e.test>", b"a\0@c.test", b'"\\\n"@c.test',
                 b"a@c.test>\n<d@e.test")
        for command, path in itertools.product((b"MAIL FROM", b"RCPT TO"), paths):
            with self.subTest(command=command, path=path):
                client = self.greeted()
                if command == b"RCPT TO":
                    client.ask("MAIL FROM:<a@b.test>")
                client.send(command + b":<" + path + b">\r\n")
                self.assertRegex(client.reply(), "^50[0-9] ")


class Tls(FrontDoor):
    def test_is_1_2_or_newer(self):
        # Statement 24. OpenSSL's own lower limits are lifted for this client, or it would not even try.
        for version, is_taken in ((ssl.TLSVersion.TLSv1, False), (ssl.TLSVersion.TLSv1_1, False),
                                  (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
            with self.subTest(version.name):
                context = clients.tls_context(self.server)
                context.set_ciphers("DEFAULT:@SECLEVEL=0")
                context.minimum_version = context.maximum_version = version
                with clients.raw(self.server, "implicit") as client:
                    try:
                        with context.wrap_socket(client, server_hostname="localhost") as secured:
                            self.assertEqual(secured.recv(3), b"220")
                            was_taken = True
                    except (ssl.SSLError, ConnectionError):
                        was_taken = False
                    self.assertEqual(was_taken, is_taken)

    def test_sessions_are_taken_up_again_whichever_process_is_met(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = clients.tls_context(self.server)
            context.minimum_version = context.maximum_version = version
            session, resumed = None, 0
            for _ in range(10):
                with context.wrap_socket(clients.raw(self.server, "implicit"), server_hostname="localhost",
                                         session=session) as client:
                    client.sendall(b"EHLO x\r\nQUIT\r\n")
                    words = b""
                    while octets := client.recv(4096):  # OpenSSL resumes none that was not ended by close_notify
                        words += octets
                    self.assertRegex(words, rb"\A220 .*\r\n(250-.*\r\n)+250 .*\r\n221 .*\r\n\Z")
                    resumed += client.session_reused
                    session = client.session
            with self.subTest(version.name):
                self.assertEqual(resumed, 9)
