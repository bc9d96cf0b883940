"""Each role is killed under load: the others carry on, it comes back, and all that got a 250 arrives."""

import time
import unittest

import clients
import content
import load
from clients import SENDER
from harness import Postern, group_of, wait_until
from sink import Sink


class AKilledRole(unittest.TestCase):
    def kill(self, role):
        with Sink() as sink, Postern(route=[{"via": f"smtp://{sink.address}"}],
                                     limits={"smtpd_processes": 2}) as server:
            password = server.add_user()
            clients_at_work = load.Load(server, seed=role).start()
            try:
                clients_at_work.wait_for(20)
                others = {name: server.pid_of(name) for name in ("smtpd-1", "auth-0", "queue-0", "delivery-0")
                          if name != role}
                for _ in range(3):
                    server.kill_role(role)
                    clients_at_work.wait_for(len(clients_at_work.acknowledged) + 20)
            finally:
                clients_at_work.stop()
            outcome = load.wait_and_reckon(self, [clients_at_work], sink, server)
            print(f"\n{role} killed 3 times: {outcome}", flush=True)

            self.assertEqual(others, {name: server.pid_of(name) for name in others}, "another role fell with it")
            self.assertEqual(len(server.lines("role-ended", role=role)), 3)
            clients.submit(server, content.message(), ["last@elsewhere.test"], "starttls", login=SENDER,
                           password=password)
            sink.wait_for_mail_to("last@elsewhere.test")

    def test_smtpd_loses_nothing(self):
        self.kill("smtpd-0")

    def test_auth_loses_nothing(self):
        self.kill("auth-0")

    def test_queue_loses_nothing(self):
        self.kill("queue-0")

    def test_delivery_loses_nothing(self):
        self.kill("delivery-0")


class ADeadSupervisor(unittest.TestCase):
    def test_takes_its_roles_with_it_and_the_next_start_finds_all(self):
        with Sink() as sink, Postern(route=[{"via": f"smtp://{sink.address}"}]) as server:
            sink.answer = lambda step, argument: "451 4.3.0 later" if step == "mail" else None
            sent = content.message()
            clients.submit(server, sent)
            roles = [int(line["pid"]) for line in server.lines("role-started")]
            server.process.kill()
            server.process.wait()
            wait_until(lambda: not any(map(group_of, roles)), "the roles end")
            sink.answer = lambda step, argument: None
            server.start()
            content.fields_added(sent, sink.wait_for()[0].content)


class AnAuthThatIsGone(unittest.TestCase):
    def test_lets_mynetworks_send_and_never_says_that_a_right_password_is_wrong(self):
        with Sink() as sink, Postern(route=[{"via": f"smtp://{sink.address}"}]) as server:
            password = server.add_user()
            end = time.monotonic() + 2
            kills = 0
            answers = set()
            while time.monotonic() < end:
                server.kill_role("auth-0")
                kills += 1
                with clients.connect(server, "implicit") as client:
                    answers.add(client.docmd("AUTH", "PLAIN " + clients.plain(SENDER, password))[0])
                clients.submit(server, content.message())
            self.assertLessEqual(answers, {235, 454})  # statement 27
            sink.wait_for(kills)
