"""`postern queue ...` with the real program: every command, by ids and by each filter (statement 53)."""

import json
import os
import pwd
import re
import subprocess
import threading
import time
import unittest

import clients
import content
from clients import SENDER
from harness import PROGRAM, Postern, wait_until
from sink import Sink

LATER = "451 4.3.0 later"
ESCAPE = "451 4.3.0 \x1b[31mred\x07 \u009b31m"  # what a remote may say, and a terminal must not hear


class QueueCommands(unittest.TestCase):
    """Three messages that were deferred once, and wait for long: `one` to two domains; `two`, and `three` by a login."""

    @classmethod
    def setUpClass(cls):
        cls.sink = cls.enterClassContext(Sink())
        cls.server = cls.enterClassContext(Postern(queue={"first_retry": "1h", "max_retry": "1h"},
                                                   route=[{"via": f"smtp://{cls.sink.address}"}]))
        cls.password = cls.server.add_user()

    def setUp(self):
        self.mark = self.server.mark()
        self.sink.answer = lambda step, argument: LATER if step == "rcpt" else None
        self.sink.clear()
        self.one = self.defer(["one@gmial.test", "one@gmail.test"])
        self.two = self.defer(["two@gmail.test"], sender="bob@office.example")
        self.three = self.defer(["three@other.test"], port="implicit", login=SENDER, password=self.password)

    def tearDown(self):
        self.server.command("queue", "hold", "--all")
        self.server.command("queue", "delete", "--all")
        wait_until(lambda: not self.server.queue(), self.server.tail)

    def defer(self, recipients, **options):
        message_id = clients.submit(self.server, content.message(), recipients, **options)
        for recipient in recipients:
            self.server.wait_for("deferred", id=message_id, to=recipient)
        return message_id

    def take_all(self):
        self.sink.answer = lambda step, argument: None

    def run_queue(self, *arguments, code=0):
        done = self.server.command("queue", *arguments, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def listed(self, *filter):
        """The recipients that a filter means."""
        messages = json.loads(self.run_queue("list", "--json", *filter).stdout)
        return {recipient["recipient"] for message in messages for recipient in message["recipients"]}

    def states(self):
        return {recipient["recipient"]: recipient["state"]
                for message in self.server.queue() for recipient in message["recipients"]}

    def actors(self, event, **fields):
        return {line["by"] for line in self.server.lines(event, since=self.mark, **fields)}

    def test_filters_mean_what_they_say(self):
        gmail = {"one@gmail.test", "two@gmail.test"}
        one = {"one@gmial.test", "one@gmail.test"}
        everything = gmail | one | {"three@other.test"}
        for filter, meant in (((), everything),
                              ((self.one,), one),
                              (("--sender", "<bob@OFFICE.example>"), {"two@gmail.test"}),
                              (("--sender", "<>"), set()),
                              (("--recipient", "one@gmail.test"), {"one@gmail.test"}),
                              (("--domain", "GMAIL.test"), gmail),
                              (("--login", SENDER), {"three@other.test"}),
                              (("--state", "waiting"), everything),
                              (("--state", "held"), set()),
                              (("--older-than", "1h"), set()),
                              (("--newer-than", "1h"), everything),
                              ((self.one, self.two, "--domain", "gmail.test", "--newer-than", "1d"), gmail)):
            with self.subTest(filter):
                self.assertEqual(self.listed(*filter), meant)
                dry = self.run_queue("delete", *(filter or ("--all",)), "--dry-run").stdout
                self.assertIn(f"{len(meant)} recipient{'' if len(meant) == 1 else 's'} of ", dry)
        self.assertEqual(len(self.states()), 4)  # a dry run does nothing

    def test_hold_and_release_concern_those_that_are_meant_and_outlive_the_process(self):
        self.assertIn("3 recipients of 2 messages held", self.run_queue("hold", self.one, self.two).stdout)
        self.take_all()
        self.server.kill_all()
        self.server.start()
        states = self.states()
        self.assertEqual({name for name, state in states.items() if state == "held"},
                         {"one@gmail.test", "one@gmial.test", "two@gmail.test"})
        self.run_queue("flush")
        self.sink.wait_for_mail_to("three@other.test")
        time.sleep(0.2)
        self.assertEqual(len(self.sink.messages), 1)
        self.assertIn("2 recipients of 2 messages released", self.run_queue("release", "--domain", "gmail.test").stdout)
        self.sink.wait_for_mail_to("one@gmail.test")
        self.sink.wait_for_mail_to("two@gmail.test")
        wait_until(lambda: self.states() == {"one@gmail.test": "delivered", "one@gmial.test": "held"}, self.states)

    def test_bounce_returns_just_those_that_are_meant(self):
        self.take_all()
        self.assertIn("1 recipient of 1 message returned", self.run_queue("bounce", "--domain", "gmial.test").stdout)
        report = self.sink.wait_for_mail_to(SENDER)
        self.assertEqual(report.reverse_path, "")
        for words in (b"Final-Recipient: rfc822; one@gmial.test", b"Status: 5.0.0", b"returned by the operator", b"4.3.0"):
            self.assertIn(words, report.content)
        self.assertNotIn(b"Final-Recipient: rfc822; one@gmail.test", report.content)
        self.assertEqual(self.states()["one@gmail.test"], "waiting")
        self.assertTrue(self.server.lines("bounced", since=self.mark, to="one@gmial.test"))

    def test_delete_and_flush_concern_those_that_are_meant(self):
        self.run_queue("delete", "--recipient", "one@gmial.test")
        self.run_queue("delete", self.two)
        self.take_all()
        self.run_queue("flush", "--login", SENDER)
        self.sink.wait_for_mail_to("three@other.test")
        self.assertEqual(self.states(), {"one@gmail.test": "waiting", "one@gmial.test": "deleted"})
        self.server.kill_all()
        self.server.start()
        self.assertEqual(self.states(), {"one@gmail.test": "waiting", "one@gmial.test": "deleted"})
        self.run_queue("flush", "--all")
        self.assertEqual(self.sink.wait_for_mail_to("one@gmail.test").recipients, ["one@gmail.test"])

    def test_every_action_is_logged_with_who_did_it(self):
        me = re.compile(rf"{pwd.getpwuid(os.geteuid()).pw_name}\({os.geteuid()}\):\d+")
        for command, event in (("hold", "held"), ("release", "released"), ("flush", "flushed"), ("bounce", "returned"),
                               ("delete", "deleted")):
            with self.subTest(command):
                chosen = self.one if command != "delete" else self.two
                self.run_queue(command, chosen)
                wait_until(lambda: self.server.lines(event, since=self.mark, id=chosen), self.server.tail)
                for actor in self.actors(event, id=chosen):
                    self.assertRegex(actor, me)
                if command == "release":
                    self.server.wait_for("deferred", since=self.mark, id=chosen)
                    wait_until(lambda: set(self.states().values()) == {"waiting"}, self.states)
                if command == "flush":
                    wait_until(lambda: "delivering" not in self.states().values(), self.states)

    def test_show_says_all_there_is(self):
        self.sink.answer = lambda step, argument: "452 4.3.1 no room" if step == "rcpt" else None
        with clients.connect(self.server) as client:
            client.ehlo("client.office.example")
            client.mail(SENDER, ["RET=HDRS", "ENVID=QQ314"])
            client.rcpt("four@other.test", ["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;Four@other.test"])
            clients.send_content(client, content.message())
        message_id = self.server.wait_for("deferred", since=self.mark, to="four@other.test")["id"]
        self.sink.answer = lambda step, argument: ESCAPE if step == "rcpt" else None
        seen = self.server.mark()
        self.run_queue("flush", message_id)
        self.server.wait_for("deferred", since=seen, id=message_id)
        wait_until(lambda: self.states()["four@other.test"] == "waiting", self.states)
        text = self.run_queue("show", message_id).stdout
        for words in ("RET=HDRS", "ENVID=QQ314", "NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;Four@other.test", "mynetworks",
                      "client.office.example", "without TLS", "attempt 1", "no room", "attempt 2", "red", "Subject: Proof ",
                      f"[127.0.0.1]:{self.sink.port} said: 452"):
            self.assertIn(words, text)
        self.assertNotRegex(text + self.run_queue("list").stdout, "[\x00-\x08\x0b-\x1f\x7f-\x9f]")
        shown = json.loads(self.run_queue("show", message_id, "--json").stdout)
        self.assertEqual([attempt["attempt"] for attempt in shown["recipients"][0]["history"]], [1, 2])
        self.assertEqual(shown["recipients"][0]["notify"], "FAILURE,DELAY")
        self.assertEqual((shown["ret"], shown["envid"]), ("HDRS", "QQ314"))
        self.assertIn("Subject: Proof ", shown["header"])
        shown = self.run_queue("show", self.three).stdout
        self.assertIn(f"login {SENDER}", shown)
        self.assertIn("TLSv1.3", shown)

    def test_show_content_prints_what_is_delivered(self):
        sent = content.message(size=400_000)
        message_id = clients.submit(self.server, sent, ["large@other.test"])
        self.server.wait_for("deferred", id=message_id)
        shown = {each: self.content(each).stdout for each in (message_id, self.two)}
        self.take_all()
        self.run_queue("flush", message_id, self.two)
        self.assertEqual(self.sink.wait_for_mail_to("large@other.test").content, shown[message_id])
        self.assertEqual(self.sink.wait_for_mail_to("two@gmail.test").content, shown[self.two])

    def test_show_content_says_that_it_is_damaged(self):
        message_id = clients.submit(self.server, content.message(size=400_000), ["large@other.test"])
        self.server.wait_for("deferred", id=message_id)
        with (self.server.folder / "spool" / f"{message_id}.msg").open("r+b") as file:
            file.seek(300_000)
            octet = file.read(1)
            file.seek(300_000)
            file.write(bytes([octet[0] ^ 1]))
        done = self.content(message_id)
        self.assertEqual(done.returncode, os.EX_DATAERR)
        self.assertIn(b"damaged", done.stderr)

    def content(self, message_id):
        return subprocess.run([PROGRAM, "queue", "show", message_id, "--content", "--config", self.server.config_file],
                              capture_output=True, timeout=30)

    def test_says_what_is_wrong_and_does_nothing(self):
        unknown = "0000000000000"
        for code, *arguments in ((os.EX_USAGE, "delete"), (os.EX_USAGE, "hold"), (os.EX_USAGE, "bounce"),
                                 (os.EX_USAGE, "release"), (os.EX_USAGE, "show"), (os.EX_USAGE, "show", "nonsense"),
                                 (os.EX_USAGE, "delete", "\x1b[31m"), (os.EX_USAGE, "delete", "--state", "lost"),
                                 (os.EX_USAGE, "delete", "--domain", ""), (os.EX_USAGE, "delete", "--sender", ""),
                                 (os.EX_USAGE, "delete", "--login", ""), (os.EX_USAGE, "delete", "--recipient", "nobody"),
                                 (os.EX_USAGE, "delete", "--domain", "a@b.test"), (os.EX_USAGE, "delete", "--older-than", "5"),
                                 (os.EX_USAGE, "delete", "--all", self.one), (os.EX_USAGE, "delete", "--all", "--domain", "b.test"),
                                 (os.EX_DATAERR, "show", unknown), (os.EX_DATAERR, "delete", unknown),
                                 (os.EX_DATAERR, "hold", unknown), (os.EX_DATAERR, "flush", unknown)):
            with self.subTest(arguments):
                done = self.run_queue(*arguments, code=code)
                self.assertTrue(done.stderr.strip() or done.stdout.strip())
                self.assertNotIn("\x1b", done.stderr + done.stdout)
        self.assertIn("0 recipients of 0 messages deleted", self.run_queue("delete", "--domain", "nowhere.test").stdout)
        self.assertEqual(set(self.states().values()), {"waiting"})

    def test_hits_what_is_being_delivered_only_as_far_as_it_says(self):
        is_free = threading.Event()

        def slowly(step, argument):
            if step == "data":
                is_free.wait(20)
            return "452 4.3.1 no room" if step == "dot" else None
        self.sink.answer = slowly
        self.run_queue("flush", self.two)
        wait_until(lambda: self.states()["two@gmail.test"] == "delivering", self.states)
        self.assertIn("being delivered", self.run_queue("delete", self.two, code=os.EX_TEMPFAIL).stdout)
        self.assertIn("held if that does not end it", self.run_queue("hold", self.two).stdout)
        self.assertEqual(self.listed("--state", "delivering"), {"two@gmail.test"})
        is_free.set()
        wait_until(lambda: self.states()["two@gmail.test"] == "held", self.states)

    def test_acts_while_mail_comes_and_goes(self):
        self.take_all()
        arrived = []

        def send():
            for number in range(40):
                arrived.append(clients.submit(self.server, content.message(), [f"n{number}@gmail.test"]))
        sender = threading.Thread(target=send)
        sender.start()
        while sender.is_alive():
            for command in ("hold", "release", "flush"):
                self.run_queue(command, "--domain", "gmail.test")
        self.run_queue("release", "--all")
        self.run_queue("flush", "--all")
        wait_until(lambda: not self.server.queue(), self.server.tail)
        recipients = [name for message in self.sink.messages for name in message.recipients]
        self.assertEqual(len(recipients), len(set(recipients)), "nothing twice")
        self.assertEqual(len(recipients), 44)


class Help(unittest.TestCase):
    def test_explains_every_option(self):
        server = Postern()
        self.addCleanup(server.close)
        for command in ("list", "show", "flush", "hold", "release", "delete", "bounce"):
            text = server.command("queue", command, "--help").stdout
            for option, words in re.findall(r"^ +(--\S+)(?: \S+)?\s{2,}(\S.*)$", text, re.M):
                self.assertGreater(len(words.split()), 2, option)
            options = set(re.findall(r"--[a-z-]+", text))
            self.assertLessEqual({"--domain", "--older-than", "--state"} if command != "show" else {"--content"}, options)
        self.assertIn("postern queue bounce --domain", server.command("queue", "--help").stdout)
