"""Faults that a disk, a kernel and an operator produce, made for one Postern: a small file system of its own, system calls
that fail, descriptors that run out. All of it is gone with the process that made it, however it ends."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import unittest

from harness import PATIENCE, die_with_parent, is_root, wait_until

_CLONE_NEWNS = 0x20000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_MIB = 1024 * 1024


def own_mounts():
    """From here on this process mounts for itself and its children alone. Skips where that is not allowed."""
    if not is_root():
        raise unittest.SkipTest("only root mounts file systems")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        raise unittest.SkipTest(f"no mount namespace here: {os.strerror(ctypes.get_errno())}")


def mount(*arguments):
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        raise unittest.SkipTest(f"mount {' '.join(map(str, arguments))}: {done.stderr.strip()}")


class SmallDisk:
    """A file system of `mib` mebibytes as the spool of a Postern that is not running yet. `kind`: tmpfs, or ext4 in a
    file."""

    def __init__(self, test, server, mib, kind="tmpfs", names=0):
        self.path = server.folder / "spool"
        self.path.mkdir()
        if kind == "tmpfs":
            mount("-t", "tmpfs", "-o", f"size={mib}m" + (f",nr_inodes={names}" if names else ""), "tmpfs", self.path)
        else:
            image = server.folder / "image"
            with image.open("wb") as file:
                file.truncate(mib * _MIB)
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True, capture_output=True)
            mount("-o", "loop", image, self.path)
        test.addCleanup(self.unmount)

    def unmount(self):
        subprocess.run(["umount", "-l", self.path], capture_output=True, timeout=PATIENCE)

    def remount(self, how):
        """`ro` or `rw`; False: somebody writes to it right now."""
        return subprocess.run(["mount", "-o", f"remount,{how}", self.path], capture_output=True).returncode == 0

    def free(self):
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    @contextlib.contextmanager
    def filled_up(self):
        """Somebody else takes all that is left."""
        file = self.path / "damaged" / "not-mail"
        file.parent.mkdir(exist_ok=True)
        with contextlib.suppress(OSError), file.open("wb", buffering=0) as out:
            while out.write(b"x" * 65536):
                pass
        try:
            yield
        finally:
            file.unlink()


@contextlib.contextmanager
def failing(server, *rules, role="queue-0"):
    """System calls of a running role fail as strace's `inject` says, e.g. `fdatasync:error=EIO`. Calls are counted by
    thread (`when=1`)."""
    if shutil.which("strace") is None:
        raise unittest.SkipTest("strace is not installed")
    calls = ",".join(rule.partition(":")[0] for rule in rules)
    injections = [word for rule in rules for word in ("-e", f"inject={rule}")]
    process = subprocess.Popen(["strace", "-f", "-e", f"trace={calls}", *injections, "-o", server.folder / "injected",
                                "-p", str(server.pid_of(role))], stderr=subprocess.PIPE, text=True,
                               preexec_fn=die_with_parent)
    line = process.stderr.readline()
    if "attached" not in line:
        process.wait()
        raise unittest.SkipTest(f"strace may not trace here: {line.strip()}")
    tasks = f"/proc/{server.pid_of(role)}/task"
    wait_until(lambda: all(_is_traced(f"{tasks}/{task}/status") for task in os.listdir(tasks)), "strace has all threads")
    try:
        yield
    finally:
        process.terminate()  # lets go of it
        process.communicate()


def _is_traced(status):
    with open(status) as file:
        return "TracerPid:\t0\n" not in file.read()


@contextlib.contextmanager
def no_descriptors(pid):
    """The process may open nothing more."""
    with open(f"/proc/{pid}/limits") as limits:
        before = next(line.split()[3] for line in limits if line.startswith("Max open files"))
    _limit_open_files(pid, max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1)
    try:
        yield
    finally:
        _limit_open_files(pid, before)


def _limit_open_files(pid, count):
    """As the user that the process runs as: root itself may lack the right."""
    status = os.stat(f"/proc/{pid}")
    prefix = ["setpriv", f"--reuid={status.st_uid}", f"--regid={status.st_gid}", "--clear-groups"] if is_root() else []
    subprocess.run([*prefix, "prlimit", f"--pid={pid}", f"--nofile={count}:"], check=True, timeout=PATIENCE)
