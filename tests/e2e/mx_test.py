"""Delivery by MX: a name server (dnsmasq) says where, and several hosts on loopback addresses are there, or are not."""

import unittest

import clients
import content
import postfix
from delivery_test import WithServer
from dns import NameServer
from harness import LOOPBACK, free_port, wait_until

FIRST, SECOND, THIRD, NOBODY, POSTFIX = (f"127.0.0.{n}" for n in (11, 12, 13, 14, 15))

HOSTS = {"mx1.test": FIRST, "mx2.test": SECOND, "mx3.test": THIRD, "dead.test": NOBODY, "implicit.test": SECOND,
         "mx.postfix.test": POSTFIX, "self.test": LOOPBACK, "smarthost.office.example.test": LOOPBACK}
MX = [("one.test", "mx1.test", 10),
      ("prefers-first.test", "mx2.test", 20), ("prefers-first.test", "mx1.test", 10),
      ("first-is-dead.test", "dead.test", 5), ("first-is-dead.test", "mx2.test", 10),
      ("first-is-dead.test", "mx3.test", 20),
      ("first-is-missing.test", "missing.test", 5), ("first-is-missing.test", "mx2.test", 10),
      ("all-are-missing.test", "missing.test", 5), ("all-are-missing.test", "gone.test", 6),
      ("loops.test", "self.test", 10), ("loops.test", "mx3.test", 20),
      ("postfix.test", "mx.postfix.test", 10),
      ("unknown-host.test", "host.elsewhere.example", 10)]


