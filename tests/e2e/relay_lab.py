"""A small internet for the relay tester, in one process: machines of their own (network, mounts, processes and host name) with
real servers on them, the tester outside of them, and a bystander who is everybody else.

Nothing here can reach the real network: the process leaves it when it builds its internet, and each machine has only one
wire, which ends in the process. Nothing remains of it either, however the process ends: machines see the real file system
through an overlay in memory, and all their processes are killed with their first one. Needs root.

    tester of machine N   198.51.100.N, 2001:db8::N   (MX of NAME.returns.test; port 25 is free there)
    machine N             10.99.N.2, fd99:N::2        (NAME.lab.test; they trust nobody of the tester's networks)
    bystander             every other address, port 25; every other name in an ordinary domain resolves to him
"""

import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import socket
import subprocess
import unittest

import faults
from harness import PATIENCE, die_with_parent, is_root, make_folder, wait_until
from sink import Sink

SERVER_HERE = "10.99.255.2"  # for servers that run on no machine of their own
BYSTANDER = "203.0.113.25"
_NAME_SERVER = "198.51.100.253"
_DOMAINS = ("test", "example", "com", "net", "org")  # whose every name resolves to the bystander
_CLONE_NEWNET = 0x40000000
_DNSMASQ = "/usr/sbin/dnsmasq"


def _ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True, capture_output=True, timeout=PATIENCE)


