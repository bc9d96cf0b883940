"""Every way a relayhost can behave: the mail arrives, or its sender is told, or it waits; it is never lost."""

import email
import email.policy
import unittest

import clients
import content
import postfix
from clients import RECIPIENT, SENDER
from harness import LOOPBACK, OFFICE, Postern, free_port, wait_until
from sink import DROP, Sink, at_first


def sent_to(recipient):
    return lambda message: recipient in message.recipients


class WithServer(unittest.TestCase):
    def serve(self, *via, **sections):
        """A Postern whose relayhosts are `via`, or whose routes stand in the sections."""
        if via:
            sections["route"] = [{"via": list(via)}]
        self.server = self.enterContext(Postern(**sections))
        return self.server

    def sink(self, **options):
        return self.enterContext(Sink(**options))

    def report_for_sender(self, sink, patience=30):
        """The report that comes back to the sender, parsed, and its machine-readable fields a recipient."""
        message = sink.wait_for_mail_to(SENDER, patience)
        self.assertEqual(message.reverse_path, "")  # never bounced itself (statement 84)
        report = email.message_from_bytes(message.content, policy=email.policy.default)
        self.assertEqual(report.get_content_type(), "multipart/report")
        self.assertEqual(report.get_param("report-type"), "delivery-status")
        self.assertEqual(report["Auto-Submitted"], "auto-replied")
        self.assertIn(f"MAILER-DAEMON@{OFFICE}", report["From"])
        self.assertIn(SENDER, report["To"])
        self.assertTrue(report["Date"] and report["Message-ID"] and report["Subject"])
        text, status, original = report.get_payload()
        self.assertEqual(text.get_content_type(), "text/plain")
        self.assertEqual(status.get_content_type(), "message/delivery-status")
        self.assertIn(original.get_content_type(), ("text/rfc822-headers", "message/rfc822"))
        self.assertIn("Subject: Proof ", original.as_string())
        of_message, *of_recipients = status.get_payload()
        self.assertEqual(of_message["Reporting-MTA"], f"dns; {OFFICE}")
        return report, {fields["Final-Recipient"].partition(";")[2].strip(): fields for fields in of_recipients}


class Recipients(WithServer):
    def test_get_what_the_relayhost_says_about_each_of_them(self):
        later = at_first(1, "451 4.2.1 mailbox busy, later", step="rcpt")

        def answer(step, argument):
            if step != "rcpt":
                return None
            if argument == never:
                return "550 5.1.1 no such mailbox here"
            return later(step, argument) if argument == later_on else None
        now, later_on, never = ("now@elsewhere.test", "later@elsewhere.test", "never@elsewhere.test")
        sink = self.sink(answer=answer)
        server = self.serve(f"smtp://{sink.address}")
        sent = content.message()
        message_id = clients.submit(server, sent, [now, later_on, never])  # statement 68

        first, second = sink.wait_for_mail_to(now), sink.wait_for_mail_to(later_on)
        self.assertEqual((first.recipients, second.recipients), ([now], [later_on]))
        for message in (first, second):
            content.fields_added(sent, message.content)
        report, recipients = self.report_for_sender(sink)
        self.assertEqual(list(recipients), [never])
        self.assertEqual((recipients[never]["Action"], recipients[never]["Status"]), ("failed", "5.1.1"))
        self.assertIn("no such mailbox here", recipients[never]["Diagnostic-Code"])
        self.assertIn(LOOPBACK, recipients[never]["Remote-MTA"])
        self.assertIn("no such mailbox here", " ".join(report.get_payload(0).get_content().split()))

        server.wait_for("delivered", id=message_id, to=later_on)
        for event, recipient in (("delivered", now), ("deferred", later_on), ("bounced", never)):
            told = [line.text for line in server.story(message_id) if line.event == event]
            self.assertTrue(any(recipient in text for text in told), f"{event} {recipient}\n{server.tail()}")

    def test_are_tried_again_after_a_greylisting(self):
        sink = self.sink(answer=at_first(1, "451 4.7.1 greylisted, come back", step="rcpt"))
        server = self.serve(f"smtp://{sink.address}")
        sent = content.message()
        message_id = clients.submit(server, sent)
        content.fields_added(sent, sink.wait_for()[0].content)
        self.assertIn("greylisted, come back", server.wait_for("deferred", id=message_id).text)
        self.assertEqual(len(sink.messages), 1)

    def test_beyond_what_the_relayhost_takes_at_once_go_in_another_transaction(self):
        taken = []

        def answer(step, argument):
            if step == "mail":
                taken.clear()
            if step == "rcpt":
                taken.append(argument)
                return "452 4.5.3 too many" if len(taken) > 3 else None
            return None
        sink = self.sink(answer=answer)
        server = self.serve(f"smtp://{sink.address}")
        several = [f"user{i}@elsewhere.test" for i in range(8)]
        clients.submit(server, content.message(), several)  # statement 69
        wait_until(lambda: sorted(r for m in sink.messages for r in m.recipients) == several, "all have it")

    def test_of_content_that_is_refused_get_a_report_and_of_a_report_none(self):
        def answer(step, argument):
            is_report = step == "dot" and b"multipart/report" in argument
            return "554 5.6.0 not this" if step == "dot" and not is_report else None
        sink = self.sink(answer=answer)
        server = self.serve(f"smtp://{sink.address}")
        clients.submit(server, content.message())
        _, recipients = self.report_for_sender(sink)
        self.assertEqual(recipients[RECIPIENT]["Status"], "5.6.0")

        bounce = clients.submit(server, content.message(), sender="")  # statement 85
        wait_until(lambda: not server.queue(), "nothing waits")
        self.assertEqual(len(sink.messages), 1)
        self.assertTrue(any("5.6.0" in line.text for line in server.story(bounce)))


