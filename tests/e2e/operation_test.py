"""What an administrator does: users, reload, certificates, the queue's commands, start and stop."""

import os
import socket
import ssl
import time
import unittest

import clients
import content
from clients import RECIPIENT, SENDER
from harness import LOOPBACK, OFFICE, Postern, free_port, is_root, toml, wait_until
from sink import Sink


class Operation(unittest.TestCase):
    def serve(self, **sections):
        self.sink = self.enterContext(Sink())
        sections.setdefault("route", [{"via": f"smtp://{self.sink.address}"}])
        self.server = self.enterContext(Postern(**sections))
        return self.server

    def hold_mail(self):
        """From now on the sink defers everything."""
        self.sink.answer = lambda step, argument: "451 4.3.0 later" if step == "rcpt" else None

    def may_log_in(self, password, login=SENDER):
        with clients.connect(self.server, "implicit") as client:
            return client.docmd("AUTH", "PLAIN " + clients.plain(login, password))[0] == 235


class Users(Operation):
    def test_added_changed_and_removed_while_it_runs_take_effect_at_once(self):
        server = self.serve()
        self.assertFalse(self.may_log_in("a password of nobody"))
        password = server.add_user()
        self.assertTrue(self.may_log_in(password))
        server.command("user", "passwd", SENDER, "--password-stdin", input="another password\n")
        self.assertFalse(self.may_log_in(password))
        self.assertTrue(self.may_log_in("another password"))
        self.assertIn(SENDER, server.command("user", "list").stdout)
        server.command("user", "remove", SENDER)
        self.assertFalse(self.may_log_in("another password"))
        self.assertNotIn(SENDER, server.command("user", "list").stdout)

    def test_get_a_generated_password_that_works(self):
        server = self.serve()
        shown = server.command("user", "add", SENDER, "--generate").stdout
        self.assertTrue(any(self.may_log_in(word) for word in shown.split() if len(word) >= 12), shown)
        self.assertNotIn("SCRAM", shown)

    def test_are_kept_without_anything_to_read_a_password_from(self):
        server = self.serve()
        password = server.add_user()
        users = server.folder / "users"
        self.assertNotIn(password, users.read_text())
        self.assertIn("SCRAM-SHA-256$", users.read_text())
        self.assertEqual(users.stat().st_mode & 0o137, 0)  # at most 0640


class Reload(Operation):
    def test_takes_on_a_new_route_for_mail_that_is_already_queued(self):
        server = self.serve()
        self.hold_mail()
        sent = content.message()
        message_id = clients.submit(server, sent)
        server.wait_for("deferred", id=message_id)
        with Sink() as other:
            server.configure(route=[{"via": f"smtp://{other.address}"}])
            server.reload()
            server.command("queue", "flush", "--all")
            content.fields_added(sent, other.wait_for()[0].content)  # statement 51

    def test_with_a_broken_configuration_says_why_and_keeps_the_old_one(self):
        server = self.serve()
        good = toml(server.config)
        for broken in ('hostname = "unfinished\n', good.replace("mynetworks", "mynetwork"),
                       good.replace(f"{LOOPBACK}/32", "0.0.0.0/0")):
            server.write_config(broken)
            line = server.reload("reload-refused")
            self.assertEqual(line.level, "ERROR")
            self.assertRegex(line["why"], r"postern\.toml:\d+:\d+")
            clients.submit(server, content.message())
        self.sink.wait_for(3)
        with clients.connect(server, source="127.0.0.2") as client:
            self.assertNotEqual(client.mail(SENDER)[0], 250)

    def test_changes_networks_and_listeners_without_losing_a_session(self):
        server = self.serve()
        with clients.connect(server) as client:
            client.mail(SENDER)
            new_port = free_port()
            server.configure(access={"mynetworks": ["127.0.0.2/32"]},
                             listener=[*server.config["listener"],
                                       {"address": f"{LOOPBACK}:{new_port}", "tls": "none", "auth": "none"}])
            server.reload()
            clients.expect(client.rcpt(RECIPIENT), 250)
            clients.send_content(client, content.message())
        self.sink.wait_for()
        server.ports["clear"] = new_port

        def now_applies():
            with clients.connect(server, source="127.0.0.2") as client:
                return client.mail(SENDER)[0] == 250
        wait_until(now_applies, server.tail)
        with clients.connect(server) as client:
            self.assertNotEqual(client.mail(SENDER)[0], 250)


