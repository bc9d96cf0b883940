"""Disks that are full, fail, are read-only or not ours: nobody hears 250 for a message that is not kept, all that was
acknowledged arrives whole, one line of the log says what is wrong, and mail is taken again as soon as it can be, without
a restart (statements 45, 46, 48, 50)."""

import contextlib
import os
import shutil
import struct
import threading
import time
import unittest

import clients
import content
from clients import RECIPIENT, SENDER
from faults import SmallDisk, failing, no_descriptors, own_mounts
from harness import PATIENCE, Postern, is_root, wait_until
from sink import Sink

MIB = 1024 * 1024
LARGE = 400_000  # bytes: goes to a file of its own


def later(step, argument):
    return "451 4.3.0 later" if step == "mail" else None


class Spool(unittest.TestCase):
    """A server whose mail has somewhere to go only when the test says so."""

    def setUp(self):
        self.sink = Sink(answer=later)
        self.addCleanup(self.sink.close)
        self.acknowledged, self.refused = {}, set()

    def install(self, **sections):
        server = Postern(route=[{"via": f"smtp://{self.sink.address}"}], limits={"smtpd_processes": 1}, **sections)
        self.addCleanup(self.end, server)
        return server

    def end(self, server):
        if server.is_running():
            server.kill_all()
        server.close()

    def submit(self, server, size=2000):
        """One message; the code that decided its fate."""
        sent = content.message(size=size)
        with clients.connect(server) as client:
            code = client.mail(SENDER, [f"SIZE={len(sent)}"])[0]
            if code == 250:
                code = client.rcpt(RECIPIENT)[0]
            if code == 250:
                code = client.docmd("DATA")[0]
            if code == 354:
                client.sock.sendall(clients.stuffed(sent) + b".\r\n")
                code = client.getreply()[0]
        name = content.name_in(sent)
        if code == 250:
            self.acknowledged[name] = sent
        else:
            self.refused.add(name)
        return code

    @contextlib.contextmanager
    def silent_next_hop(self):
        """No delivery ends meanwhile: all that the queue writes is what it is handed."""
        go_on, answer = threading.Event(), self.sink.answer
        self.sink.answer = lambda step, argument: go_on.wait(PATIENCE) and None
        try:
            yield
        finally:
            self.sink.answer = answer
            go_on.set()

    def submit_until_taken(self, server, size=2000):
        wait_until(lambda: self.submit(server, size) == 250, server.tail)

    def let_through(self, server):
        """All that was acknowledged arrives, as it was sent; nothing that was refused does."""
        self.sink.answer = lambda step, argument: None

        def missing():
            return self.acknowledged.keys() - {content.name_in(m.content) for m in list(self.sink.messages)}
        wait_until(lambda: not missing(), lambda: f"{missing()}\n{server.tail()}")
        wait_until(lambda: not server.queue(), lambda: f"{server.queue()}\n{server.tail()}")
        for message in self.sink.messages:
            name = content.name_in(message.content)
            self.assertNotIn(name, self.refused)
            content.fields_added(self.acknowledged[name], message.content)

    def alarms(self, server, event, since):
        return [line for line in server.lines(event, since=since) if line.level == "ERROR"]