class Connections(WithServer):
    def test_that_break_at_any_step_lose_nothing(self):
        for step in ("greeting", "ehlo", "mail", "rcpt", "data", "dot"):
            for reply in (DROP, "421 4.3.2 going down"):
                with self.subTest(step=step, reply=reply), Sink(answer=at_first(1, reply, step=step)) as sink:
                    with Postern(route=[{"via": f"smtp://{sink.address}"}]) as server:
                        sent = content.message(size=1000)
                        clients.submit(server, sent)
                        self.assertTrue(content.is_whole(sink.wait_for()[0].content))
                        wait_until(lambda: not server.queue(), "nothing waits")
                        self.assertEqual({content.name_in(m.content) for m in sink.messages}, {content.name_in(sent)})

    def test_go_to_the_next_relayhost_where_one_is_down(self):
        second = self.sink()
        server = self.serve(f"smtp://{LOOPBACK}:{free_port()}", f"smtp://{second.address}")
        clients.submit(server, content.message())
        second.wait_for()

    def test_follow_the_first_route_that_matches(self):
        one, other = self.sink(), self.sink()
        server = self.serve(route=[{"via": f"smtp://{one.address}", "recipient_domains": ["one.test"]},
                                   {"via": f"smtp://{other.address}"}])
        clients.submit(server, content.message(), ["a@one.test", "b@two.test"])
        self.assertEqual(one.wait_for()[0].recipients, ["a@one.test"])
        self.assertEqual(other.wait_for()[0].recipients, ["b@two.test"])

    def test_are_used_again_for_many_messages(self):
        sink = self.sink()
        server = self.serve(f"smtp://{sink.address}", delivery={"connections": 2})
        for _ in range(30):
            clients.submit(server, content.message(size=300))
        sink.wait_for(30)
        self.assertLess(sink.connections, 30)  # statement 80


class Relayhosts(WithServer):
    """Password and certificate: what is wrong there is the route's fault, and bounces nothing."""

    def setUp(self):
        self.server = Postern()
        self.addCleanup(self.server.close)
        make = self.server.certificates.make
        self.good = make("relay", f"IP:{LOOPBACK}", "DNS:relay.test")
        self.other_name = make("other", "DNS:other.test")
        self.self_signed = make("self", f"IP:{LOOPBACK}", trusted=False)
        self.password = self.server.folder / "relay.password"
        self.password.write_text("right\n")
        self.password.chmod(0o600)

    def route(self, sink, scheme="smtp+starttls", login="office"):
        route = {"via": f"{scheme}://{sink.address}"}
        if login:
            route.update(user=login, password_file=str(self.password))
        self.server.configure(route=[route])

    def assert_waits_and_then_goes(self, sink, repair, *, log):
        """A message waits, with the trouble shown; nothing is sent or bounced; after `repair` it goes at once."""
        sent = content.message()
        message_id = clients.submit(self.server, sent)
        shown = wait_until(lambda: self.listed(message_id, log), lambda: f"{log} listed\n{self.server.tail()}")
        self.assertEqual(sink.messages, [])
        self.assertTrue([line for line in self.server.log() if line.level == "ERROR" and log in line.text],
                        self.server.tail())
        self.assertNotIn("bounced", [line.event for line in self.server.log()], shown)

        repair()
        self.server.reload()
        self.server.command("queue", "flush", "--all")
        message = sink.wait_for()[0]
        content.fields_added(sent, message.content)
        self.assertEqual(self.server.lines("bounced"), [])
        return message

    def listed(self, message_id, words):
        """`postern queue list`, once it names the message and the trouble."""
        listed = self.server.command("queue", "list").stdout
        shown = self.server.command("queue", "show", message_id, check=False).stdout
        return message_id in listed and words in shown and listed

    def test_take_our_login_under_starttls_and_implicit_tls(self):
        for scheme in ("smtp+starttls", "smtps"):
            with self.subTest(scheme), Sink(certificate=self.good, implicit_tls=scheme == "smtps",
                                            passwords={"office": "right"}) as sink:
                self.route(sink, scheme)
                self.server.reload() if self.server.is_running() else self.server.start()
                clients.submit(self.server, content.message())
                message = sink.wait_for()[0]
                self.assertEqual((message.login, message.has_tls), ("office", True))

    def test_that_refuse_our_password_pause_the_route_until_it_is_corrected(self):
        sink = self.sink(certificate=self.good, passwords={"office": "corrected"})
        self.route(sink)
        self.server.start()
        message = self.assert_waits_and_then_goes(sink, lambda: self.password.write_text("corrected\n"),
                                                  log="no such login")
        self.assertEqual(message.login, "office")
        self.assertNotIn("corrected", self.server.logfile.read_text())

    def test_with_a_certificate_that_cannot_be_trusted_get_nothing(self):
        rows = {"signed by nobody we know": self.self_signed, "of another name": self.other_name}
        for why, certificate in rows.items():
            with self.subTest(why), Sink(certificate=certificate, passwords={"office": "right"}) as wrong, \
                    Sink(certificate=self.good, passwords={"office": "right"}) as right:
                self.route(wrong)
                self.server.reload() if self.server.is_running() else self.server.start()
                self.assert_waits_and_then_goes(right, lambda: self.route(right), log="TLS")
                self.assertEqual((wrong.logins, wrong.messages), ([], []))  # statement 77

    def test_without_starttls_get_nothing_where_it_is_required(self):
        plain = self.sink()
        right = self.sink(certificate=self.good)
        self.route(plain, login=None)
        self.server.start()
        self.assert_waits_and_then_goes(right, lambda: self.route(right, login=None), log="STARTTLS")
        self.assertEqual(plain.messages, [])  # statement 76


