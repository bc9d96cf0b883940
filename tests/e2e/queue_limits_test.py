"""How much disk the queue takes: never more than it may, and little more than what waits in it."""

import unittest

import clients
import content
from clients import RECIPIENT, SENDER
from harness import LOOPBACK, Postern, free_port, wait_until
from sink import Sink

MEBIBYTE = 1024 * 1024


def spool_size(server, suffix="*"):
    return sum(file.stat().st_size for file in (server.folder / "spool").glob(suffix))


class AQueueWithAMaximalSize(unittest.TestCase):
    def test_takes_no_more_than_that_and_resumes_when_mail_has_left(self):
        nowhere = f"smtp://{LOOPBACK}:{free_port()}"
        with Postern(route=[{"via": nowhere}], queue={"max_size": "16MiB", "first_retry": "1h", "max_retry": "1h"}) as server:
            accepted = 0
            with clients.connect(server) as client:
                while client.mail(SENDER, [f"SIZE={MEBIBYTE}"])[0] == 250 and accepted < 100:
                    clients.expect(client.rcpt(RECIPIENT), 250)
                    try:
                        clients.send_content(client, content.message(size=MEBIBYTE))
                    except AssertionError as refusal:
                        self.assertIn("452", str(refusal))
                        break
                    accepted += 1
                self.assertGreater(accepted, 9)
                self.assertLessEqual(spool_size(server), 16 * MEBIBYTE)

                def small_mail():
                    client.rset()
                    return client.mail(SENDER, ["SIZE=1000"])
                wait_until(lambda: client.mail(SENDER, [f"SIZE={4 * MEBIBYTE}"])[0] == 452, "SIZE tells at MAIL")
                while small_mail()[0] == 250 and accepted < 200:
                    clients.expect(client.rcpt(RECIPIENT), 250)
                    try:
                        clients.send_content(client, content.message(size=200_000))
                    except AssertionError as refusal:
                        self.assertIn("452", str(refusal))
                        continue
                    accepted += 1
                self.assertEqual(small_mail()[0], 452, "it is full")
                self.assertTrue(server.lines("spool-full"))

                # Not one byte more fits, and still mail can leave.
                server.command("queue", "delete", "--all")
                wait_until(lambda: small_mail()[0] == 250, "mail is taken again")
            wait_until(lambda: spool_size(server) < 4 * MEBIBYTE, lambda: f"{spool_size(server)} bytes left")

    def test_a_larger_one_counts_after_a_reload(self):
        nowhere = f"smtp://{LOOPBACK}:{free_port()}"
        with Postern(route=[{"via": nowhere}], queue={"max_size": "16MiB"}) as server:
            with clients.connect(server) as client:
                too_large = [f"SIZE={20 * MEBIBYTE}"]
                self.assertEqual(client.mail(SENDER, too_large)[0], 452)
                server.configure(queue={"max_size": "1GiB"})
                server.reload()
                wait_until(lambda: client.mail(SENDER, too_large)[0] == 250, "there is room now")


class MailThatWaitsAmongMuchThatPasses(unittest.TestCase):
    """Compaction: the log takes at most half as much again as lives in it, and two segments (here of 1 MiB)."""

    def test_does_not_keep_what_has_passed(self):
        with Sink() as sink, Postern(
                route=[{"recipient_domains": "dead.test", "via": f"smtp://{LOOPBACK}:{free_port()}"},
                       {"via": f"smtp://{sink.address}"}],
                queue={"max_size": "16MiB", "first_retry": "1h", "max_retry": "1h"}) as server:
            waiting = [clients.submit(server, content.message(size=20_000), ["x@dead.test"]) for _ in range(20)]
            live = spool_size(server, "*.log")
            worst = 0
            for round in range(12):
                with clients.connect(server) as client:
                    for _ in range(8):
                        client.mail(SENDER)
                        client.rcpt(RECIPIENT)
                        clients.send_content(client, content.message(size=200_000))
                wait_until(lambda: len(server.queue()) == len(waiting), "the others have left")
                worst = max(worst, spool_size(server, "*.log"))
            # Those eight are alive for a moment, too.
            self.assertLessEqual(worst, 1.5 * (live + 8 * 200_000) + 2 * MEBIBYTE)
            server.kill_all()
            server.start()
            self.assertEqual(sorted(m["id"] for m in server.queue()), sorted(waiting))
            server.configure(route=[{"via": f"smtp://{sink.address}"}])
            server.reload()
            server.command("queue", "flush")
            wait_until(lambda: not server.queue(), "all of it is delivered")
            arrived = [message for message in sink.messages if content.is_whole(message.content)]
            self.assertEqual(len(arrived), 12 * 8 + 20)


if __name__ == "__main__":
    unittest.main()
