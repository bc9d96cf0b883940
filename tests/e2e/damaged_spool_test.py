"""Spools that were damaged in any way while Postern was stopped: it starts, delivers everything that is whole and nothing
that is not, and says what it found (statement 49); and `postern spool` says the same beforehand.

DAMAGE_ROUNDS and DAMAGE_SEED choose how often, and repeat what happened."""

import json
import os
import random
import shutil
import unittest

import clients
import content
import load
import spool_files
from harness import Postern, wait_until
from sink import Sink

ROUNDS = int(os.environ.get("DAMAGE_ROUNDS", "50"))
SEED = os.environ.get("DAMAGE_SEED", str(random.SystemRandom().randrange(1_000_000)))
LARGE = 300_000
REPORTS = ("spool-damaged", "spool-unreadable", "foreign-file", "damaged")


def files_in(spool):
    """No links: damage must not be led to a file outside."""
    return sorted(path for path in spool.iterdir() if path.is_file() and not path.is_symlink() and path.name != "lock")


def random_bytes(chance, count):
    return bytes(chance.randrange(256) for _ in range(count))


def later(step, argument):
    return "451 4.3.0 later" if step == "mail" else None


class Damage:
    """One way to damage a spool each."""

    def __init__(self, spool, chance):
        self.spool, self.chance = spool, chance

    def do_something(self):
        way = self.chance.choice((self.flip, self.flip, self.truncate, self.delete, self.zero, self.shift, self.put_foreign,
                                  self.put_other_kinds, self.duplicate, self.overwrite))
        way()
        return way.__name__

    def any_file(self):
        return self.chance.choice(files_in(self.spool))

    def segments(self):
        return [path for path in files_in(self.spool) if path.suffix == ".log"]

    def change(self, path, begin, new):
        with path.open("r+b") as file:
            file.seek(begin)
            file.write(new)

    def flip(self):
        path = self.any_file()
        for _ in range(self.chance.randint(1, 5)):
            begin = self.chance.randrange(max(1, path.stat().st_size))
            self.change(path, begin, random_bytes(self.chance, 1))

    def truncate(self):
        path = self.any_file()
        os.truncate(path, self.chance.randrange(max(1, path.stat().st_size)))

    def delete(self):
        self.any_file().unlink()

    def zero(self):
        path = self.any_file()
        begin = self.chance.randrange(max(1, path.stat().st_size))
        self.change(path, begin, bytes(min(self.chance.randrange(1, 20_000), path.stat().st_size - begin)))

    def shift(self):
        path = self.any_file()
        old = path.read_bytes()
        cut = self.chance.randrange(max(1, len(old)))
        path.write_bytes(old[:cut] + random_bytes(self.chance, self.chance.randrange(1, 50)) + old[cut:])

    def put_foreign(self):
        name = self.chance.choice(("README", "core", "1.log", "00000000.log", "99999999.log", "0000000000000.msg", "x.new"))
        (self.spool / name).write_bytes(random_bytes(self.chance, 3000))

    def put_other_kinds(self):
        name = self.chance.choice(("00000050.log", "fifo", "00CBK000000G0.msg"))
        if os.path.lexists(self.spool / name):
            return
        if self.chance.random() < 0.3:
            os.mkfifo(self.spool / name)
        elif self.chance.random() < 0.5:
            (self.spool / name).symlink_to("/etc/passwd")
        else:
            (self.spool / name).mkdir()

    def duplicate(self):
        path = self.chance.choice(self.segments() or [self.any_file()])
        shutil.copyfile(path, self.spool / f"{self.chance.randrange(20, 40):08}.log")

    def overwrite(self):
        segments = self.segments()
        if len(segments) > 1:
            one, other = self.chance.sample(segments, 2)
            shutil.copyfile(one, other)