class AFullDisk(Spool):
    @classmethod
    def setUpClass(cls):
        own_mounts()

    def fill(self, server, size):
        for _ in range(1000):
            code = self.submit(server, size)
            if code != 250:
                return code
        self.fail("it is never full")

    def serve_on_a_full_disk(self, kind):
        server = self.install()
        disk = SmallDisk(self, server, 48, kind)
        server.start()
        with clients.connect(server) as client:
            code, words = client.mail(SENDER, [f"SIZE={45 * MIB}"])  # less than the limit, more than there is
            self.assertEqual((code, words[:5]), (452, b"4.3.1"), server.tail())
        self.assertEqual(self.fill(server, 100_000), 452)
        self.assertEqual(self.fill(server, LARGE), 452)
        self.assertGreater(len(self.acknowledged), 50, server.tail())
        with clients.connect(server) as client:
            wait_until(lambda: client.mail(SENDER)[0] == 452 or client.rset()[0] == 0, server.tail)  # at MAIL
        self.assertEqual(len(self.alarms(server, "spool-full", 0)), 1, server.tail())
        self.assertGreater(disk.free(), MIB, "the reserve")
        return server, disk

    def drain_and_take_again(self, server):
        self.let_through(server)
        self.submit_until_taken(server)
        self.submit_until_taken(server, LARGE)
        server.wait_for("spool-has-room", since=0)
        self.let_through(server)

    def test_takes_mail_again_when_delivery_has_made_room(self):
        for kind in ("tmpfs", "ext4"):
            with self.subTest(kind):
                self.setUp()
                server, _ = self.serve_on_a_full_disk(kind)
                self.drain_and_take_again(server)

    def test_without_a_single_byte_left_loses_nothing(self):
        server, disk = self.serve_on_a_full_disk("tmpfs")
        with disk.filled_up():
            self.assertEqual(self.submit(server), 452)
            self.assertEqual(self.submit(server, LARGE), 452)
            self.sink.answer = lambda step, argument: None
            # What is there is delivered, if it may be several times, or held back, since that could not be recorded.
            wait_until(lambda: self.sink.messages or server.lines("spool-write-failed"), server.tail)
            server.kill_all()
            server.start()  # it starts, too
            self.assertEqual(self.submit(server), 452)
        self.drain_and_take_again(server)

    def test_without_names_left_refuses_before_data(self):
        server = self.install()
        SmallDisk(self, server, 200, names=130)
        server.start()
        self.assertEqual(self.fill(server, LARGE), 452)
        self.assertLess(len(self.acknowledged), 130)
        self.drain_and_take_again(server)


class AFailingDisk(Spool):
    def fail_once(self, rules, size, code, words):
        """A message is refused, and the next one taken, while strace has its hands in it and afterwards."""
        server = self.install()
        server.start()
        with self.silent_next_hop():
            self.assertEqual(self.submit(server), 250)  # a segment is open
            seen = server.mark()
            with failing(server, *rules):
                self.assertEqual(self.submit(server, size), code, server.tail())
        self.submit_until_taken(server)
        self.submit_until_taken(server, size)
        alarms = [line for line in server.log(seen) if line.level == "ERROR"]
        self.assertTrue(any(words in line.text and line.fields.get("remedy") for line in alarms), server.tail())
        self.assertLess(len(alarms), 4, server.tail())
        server.kill_all()
        server.start()
        self.let_through(server)
        self.assertEqual(server.command("spool", "verify").returncode, 0)

    def test_of_which_a_sync_fails_gets_no_250_and_a_new_segment(self):
        self.fail_once(["fdatasync:error=EIO:when=1"], 2000, 451, "Input/output error")

    def test_of_which_a_write_fails(self):
        self.fail_once(["pwritev:error=EIO:when=1"], 2000, 451, "Input/output error")

    def test_of_which_a_sync_finds_no_space(self):
        self.fail_once(["fdatasync:error=ENOSPC:when=1"], 2000, 452, "No space left on device")

    def test_of_which_the_sync_of_a_large_messages_file_fails(self):
        self.fail_once(["fdatasync:error=EIO:when=1"], LARGE, 451, "Input/output error")

    def test_of_which_the_sync_of_the_names_fails(self):
        self.fail_once(["fsync:error=EIO:when=1"], LARGE, 451, "Input/output error")

    def test_without_descriptors_for_a_file(self):
        self.fail_once(["openat:error=EMFILE"], LARGE, 451, "Too many open files")

    def test_that_becomes_read_only(self):
        self.fail_once(["fdatasync,pwritev,openat:error=EROFS"], 2000, 451, "Read-only file system")

    def test_that_fails_for_long_is_told_of_once_and_tried_again_by_itself(self):
        server = self.install()
        server.start()
        self.assertEqual(self.submit(server), 250)
        seen = server.mark()
        with failing(server, "fdatasync:error=EIO"):
            end = time.monotonic() + 4
            while time.monotonic() < end:
                self.assertIn(self.submit(server), (451, 452), server.tail())
            self.assertEqual(len(self.alarms(server, "spool-write-failed", seen)), 1, server.tail())
        server.wait_for("spool-writes-again", since=seen)
        self.submit_until_taken(server)
        self.let_through(server)


class NoDescriptors(Spool):
    def test_are_no_end_of_a_running_queue(self):
        server = self.install()
        server.start()
        self.assertEqual(self.submit(server), 250)
        with no_descriptors(server.pid_of("queue-0")):
            self.assertEqual(self.submit(server, LARGE), 451, server.tail())
            self.assertEqual(self.submit(server), 250, "the log is open")
        self.submit_until_taken(server, LARGE)
        self.let_through(server)
        self.assertEqual(len(server.lines("role-started", role="queue-0")), 1)