class Certificates(Operation):
    def shown(self):
        """The certificate that clients are shown, in its binary form."""
        with socket.create_connection((LOOPBACK, self.server.ports["implicit"]), 10) as connection:
            with clients.tls_context(self.server).wrap_socket(connection, server_hostname="localhost") as secured:
                return secured.getpeercert(True)

    def renew(self):
        self.server.certificates.make("server", f"DNS:{OFFICE}", "DNS:localhost", f"IP:{LOOPBACK}")
        return ssl.PEM_cert_to_DER_cert(self.server.certificate.read_text())

    def test_that_are_renewed_are_taken_on_by_sighup(self):
        self.serve()
        before = self.shown()
        after = self.renew()
        self.assertNotEqual(before, after)
        self.server.reload()
        wait_until(lambda: self.shown() == after, self.server.tail)

    def test_that_are_renewed_are_noticed_without_being_told(self):
        self.serve()
        after = self.renew()
        self.server.wait_for("certificate-renewed")
        wait_until(lambda: self.shown() == after, self.server.tail)

    def test_that_are_broken_are_refused_and_the_old_one_stays(self):
        self.serve()
        before = self.shown()
        self.server.certificate.write_text("no certificate\n")
        self.server.reload("reload-refused")
        self.assertEqual(self.shown(), before)