class Patience(WithServer):
    def test_ends_with_a_report_to_the_sender_and_before_it_one_warning(self):
        # Postern looks for what is late every 10 s, so the two times must lie on both sides of such a moment.
        def answer(step, argument):
            return "451 4.3.0 not today" if step == "rcpt" and argument == RECIPIENT else None
        sink = self.sink(answer=answer)
        self.serve(f"smtp://{sink.address}", queue={"warn_after": "2s", "expire": "12s"})
        message_id = clients.submit(self.server, content.message())

        warning, recipients = self.report_for_sender(sink)
        self.assertEqual((recipients[RECIPIENT]["Action"], recipients[RECIPIENT]["Status"]), ("delayed", "4.3.0"))
        self.assertIn("not today", recipients[RECIPIENT]["Diagnostic-Code"])
        self.assertTrue(recipients[RECIPIENT]["Will-Retry-Until"])
        sink.clear()

        failure, recipients = self.report_for_sender(sink)
        self.assertEqual(recipients[RECIPIENT]["Action"], "failed")
        self.assertEqual(recipients[RECIPIENT]["Status"][:2], "4.")
        self.assertIn("not today", failure.get_payload(0).get_content())
        wait_until(lambda: not self.server.queue(), "nothing waits")
        self.assertEqual(len(sink.messages), 1)  # one warning, one failure (statement 91)
        self.assertTrue(self.server.story(message_id))


@unittest.skipIf(postfix.why_not(), postfix.why_not())
class Postfix(WithServer):
    @classmethod
    def setUpClass(cls):
        cls.office = Postern()
        cls.certificate = cls.office.certificates.make("mx", f"IP:{LOOPBACK}", "DNS:mx.postfix.test")
        cls.postfix = cls.enterClassContext(postfix.Postfix(cls.certificate))

    def test_takes_mail_as_a_relayhost_under_every_kind_of_tls(self):
        for scheme, port in (("smtp", self.postfix.port),  # opportunistic: it offers STARTTLS
                             ("smtp+starttls", self.postfix.port),
                             ("smtps", self.postfix.tls_port)):
            with self.subTest(scheme):
                before = len(self.postfix.mailbox("bob"))
                with Postern(route=[{"via": f"{scheme}://{LOOPBACK}:{port}"}],
                             delivery={"tls_ca_file": str(self.office.certificates.authority)}) as server:
                    sent = content.message(content.lines_of_text(400 * 1024, seed=before))
                    clients.submit(server, sent, ["bob@postfix.test"])
                    self.postfix.wait_for_mail("bob", before + 1)
                arrived, = (mail for mail in self.postfix.mailbox("bob")
                            if content.name_in(mail) == content.name_in(sent))
                self.assertIn(b"with ESMTPS id", content.fields_added(sent, arrived))

    def test_refuses_an_unknown_user_and_the_sender_is_told_in_its_words(self):
        sink = self.sink()
        server = self.serve(route=[{"via": f"smtp://{sink.address}", "recipient_domains": ["office.example"]},
                                   {"via": f"smtp://{LOOPBACK}:{self.postfix.port}"}])
        sent = content.message()
        clients.submit(server, sent, ["carol@postfix.test", "nobody@postfix.test"])
        content.fields_added(sent, self.postfix.wait_for_mail("carol")[0])
        _, recipients = self.report_for_sender(sink)
        self.assertEqual(list(recipients), ["nobody@postfix.test"])
        self.assertEqual(recipients["nobody@postfix.test"]["Status"], "5.1.1")
        self.assertIn("User unknown in virtual mailbox table", recipients["nobody@postfix.test"]["Diagnostic-Code"])