def _leave_network():
    """From here on this thread, and every thread and process that it starts, has a network without any wire."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise unittest.SkipTest(f"no network namespace here: {os.strerror(ctypes.get_errno())}")


class Internet:
    """`names`: the machines that there will be; machine N is the Nth."""

    def __init__(self, names):
        if not is_root():
            raise unittest.SkipTest("only root makes machines")
        faults.own_mounts()
        _leave_network()
        self.names = list(names)
        self.folder = make_folder()
        self._closers = []
        # Threads end only with the internet: what a thread has started dies with it (die_with_parent).
        self.workers = concurrent.futures.ThreadPoolExecutor(len(self.names) + 4)
        self._lay_wires()
        self._name_everything()
        with concurrent.futures.ThreadPoolExecutor(1) as elsewhere:
            self.bystander = elsewhere.submit(self._stand_by).result()
        self._closers.append(self.bystander.close)
        _ip("addr", "add", "10.99.254.1/24", "dev", "elsewhere")
        _ip("link", "set", "elsewhere", "up")
        _ip("route", "add", "default", "via", "10.99.254.2")
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def _lay_wires(self):
        _ip("link", "set", "lo", "up")
        _ip("addr", "add", _NAME_SERVER, "dev", "lo")
        _ip("addr", "add", SERVER_HERE, "dev", "lo")
        for number, _ in enumerate(self.names, 1):
            _ip("addr", "add", f"198.51.100.{number}", "dev", "lo")
            _ip("addr", "add", f"2001:db8::{number}", "dev", "lo", "nodad")

    def _stand_by(self):
        """All the rest of the internet, behind a wire of its own: whoever is connected to there is the bystander. The
        thread that runs this lives there from now on, and so do the sockets that it makes: it must do nothing else."""
        process = os.getpid()
        _leave_network()
        _ip("link", "set", "lo", "up")
        _ip("link", "add", "near", "type", "veth", "peer", "name", "elsewhere", "netns", process)
        _ip("addr", "add", "10.99.254.2/24", "dev", "near")
        _ip("link", "set", "near", "up")
        for network in ("10.99.0.0/16", "198.51.100.0/24"):
            _ip("route", "add", network, "via", "10.99.254.1")
        _ip("route", "add", "local", "0.0.0.0/0", "dev", "lo")
        return Sink("0.0.0.0", 25)

    def _name_everything(self):
        records = []
        for number, name in enumerate(self.names, 1):
            records += [f"--host-record={name}.lab.test,10.99.{number}.2",
                        f"--host-record=tester.{name}.returns.test,198.51.100.{number}",
                        f"--mx-host={name}.returns.test,tester.{name}.returns.test"]
        process = subprocess.Popen(
            [_DNSMASQ, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-daemon",
             "--user=root", "--bind-interfaces", f"--listen-address={_NAME_SERVER}", "--pid-file=",
             "--address=/#/", f"--address=/{'/'.join(_DOMAINS)}/{BYSTANDER}", *records],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self._closers.append(lambda: (process.kill(), process.wait()))
        for name, text in {"resolv.conf": f"nameserver {_NAME_SERVER}\noptions timeout:1\n",
                           "hosts": "127.0.0.1 localhost\n::1 localhost\n"}.items():
            file = self.folder / name
            file.write_text(text)
            faults.mount("--bind", file, pathlib.Path("/etc", name).resolve())
            self._closers.append(lambda name=name: subprocess.run(
                ["umount", "-l", pathlib.Path("/etc", name).resolve()], capture_output=True, timeout=PATIENCE))

    def tester(self, name):
        """The address whence the tester looks at a machine, and where its mail comes back."""
        return f"198.51.100.{self.names.index(name) + 1}"

    def address(self, name):
        """Of a machine."""
        return f"10.99.{self.names.index(name) + 1}.2"

    def close(self):
        for close in reversed(self._closers):
            close()
        self.workers.shutdown(cancel_futures=True)


_MACHINE = """
set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs none "$1/root/run"
mount -t tmpfs none "$1/root/tmp"
chmod 1777 "$1/root/tmp"
hostname "$2"
echo ready
exec chroot "$1/root" sleep infinity
"""


class Machine:
    """A host of its own, with the real one's programs, and its own copy of everything that changes."""

    def __init__(self, internet, name):
        self.internet, self.name = internet, name
        self.number = internet.names.index(name) + 1
        self.address, self.address6 = internet.address(name), f"fd99:{self.number}::2"
        self.host = f"{name}.lab.test"
        self._first = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "sh", "-c", _MACHINE,
             "sh", make_folder(), self.host],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        self._first.stdout.readline()
        children = pathlib.Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children").read_text().split()
        if not children:
            raise AssertionError(f"no machine: unshare ended with {self._first.wait()}")
        self._inside = ["nsenter", f"--target={children[0]}", "--net", "--mount", "--pid", "--uts", "--ipc", "--root",
                        "--wd"]
        self._connect(children[0])
        self.write("/etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n{self.address} {self.host} {name}\n")
        self.write("/etc/resolv.conf", f"nameserver {_NAME_SERVER}\noptions timeout:1\n")
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", mode=0o755)  # installing starts nothing

    def _connect(self, pid):
        """The one wire, from the machine's `lan` to the tester."""
        here = f"wire{self.number}"
        _ip("link", "add", here, "type", "veth", "peer", "name", "lan", "netns", pid)
        _ip("addr", "add", f"10.99.{self.number}.1/24", "dev", here)
        _ip("addr", "add", f"fd99:{self.number}::1/64", "dev", here, "nodad")
        _ip("link", "set", here, "up")
        self.run("sh", "-ec", f"""
ip link set lo up
echo 0 > /proc/sys/net/ipv6/conf/lan/accept_dad
ip addr add {self.address}/24 dev lan
ip addr add {self.address6}/64 dev lan nodad
ip link set lan up
ip route add default via 10.99.{self.number}.1
ip -6 route add default via fd99:{self.number}::1
""")

    def run(self, *command, input=None, check=True):
        """Runs a command to its end; what it printed. Daemons that it starts live on until the machine is closed."""
        done = subprocess.run([*self._inside, *map(str, command)], input=input or "", text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=2 * PATIENCE,
                              preexec_fn=die_with_parent,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"})
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: {command}: {done.returncode}\n{done.stdout}")
        return done.stdout

    def serve(self, *command):
        """Starts a program that stays in the foreground."""
        return subprocess.Popen([*self._inside, *map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)

    def write(self, path, text, mode=0o644):
        self.run("sh", "-c", 'cat > "$1" && chmod "$2" "$1"', "sh", path, f"{mode:o}", input=text)

    def read(self, path):
        return self.run("cat", path, check=False)

    def wait_for_greeting(self, port=25):
        def greets():
            with contextlib.suppress(OSError), socket.create_connection((self.address, port), timeout=10) as connection:
                return connection.recv(3) == b"220"
        wait_until(greets, f"{self.name} greets")
        return self

    def close(self):
        self._first.kill()
        self._first.wait()
        self._first.stdout.close()
