"""What a sender asks to be told (DSN, RFC 3461), and international addresses (SMTPUTF8, RFC 6531), from submission to
the next hop: kept, passed on to one that announces it, answered by us for one that does not."""

import email
import email.policy
import unittest

import clients
import content
from clients import SENDER, expect
from harness import OFFICE, Postern, wait_until
from sink import Sink

ALL = "NOTIFY=SUCCESS,FAILURE,DELAY"
REFUSED = "refused@elsewhere.test"
INTERNATIONAL = "jörg@elsewhere.test"


def refuse(step, argument):
    return "550 5.1.1 no such mailbox here" if step == "rcpt" and argument.startswith("refused") else None


def submit(server, sent, recipients, *mail_parameters, sender=SENDER):
    """A message by its commands. `recipients`: path to parameters."""
    with clients.connect(server) as client:
        def command(text):
            client.sock.sendall(f"{text}\r\n".encode())
            return expect(client.getreply(), 250)
        command(" ".join([f"MAIL FROM:<{sender}>", *mail_parameters]))
        for path, parameters in recipients.items():
            command(f"RCPT TO:<{path}> {parameters}".strip())
        return clients.id_in(clients.send_content(client, sent))


class Report:
    """A report as a mail program reads it."""

    def __init__(self, message):
        self.raw = message.content
        self.parameters = message.mail_parameters
        report = email.message_from_bytes(message.content, policy=email.policy.default)
        text, status, self.returned = report.get_payload()
        self.text = text.get_content()
        self.status_type = status.get_content_type()
        self.of_message, *fields = status.get_payload()
        self.of_recipients = {one["Final-Recipient"].partition(";")[2].strip(): one for one in fields}

    def actions(self):
        return {recipient: fields["Action"] for recipient, fields in self.of_recipients.items()}


class WithNextHop(unittest.TestCase):
    def serve(self, *keywords, **sections):
        self.sink = self.enterContext(Sink(keywords=keywords, answer=refuse))
        self.server = self.enterContext(Postern(route=[{"via": f"smtp://{self.sink.address}"}], **sections))
        return self.server

    def reports(self, count, to=SENDER):
        """All reports that `to` got, once there are as many, and nothing waits that could become another."""
        found = self.sink.wait_for(count, matches=lambda message: to in message.recipients)
        wait_until(lambda: not self.server.queue(), "nothing waits")
        self.assertEqual(len([m for m in self.sink.messages if to in m.recipients]), count)
        for message in found:
            self.assertEqual(message.reverse_path, "")
        return [Report(message) for message in found]