class AReadOnlyFileSystem(Spool):
    @classmethod
    def setUpClass(cls):
        own_mounts()

    def test_at_run_time_is_no_end_and_mail_is_taken_again_when_it_is_writable(self):
        server = self.install()
        disk = SmallDisk(self, server, 64)
        server.start()
        self.assertEqual(self.submit(server), 250)
        seen = server.mark()
        os.kill(server.pid_of("queue-0"), 9)  # while the queue runs, the kernel lets nobody do it
        wait_until(lambda: disk.remount("ro"), "it is read-only")
        failure = server.wait_for("cannot-start", since=seen)
        self.assertRegex(failure["why"], r"spool.*Read-only file system.*remount,rw")
        self.assertIn(self.submit(server), (451, 452, 421))
        self.assertTrue(disk.remount("rw"))
        self.submit_until_taken(server)
        self.let_through(server)

    def test_at_the_start_is_said_with_what_to_do(self):
        server = self.install()
        disk = SmallDisk(self, server, 64)
        server.start()
        self.assertEqual(self.submit(server), 250)
        server.stop()
        self.assertTrue(disk.remount("ro"))
        server.launch()
        self.assertEqual(server.process.wait(30), os.EX_IOERR, server.tail())
        self.assertRegex(server.tail(), r"spool.*Read-only file system.*remount,rw")
        self.assertEqual(server.command("spool", "verify").returncode, 0, "looking needs no writing")
        self.assertTrue(disk.remount("rw"))
        server.start()
        self.let_through(server)


class ASpoolThatCannotBeUsed(Spool):
    def refuse(self, code, words, prepare):
        server = self.install()
        server.start()
        self.assertEqual(self.submit(server), 250)
        server.stop()
        undo = prepare(server, server.folder / "spool")
        server.launch()
        self.assertEqual(server.process.wait(30), code, server.tail())
        self.assertRegex(server.tail(), words)
        undo()
        server.start()
        self.let_through(server)

    @unittest.skipUnless(is_root(), "only root gives files away")
    def test_belongs_to_somebody_else(self):
        def prepare(_, spool):
            os.chown(spool, 0, 0)
            return lambda: shutil.chown(spool, "postern-queue")
        self.refuse(os.EX_CONFIG, r"spool belongs to root.*chown -R postern-queue", prepare)

    @unittest.skipUnless(is_root(), "only root gives files away")
    def test_has_a_lock_of_somebody_else(self):
        def prepare(_, spool):
            os.chown(spool / "lock", 0, 0)
            return lambda: shutil.chown(spool / "lock", "postern-queue")
        self.refuse(os.EX_NOPERM, r"spool.*cannot be locked.*chown -R", prepare)

    def test_is_open_to_others(self):
        def prepare(_, spool):
            spool.chmod(0o755)
            return lambda: spool.chmod(0o700)
        self.refuse(os.EX_CONFIG, r"chmod 700", prepare)

    def test_is_a_file(self):
        def prepare(_, spool):
            spool.rename(spool.parent / "away")
            spool.write_text("x")
            return lambda: (spool.unlink(), (spool.parent / "away").rename(spool))
        self.refuse(os.EX_CONFIG, r"no directory stands in its place.*queue\.directory", prepare)

    def test_was_written_by_a_newer_postern(self):
        def prepare(_, spool):
            segment = next(spool.glob("*.log"))
            old = segment.read_bytes()
            header = old[:7] + bytes([99]) + old[8:20]
            segment.write_bytes(header + struct.pack("<I", crc32c(header)) + old[24:])
            return lambda: segment.write_bytes(old)
        self.refuse(os.EX_DATAERR, r"newer Postern", prepare)

    def test_is_in_use_by_another_which_goes_on(self):
        server = self.install()
        server.start()
        second = Postern(queue={"directory": server.config["queue"]["directory"]})
        self.addCleanup(second.close)
        second.launch()
        self.assertEqual(second.process.wait(30), os.EX_TEMPFAIL, second.tail())  # statement 50
        self.assertRegex(second.tail(), r"another Postern uses this spool: stop it first")
        self.assertEqual(self.submit(server), 250)
        self.let_through(server)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