class ADamagedSpool(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sink = Sink(answer=later)
        cls.addClassCleanup(cls.sink.close)
        cls.server = Postern(route=[{"via": f"smtp://{cls.sink.address}"}],
                             limits={"smtpd_processes": 1})
        cls.addClassCleanup(cls.server.close)
        cls.spool = cls.server.folder / "spool"
        cls.sent = {}
        for start in range(5):  # a segment each
            cls.server.start()
            for number in range(4):
                sent = content.message(size=LARGE if number == 3 else 3000)
                clients.submit(cls.server, sent)
                cls.sent[content.name_in(sent)] = sent
            cls.server.kill_all()
        cls.owner = cls.spool.stat()
        cls.template = cls.server.folder / "template"
        shutil.copytree(cls.spool, cls.template)
        spool_files.take_off_room_ahead(cls.template)  # damage in it would prove nothing
        cls.records = spool_files.messages_in(cls.template)

    def restore(self):
        shutil.rmtree(self.spool)
        shutil.copytree(self.template, self.spool)

    def give_to_queue(self):
        for path in (self.spool, *self.spool.iterdir()):
            os.chown(path, self.owner.st_uid, self.owner.st_gid, follow_symlinks=False)
        self.spool.chmod(0o700)

    def setUp(self):
        self.restore()
        self.sink.clear()

    def test_of_which_anything_may_be_broken_is_served(self):
        print(f"\nDAMAGE_SEED={SEED}", flush=True)
        chance = random.Random(SEED)
        for number in range(ROUNDS):
            self.restore()
            self.sink.clear()
            damage = Damage(self.spool, chance)
            done = [damage.do_something() for _ in range(chance.randint(1, 3))]
            with self.subTest(round=number, seed=SEED, damage=done):
                self.assert_serves_what_is_whole(done)

    def assert_serves_what_is_whole(self, done):
        self.give_to_queue()
        whole = spool_files.names_of_whole(self.spool, self.records)
        verified = self.server.command("spool", "verify", check=False)
        self.sink.answer = lambda step, argument: None
        self.server.start()
        try:
            wait_until(lambda: whole <= self.arrived().keys(),
                       lambda: f"lost: {whole - self.arrived().keys()}\n{self.server.tail()}")
            if verified.returncode != 0:
                self.assertEqual(verified.returncode, os.EX_DATAERR, verified.stderr)
                wait_until(self.is_told, lambda: f"nothing is said\n{verified.stdout}\n{self.server.tail()}")
            for name, text in self.arrived().items():
                content.fields_added(self.sent[name], text)
            self.assertEqual(len(self.server.lines("role-started", role="queue-0")), 1, self.server.tail())
            if verified.returncode == 0:
                self.assertFalse(self.is_told(), self.server.tail())
                # Of a log that ends too early, or begins too late, nobody can tell that there was more.
                self.assertTrue(whole == self.sent.keys() or self.server.lines("torn-tail")
                                or {"truncate", "delete"} & set(done), f"nothing is said\n{self.server.tail()}")
        finally:
            self.server.kill_all()

    def arrived(self):
        return {content.name_in(message.content): message.content for message in list(self.sink.messages)}

    def is_told(self):
        return any(self.server.lines(event) for event in REPORTS)

    def test_is_described_by_spool_verify(self):
        segment = self.spool / "00000002.log"
        with segment.open("r+b") as file:
            file.seek(400)
            file.write(b"\0\0\0\0")
        (self.spool / "notes.txt").write_text("x")
        large = next(self.spool.glob("*.msg"))
        with large.open("r+b") as file:
            file.seek(1000)
            file.write(b"????")
        before = sorted((path.name, path.stat().st_mtime_ns) for path in self.spool.iterdir())
        done = self.server.command("spool", "verify", "--directory", str(self.spool), check=False)
        self.assertEqual(done.returncode, os.EX_DATAERR, done.stderr)
        self.assertRegex(done.stdout, r"00000002\.log, bytes \d+ to \d+: damaged: .*\(message [0-9A-Z]{13}\)")
        self.assertRegex(done.stdout, r"notes\.txt: foreign")
        self.assertRegex(done.stdout, rf"{large.name}: damaged: its checksum")
        self.assertIn("3 problems", done.stdout)
        listed = json.loads(self.server.command("spool", "verify", "--json", check=False).stdout)
        self.assertEqual(sorted(one["kind"] for one in listed), ["damaged", "damaged", "foreign"])
        self.assertEqual(sorted((path.name, path.stat().st_mtime_ns) for path in self.spool.iterdir()), before)

    def test_that_is_none(self):
        home = self.server.folder / "home"
        home.mkdir(mode=0o700)
        (home / "diary").write_text("x")
        os.chown(home, self.owner.st_uid, self.owner.st_gid)
        other = Postern(queue={"directory": str(home)})
        self.addCleanup(other.close)
        other.launch()
        self.assertEqual(other.process.wait(30), os.EX_CONFIG, other.tail())
        self.assertRegex(other.tail(), r"no spool.*diary.*queue\.directory")
        self.assertEqual(os.listdir(home), ["diary"])
        done = self.server.command("spool", "verify", "--directory", str(home), check=False)
        self.assertEqual(done.returncode, os.EX_NOINPUT)
        done = self.server.command("spool", "verify", "--directory", str(self.spool / "nowhere"), check=False)
        self.assertEqual(done.returncode, os.EX_NOINPUT)
        self.assertFalse((self.spool / "nowhere").exists())
        self.assertEqual(self.server.command("spool", "stats", "--directory", "/dev/null", check=False).returncode,
                         os.EX_CONFIG)


class SpoolCommands(unittest.TestCase):
    def test_tell_the_truth_while_the_server_works(self):
        with Sink() as sink, Postern(route=[{"via": f"smtp://{sink.address}"}]) as server:
            work = load.Load(server).start()
            try:
                work.wait_for(20)
                for _ in range(8):
                    done = server.command("spool", "verify", check=False)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            finally:
                work.stop()
            load.wait_and_reckon(self, [work], sink, server)

    def test_count_what_waits(self):
        with Sink(answer=later) as sink, Postern(route=[{"via": f"smtp://{sink.address}"}]) as server:
            ids = [clients.submit(server, content.message(size=size)) for size in (2000, 3000, LARGE)]
            stats = json.loads(server.command("spool", "stats", "--json").stdout)
            self.assertEqual((stats["messages"], stats["oldest"], stats["large_contents"]), (3, ids[0], 1))
            self.assertGreater(stats["large_content_bytes"], LARGE)
            self.assertGreater(stats["live_bytes"], 5000)
            self.assertEqual(stats["live_bytes"] + stats["dead_bytes"], stats["segment_bytes"])
            self.assertEqual(stats["damaged_files"], 0)
            self.assertIn(f"the oldest {ids[0]}", server.command("spool", "stats").stdout)
