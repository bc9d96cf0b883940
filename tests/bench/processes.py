"""What the processes of a server cost: CPU, memory, system calls. From /proc and strace, so for any server."""

import os
import re
import signal
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """The fields of /proc/PID/stat behind the name; index 0 is the state. None: it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def tree(root):
    """`root` and all its descendants that live."""
    children = {}
    for name in os.listdir("/proc"):
        fields = _stat(name) if name.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(root):
    """User and system time of `root`, of all its descendants that live, and of those that ended and were waited for."""
    total = 0
    for pid in tree(root):
        fields = _stat(pid)
        if fields:
            total += sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
    return total / TICKS


def thread_seconds(root):
    """User and system time of each thread, by the role of its process (of Postern's), and its number."""
    spent = {}
    for pid in tree(root):
        words = _command_line(pid)
        if "role" not in words:
            continue
        role = words[words.index("role") + 1]
        for thread in os.listdir(f"/proc/{pid}/task"):
            fields = _stat(f"{pid}/task/{thread}")
            if fields:
                spent[role, thread] = sum(map(int, fields[11:13])) / TICKS
    return spent


def machine_cpu_seconds():
    """What all cores have worked, with interrupts and kernel threads; not what they idled or waited for the disk."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _wait, irq, softirq = map(int, file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def _pss_kib(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            found = re.search(r"^Pss:\s+(\d+)", file.read(), re.MULTILINE)
            return int(found[1]) if found else 0
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has ended


def pss_mib(root):
    """Proportional set size: memory that processes share is counted once."""
    return sum(map(_pss_kib, tree(root))) / 1024


def pss_mib_of(root, role):
    """Of those alone whose command line has the word."""
    found = [pid for pid in tree(root) if role in _command_line(pid)]
    if not found:
        raise RuntimeError(f"no process is called {role}")
    return sum(map(_pss_kib, found)) / 1024


def _command_line(pid):
    with open(f"/proc/{pid}/cmdline") as file:
        return re.split(r"[\0 ]+", file.read())


class PeakMemory:
    """The most that `pss_mib` answers during a `with`, asked every few milliseconds: `mib`, of `samples`."""

    PAUSE = 0.003  # seconds
    SAME = 20  # samples of the same processes, before others are looked for: that takes longer than they do

    def __init__(self, root):
        self._root = root
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.mib = 0
        self.samples = 0

    def _watch(self):
        while not self._is_over.wait(self.PAUSE):
            if self.samples % self.SAME == 0:
                pids = tree(self._root)
            self.mib = max(self.mib, sum(map(_pss_kib, pids)) / 1024)
            self.samples += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()


class Strace:
    """Attached to all processes of a server, and those that they start: `with Strace(root, options, file):`."""

    def __init__(self, root, options, output):
        pids = [word for pid in tree(root) for word in ("-p", str(pid))]
        self._command = ["strace", "-f", "-o", output, *options, *pids]
        self._count = len(tree(root))

    def __enter__(self):
        self._strace = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        attached = 0
        while attached < self._count:  # strace says so once a process
            line = self._strace.stderr.readline()
            if not line:
                raise RuntimeError("strace could not attach")
            attached += "attached" in line
        return self

    def __exit__(self, *_):
        self._strace.send_signal(signal.SIGINT)
        self._strace.communicate()


def calls_in(summary):
    """From the file that `strace -c` wrote: how often each system call was made."""
    calls = {}
    with open(summary) as file:
        for line in file:
            words = line.split()
            if len(words) >= 5 and words[0].replace(".", "").isdigit():
                calls[words[-1]] = int(words[3])
    calls.pop("total", None)
    return calls


def wait_until(is_true, seconds, what):
    """Asks every 20 ms; says what was waited for in vain."""
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.02)