class Queue(Operation):
    def setUp(self):
        self.serve(queue={"first_retry": "1h", "max_retry": "1h"})
        self.hold_mail()

    def defer(self, recipient=RECIPIENT):
        message_id = clients.submit(self.server, content.message(), [recipient])
        self.server.wait_for("deferred", id=message_id)
        return message_id

    def test_is_listed_shown_flushed_and_deleted(self):
        one, two = self.defer("one@elsewhere.test"), self.defer("two@elsewhere.test")
        self.assertEqual({message["id"] for message in self.server.queue()}, {one, two})
        listed = self.server.command("queue", "list").stdout
        for words in (one, two, SENDER):
            self.assertIn(words, listed)
        shown = self.server.command("queue", "show", one).stdout
        for words in ("one@elsewhere.test", "451", "later", "Subject: Proof "):
            self.assertIn(words, shown)

        self.server.command("queue", "delete", two)
        self.assertEqual([message["id"] for message in self.server.queue()], [one])
        self.assertTrue(self.server.lines("deleted", id=two))
        self.sink.answer = lambda step, argument: None
        self.server.command("queue", "flush", one)  # statement 83
        self.sink.wait_for()
        wait_until(lambda: not self.server.queue(), "nothing waits")
        self.assertEqual([message.recipients for message in self.sink.messages], [["one@elsewhere.test"]])

    def test_says_what_is_wrong_with_a_command(self):
        for arguments in (("show", "0000000000000"), ("delete", "0000000000000"), ("show", "nonsense"), ("delete",)):
            with self.subTest(arguments):
                done = self.server.command("queue", *arguments, check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertTrue(done.stderr.strip())

    def test_keeps_deletions_and_waiting_mail_over_a_restart(self):
        kept, deleted = self.defer("kept@elsewhere.test"), self.defer("deleted@elsewhere.test")
        self.server.command("queue", "delete", deleted)
        self.server.kill_all()
        self.server.start()
        self.assertEqual([message["id"] for message in self.server.queue()], [kept])


class Stop(Operation):
    def begin(self, client, recipient):
        """A transaction whose content is on its way; answers what is still to come."""
        client.mail(SENDER)
        client.rcpt(recipient)
        clients.expect(client.docmd("DATA"), 354)
        sent = clients.stuffed(content.message(size=20_000)) + b".\r\n"
        client.sock.sendall(sent[:10_000])
        return sent[10_000:]

    def test_lets_a_transaction_finish_and_sends_the_idle_away(self):
        server = self.serve()
        busy, idle = clients.connect(server), clients.connect(server)
        rest = self.begin(busy, "busy@elsewhere.test")
        seen = server.mark()
        server.process.terminate()
        asked = time.monotonic()
        server.wait_for("stopping", since=seen)
        busy.sock.sendall(rest)
        code, words = busy.getreply()
        self.assertIn(code, (250, 421), words)
        self.assertEqual(idle.getreply()[0], 421)  # statement 94
        self.assertEqual(server.process.wait(15), 0, server.tail())
        self.assertLess(time.monotonic() - asked, 10)
        server.start()
        if code == 250:
            self.sink.wait_for_mail_to("busy@elsewhere.test")

    def test_takes_at_most_ten_seconds_where_a_client_never_finishes(self):
        server = self.serve()
        clients_that_hang = [clients.connect(server) for _ in range(3)]
        for number, client in enumerate(clients_that_hang):
            self.begin(client, f"hangs{number}@elsewhere.test")
        _, took = server.stop()
        self.assertLess(took, 10, server.tail())

    def test_takes_at_most_ten_seconds_where_a_next_hop_never_answers(self):
        server = self.serve()
        self.sink.answer = lambda step, argument: "say nothing more" if step == "data" else None
        sent = content.message()
        clients.submit(server, sent)
        wait_until(lambda: self.sink.connections, "it is tried")
        _, took = server.stop()
        self.assertLess(took, 10, server.tail())
        self.sink.answer = lambda step, argument: None
        server.start()
        content.fields_added(sent, self.sink.wait_for()[0].content)

    def test_of_an_idle_server_is_prompt_and_clean(self):
        server = self.serve()
        code, took = server.stop()
        self.assertEqual(code, 0, server.tail())
        self.assertLess(took, 5)
        self.assertEqual([line for line in server.lines("role-ended") if line.level == "ERROR"], [])
        self.assertFalse((server.folder / "control.sock").exists())


class Start(Operation):
    def test_of_a_second_instance_on_the_same_spool_is_refused(self):
        server = self.serve()
        second = Postern(queue={"directory": server.config["queue"]["directory"]})
        second.launch()
        self.assertNotEqual(second.process.wait(30), 0)
        self.assertRegex(second.logfile.read_text(), r"(?i)spool|another|instance")  # statement 50
        clients.submit(server, content.message())
        self.sink.wait_for()
        third = Postern(control={"socket": server.config["control"]["socket"]})
        third.launch()
        self.assertNotEqual(third.process.wait(30), 0)
        self.assertEqual(server.queue(), [])  # the first one still has its control socket
        second.close()
        third.close()

    def test_with_a_port_that_is_taken_says_so(self):
        server = self.serve()
        other = Postern(listener=[{"address": f"{LOOPBACK}:{server.ports['clear']}", "tls": "none"}])
        other.launch()
        self.assertNotEqual(other.process.wait(30), 0)
        self.assertIn(str(server.ports["clear"]), other.logfile.read_text())
        other.close()


class Check(unittest.TestCase):
    def test_says_in_plain_words_what_a_good_configuration_allows(self):
        server = Postern(route=[{"via": "smtp+starttls://relay.example:587"}])
        self.addCleanup(server.close)
        shown = server.command("check").stdout
        for words in (str(server.ports["starttls"]), "relay.example:587", f"clients in {LOOPBACK}"):
            self.assertIn(words, shown)

    def test_shows_all_errors_at_once_each_with_its_place(self):
        server = Postern(access={"mynetworks": ["0.0.0.0/0"]}, limits={"message_sice": "50MiB"},
                         queue={"expire": "5 fortnights"})
        self.addCleanup(server.close)
        done = server.command("check", check=False)
        self.assertEqual(done.returncode, os.EX_CONFIG)
        for words in ("0.0.0.0/0", "message_sice", "message_size", "expire"):
            self.assertIn(words, done.stderr)
        self.assertGreaterEqual(len([line for line in done.stderr.splitlines() if "postern.toml:" in line]), 3)
        server.launch()
        self.assertEqual(server.process.wait(30), os.EX_CONFIG)

    def test_of_a_file_that_is_not_there_says_so(self):
        server = Postern()
        self.addCleanup(server.close)
        server.config_file.unlink()
        done = server.command("check", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(server.config_file), done.stderr)


@unittest.skipUnless(is_root(), "is not root: all tests run as an ordinary user anyway")
class AnOrdinaryUser(unittest.TestCase):
    def test_can_run_it_from_submission_to_delivery(self):
        with Sink() as sink, Postern(user="nobody", route=[{"via": f"smtp://{sink.address}"}]) as server:
            password = server.add_user()
            sent = content.message(size=300_000)
            message_id = clients.submit(server, sent, port="starttls", login=SENDER, password=password)
            content.fields_added(sent, sink.wait_for()[0].content)
            server.wait_for("delivered", id=message_id)
            self.assertEqual(server.queue(), [])
            self.assertIn("is right", server.command("check").stdout)
            owners = {os.stat(f"/proc/{server.pid_of(role)}").st_uid for role in ("smtpd-0", "queue-0", "delivery-0")}
            self.assertNotIn(0, owners)
            self.assertEqual(server.stop()[0], 0)


@unittest.skipUnless(is_root(), "only root can give each role its own user")
class Roles(Operation):
    def test_run_as_a_user_each_and_none_as_root(self):
        server = self.serve()
        uids = {}
        for role in ("smtpd", "auth", "queue", "delivery"):
            status = open(f"/proc/{server.pid_of(role + '-0')}/status").read().splitlines()
            fields = dict(line.split(":", 1) for line in status)
            uids[role] = fields["Uid"].split()
            self.assertEqual(len(set(uids[role])), 1)
            self.assertNotIn("0", uids[role])
            self.assertEqual(int(fields["CapEff"], 16), 0)
            self.assertEqual(fields["NoNewPrivs"].strip(), "1")
        self.assertEqual(len({uid[0] for uid in uids.values()}), 4)