class Dsn(WithNextHop):
    def test_is_passed_on_to_a_hop_with_dsn_exactly_as_it_came(self):
        self.serve("DSN")
        bob, carol, dave = "bob@elsewhere.test", "carol@elsewhere.test", "dave@elsewhere.test"
        submit(self.server, content.message(), {
            bob: f"{ALL} ORCPT=rfc822;Bob+2Bx@Elsewhere.test",
            carol: "NOTIFY=NEVER",
            dave: "",
        }, "RET=FULL", "ENVID=QQ+2B314")
        message = self.sink.wait_for()[0]
        wait_until(lambda: not self.server.queue(), "nothing waits")
        self.assertLessEqual({"RET=FULL", "ENVID=QQ+2B314"}, set(message.mail_parameters))
        self.assertEqual(message.rcpt_parameters, {
            bob: [ALL, "ORCPT=rfc822;Bob+2Bx@Elsewhere.test"],
            carol: ["NOTIFY=NEVER", f"ORCPT=rfc822;{carol}"],
            dave: [],
        })
        self.assertEqual(len(self.sink.messages), 1)  # the hop tells of the success, not we (statement 87)

    def test_is_answered_for_a_hop_without_dsn(self):
        self.serve()
        bob, carol, dave = "bob@elsewhere.test", "carol@elsewhere.test", "dave@elsewhere.test"
        submit(self.server, content.message(), {
            bob: f"{ALL} ORCPT=rfc822;Bob+2Bx@Elsewhere.test",
            carol: "NOTIFY=SUCCESS",
            dave: "NOTIFY=FAILURE",
        }, "RET=FULL", "ENVID=QQ+2B314")
        report, = self.reports(1)  # one for both (statement 91)
        self.assertEqual(report.actions(), {bob: "relayed", carol: "relayed"})
        self.assertEqual(report.of_recipients[bob]["Original-Recipient"], "rfc822;Bob+x@Elsewhere.test")
        self.assertEqual(report.of_message["Original-Envelope-Id"], "QQ+314")
        self.assertEqual(report.returned.get_content_type(), "text/rfc822-headers")
        delivered = next(m for m in self.sink.messages if bob in m.recipients)
        said = delivered.mail_parameters + sum(delivered.rcpt_parameters.values(), [])
        self.assertFalse([word for word in said if word.split("=")[0] in ("RET", "ENVID", "NOTIFY", "ORCPT")])

    def test_decides_who_hears_of_a_failure_and_how_much_comes_back(self):
        self.serve()
        rows = {  # statements 86 and 89
            "nothing was asked": ("", (), "message/rfc822"),
            "RET=HDRS": ("NOTIFY=FAILURE", ("RET=HDRS",), "text/rfc822-headers"),
            "RET=FULL": (ALL, ("RET=FULL",), "message/rfc822"),
            "NEVER": ("NOTIFY=NEVER", (), None),
            "SUCCESS alone": ("NOTIFY=SUCCESS", (), None),
        }
        for why, (notify, mail_parameters, returned) in rows.items():
            with self.subTest(why):
                self.sink.clear()
                sent = content.message()
                message_id = submit(self.server, sent, {REFUSED: notify}, *mail_parameters)
                line = self.server.wait_for("bounced", id=message_id, to=REFUSED)
                if returned is None:
                    self.assertEqual(line["report"], "unwanted")
                    wait_until(lambda: not self.server.queue(), "nothing waits")
                    self.assertEqual(self.sink.messages, [])
                    continue
                report, = self.reports(1)
                self.assertEqual(report.actions(), {REFUSED: "failed"})
                self.assertEqual(report.returned.get_content_type(), returned)
                is_whole = sent.partition(b"\r\n\r\n")[2] in report.raw
                self.assertEqual(is_whole, returned == "message/rfc822")

    def test_asks_for_no_warning_where_delay_is_not_wanted(self):
        self.sink = self.enterContext(Sink(answer=lambda step, _: "451 4.3.0 later" if step == "rcpt" else None))
        self.server = self.enterContext(Postern(route=[{"via": f"smtp://{self.sink.address}"}],
                                                queue={"warn_after": "1s"}))
        bob, carol = "bob@elsewhere.test", "carol@elsewhere.test"
        submit(self.server, content.message(), {bob: "NOTIFY=DELAY", carol: "NOTIFY=FAILURE"})
        self.server.wait_for("warned")
        self.sink.answer = lambda step, argument: None
        report = Report(self.sink.wait_for_mail_to(SENDER))
        self.assertEqual(report.actions(), {bob: "delayed"})

    def test_survives_a_restart(self):
        self.serve("DSN")
        self.sink.answer = lambda step, _: "451 4.3.0 later" if step == "mail" else None
        message_id = submit(self.server, content.message(), {"bob@elsewhere.test": ALL}, "ENVID=QQ314")
        self.server.wait_for("deferred", id=message_id)
        self.server.kill_all()
        self.sink.answer = lambda step, argument: None
        self.server.start()
        message = self.sink.wait_for()[0]
        self.assertIn("ENVID=QQ314", message.mail_parameters)
        self.assertIn(ALL, message.rcpt_parameters["bob@elsewhere.test"])


class International(WithNextHop):
    HEADER = "X-Greeting: grüß dich\r\n".encode()

    def test_mail_goes_to_a_hop_with_smtputf8(self):
        self.serve("SMTPUTF8", "DSN")
        sent = content.message(header=self.HEADER)
        submit(self.server, sent, {INTERNATIONAL: "NOTIFY=SUCCESS"}, "SMTPUTF8")
        message = self.sink.wait_for()[0]
        self.assertIn("SMTPUTF8", message.mail_parameters)
        self.assertEqual(message.rcpt_parameters,
                         {INTERNATIONAL: ["NOTIFY=SUCCESS", "ORCPT=utf-8;j\\x{F6}rg@elsewhere.test"]})
        content.fields_added(sent, message.content)

    def test_mail_that_needs_it_comes_back_where_no_hop_has_it(self):
        self.serve()
        submit(self.server, content.message(header=self.HEADER), {INTERNATIONAL: ""}, "SMTPUTF8")  # statement 74
        report, = self.reports(1)
        self.assertNotIn("SMTPUTF8", report.parameters)
        self.assertTrue(report.raw.isascii())  # so that it arrives at a sender whose server has no SMTPUTF8 either
        fields, = report.of_recipients.values()
        self.assertEqual((fields["Action"], fields["Status"]), ("failed", "5.6.7"))
        self.assertEqual(fields["Final-Recipient"], "utf-8; j\\x{F6}rg@elsewhere.test")
        self.assertIn(INTERNATIONAL, report.text)
        self.assertEqual(report.returned.get_content_type(), "message/global-headers")

    def test_mail_that_does_not_need_it_goes_everywhere(self):
        self.serve()
        submit(self.server, content.message(), {"bob@elsewhere.test": ""}, "SMTPUTF8")  # statement 74
        self.assertNotIn("SMTPUTF8", self.sink.wait_for()[0].mail_parameters)

    def test_senders_are_told_by_a_report_that_needs_it_too(self):
        self.serve("SMTPUTF8")
        sender = "zoë@office.example"
        submit(self.server, content.message(), {"refused@elsewhere.test": ""}, "SMTPUTF8", sender=sender)
        report, = self.reports(1, to=sender)
        self.assertIn("SMTPUTF8", report.parameters)
        self.assertEqual(report.status_type, "message/global-delivery-status")
        self.assertIn(f"To: <{sender}>\r\n".encode(), report.raw)
        self.assertEqual(report.of_message["Reporting-MTA"], f"dns; {OFFICE}")
