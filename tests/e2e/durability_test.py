"""The proof by strace that a 250 is said only after the disk has the message: the write, the sync, then the reply."""

import contextlib
import re
import shutil
import signal
import subprocess
import unittest

import clients
import content
from clients import RECIPIENT, SENDER
from harness import Postern, die_with_parent, wait_until
from sink import Sink

_CALLS = "fdatasync,fsync,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg"


@contextlib.contextmanager
def traced(server, *roles):
    """Strace on running roles; yields the file with one line a system call, in order."""
    file = server.folder / "trace"
    pids = [word for role in roles for word in ("-p", str(server.pid_of(role)))]
    process = subprocess.Popen(["strace", "-f", "-s", "100000", "-e", f"trace={_CALLS}", "-o", file, *pids],
                               stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    for _ in roles:
        line = process.stderr.readline()
        if "attached" not in line:
            process.wait()
            raise unittest.SkipTest(f"strace may not trace here: {line.strip()}")
    try:
        yield file
    finally:
        process.send_signal(signal.SIGINT)  # lets go of them: a traced process could not look for leaks at its end
        process.communicate()


def first(lines, start, *words):
    """The number of the first line from `start` on that has all words."""
    return next((i for i in range(start, len(lines)) if all(word in lines[i] for word in words)), None)


def end_of_sync(lines, start):
    """The number of the line where the first sync that began after `start` returned 0."""
    for i in range(start, len(lines)):
        if not re.search(r"\bf(data)?sync\(", lines[i]):
            continue
        if "unfinished" not in lines[i]:
            return i if lines[i].rstrip().endswith("= 0") else None
        pid = lines[i].split()[0]
        end = first(lines, i + 1, pid, "sync resumed")
        return end if end is not None and lines[end].rstrip().endswith("= 0") else None
    return None


@unittest.skipIf(shutil.which("strace") is None, "strace is not installed")
class A250(unittest.TestCase):
    def assert_is_said_after_the_sync(self, size):
        with Sink() as sink, Postern(route=[{"via": f"smtp://{sink.address}"}],
                                     limits={"smtpd_processes": 1}) as server:
            sent = content.message(size=size)
            token = f"X-Proof: {content.name_in(sent)}"
            with traced(server, "queue-0", "smtpd-0") as file:
                with clients.connect(server) as client:
                    client.mail(SENDER)
                    clients.expect(client.rcpt(RECIPIENT), 250)
                    reply = clients.send_content(client, sent)
                wait_until(lambda: reply in file.read_text(), "the trace has the reply")
            lines = file.read_text().splitlines()
            queue = str(server.pid_of("queue-0"))

            written = next(i for i, line in enumerate(lines)
                           if token in line and re.search(r"\b(p?write(64|v|v2)?)\(", line))
            synced = end_of_sync(lines, written)
            said = first(lines, written, reply, str(server.pid_of("smtpd-0")))
            order = f"written in line {written}, synced {synced}, said {said} of {file.name}, queue is {queue}"
            self.assertIsNotNone(synced, order)
            self.assertIsNotNone(said, order)
            self.assertLess(synced, said, order)
            sink.wait_for()

    def test_is_said_after_the_sync_of_the_log(self):
        self.assert_is_said_after_the_sync(2000)

    def test_of_a_large_message_is_said_after_the_sync_of_its_file(self):
        self.assert_is_said_after_the_sync(400_000)