class ByMx(WithServer):
    @classmethod
    def setUpClass(cls):
        cls.names = cls.enterClassContext(NameServer(mx=MX, hosts=HOSTS, null_mx=["null.test"]))

    def setUp(self):
        """Three hosts, and a Postern that finds them by MX; reports come back by a route of their own."""
        self.smtp_port = free_port()
        self.first, self.second, self.third = (self.sink(host=host, port=self.smtp_port)
                                               for host in (FIRST, SECOND, THIRD))
        self.reports = self.sink()
        self.office = {"dns": {"resolvers": [self.names.address]}, "delivery": {"smtp_port": self.smtp_port},
                       "route": [{"via": f"smtp://{self.reports.address}", "recipient_domains": ["office.example"]},
                                 {"via": "mx"}]}

    def serve_office(self, **sections):
        return self.serve(**{**self.office, **sections})

    def test_the_best_preference_is_taken(self):
        self.serve_office()
        clients.submit(self.server, content.message(), ["a@prefers-first.test"])
        self.first.wait_for()
        self.assertEqual(self.second.connections, 0)

    def test_a_dead_or_missing_host_is_passed_over_for_the_next(self):
        self.serve_office()
        for domain in ("first-is-dead.test", "first-is-missing.test"):
            clients.submit(self.server, content.message(), [f"a@{domain}"])
            self.assertEqual(self.second.wait_for_mail_to(f"a@{domain}").reverse_path, clients.SENDER)
        self.assertEqual(self.third.connections, 0)

    def test_a_host_that_does_not_want_to_talk_is_passed_over_for_the_next(self):
        for greeting in ("421 4.3.2 not now", "554 5.3.2 not ever"):  # statement 66
            with self.subTest(greeting):
                self.first.answer = lambda step, argument: greeting if step == "greeting" else None
                with_server = self.serve_office()
                clients.submit(with_server, content.message(), ["a@prefers-first.test"])
                self.second.wait_for()
                self.second.clear()

    def test_a_domain_without_mx_is_its_own_host(self):
        self.serve_office()
        clients.submit(self.server, content.message(), ["a@implicit.test"])
        self.second.wait_for()  # statement 56

    def test_each_domain_of_a_message_gets_its_own_recipients(self):
        self.serve_office()
        sent = content.message()
        clients.submit(self.server, sent, ["a@one.test", "b@implicit.test", "c@one.test"])
        self.assertEqual(sorted(self.first.wait_for()[0].recipients), ["a@one.test", "c@one.test"])
        self.assertEqual(self.second.wait_for()[0].recipients, ["b@implicit.test"])
        content.fields_added(sent, self.second.messages[0].content)

    def test_what_can_never_be_delivered_comes_back_at_once(self):
        rows = {"null.test": "5.1.10",  # it takes no mail: RFC 7505
                "no-such-domain.test": "5.1.2",
                "all-are-missing.test": "5.4.4"}
        self.serve_office()
        for domain, status in rows.items():
            with self.subTest(domain):
                self.reports.clear()
                clients.submit(self.server, content.message(), [f"a@{domain}"])
                _, recipients = self.report_for_sender(self.reports)
                self.assertEqual(recipients[f"a@{domain}"]["Status"], status)
        self.assertEqual(self.first.connections + self.second.connections + self.third.connections, 0)

    def test_one_report_tells_of_all_and_the_others_get_their_mail(self):
        self.serve_office()
        clients.submit(self.server, content.message(), ["a@one.test", "b@null.test", "c@null.test"])
        self.first.wait_for_mail_to("a@one.test")
        _, recipients = self.report_for_sender(self.reports)
        self.assertEqual(sorted(recipients), ["b@null.test", "c@null.test"])  # statement 91
        wait_until(lambda: not self.server.queue(), "nothing waits")
        self.assertEqual(len(self.reports.messages), 1)

    def test_a_name_server_that_does_not_answer_bounces_nothing(self):
        self.serve_office()
        for domain in ("elsewhere.example", "unknown-host.test"):  # refused for the domain; for its host
            message_id = clients.submit(self.server, content.message(), [f"a@{domain}"])
            line = self.server.wait_for("deferred", id=message_id)
            self.assertIn("DNS gives no", line.text)
        self.assertEqual(self.reports.messages, [])

    def test_mail_never_loops_back_to_us(self):
        self.serve_office(listener=[{"address": f"{LOOPBACK}:{self.smtp_port}", "tls": "none", "auth": "none"}])
        self.server.ports["clear"] = self.smtp_port
        clients.submit(self.server, content.message(), ["a@loops.test"])
        _, recipients = self.report_for_sender(self.reports)
        self.assertEqual(recipients["a@loops.test"]["Status"], "5.4.6")  # statement 59
        self.assertEqual(self.third.connections, 0)  # worse than ourselves: never tried

    def test_private_addresses_are_not_spoken_to_unless_it_is_allowed(self):
        self.serve_office(delivery={"smtp_port": self.smtp_port, "deliver_to_private": False})
        message_id = clients.submit(self.server, content.message(), ["a@one.test"])
        wait_until(lambda: [line for line in self.server.story(message_id) if line.event in ("deferred", "bounced")],
                   self.server.tail)
        self.assertEqual(self.first.connections, 0)  # statement 61

    @unittest.skipIf(postfix.why_not(), postfix.why_not())
    def test_postfix_gets_its_mail_under_tls(self):
        self.serve_office()
        certificate = self.server.certificates.make("mx", "DNS:mx.postfix.test", trusted=False)
        with postfix.Postfix(certificate, address=POSTFIX, port=self.smtp_port) as host:
            sent = content.message()
            message_id = clients.submit(self.server, sent, ["bob@postfix.test", "nobody@postfix.test"])
            added = content.fields_added(sent, host.wait_for_mail("bob")[0])
            self.assertIn(b"with ESMTPS id", added)  # opportunistic: whatever the certificate says
            _, recipients = self.report_for_sender(self.reports)
            self.assertEqual(recipients["nobody@postfix.test"]["Status"], "5.1.1")
            self.assertIn("mx.postfix.test", recipients["nobody@postfix.test"]["Remote-MTA"])
            self.assertIn("TLSv1", self.server.wait_for("delivered", id=message_id).text)
