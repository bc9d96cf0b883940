"""A name server of one's own (Debian's dnsmasq), which knows the zone `test` and nothing else."""

import socket
import subprocess

from harness import LOOPBACK, die_with_parent, free_port, wait_until

PROGRAM = "/usr/sbin/dnsmasq"


class NameServer:
    """Answers for `test` and below; for every other name it refuses, which is a temporary failure for who asks."""

    def __init__(self, *, mx=(), hosts=None, null_mx=()):
        """`mx`: rows of (domain, host, preference). `hosts`: name -> address. `null_mx`: domains that take no mail."""
        self.port = free_port()
        records = [f"--mx-host={domain},{host},{preference}" for domain, host, preference in mx]
        records += [f"--host-record={name},{address}" for name, address in (hosts or {}).items()]
        records += [f"--dns-rr={domain},15,000000" for domain in null_mx]  # preference 0, the root: RFC 7505
        self._process = subprocess.Popen(
            [PROGRAM, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-daemon",
             "--bind-interfaces", f"--listen-address={LOOPBACK}", f"--port={self.port}", "--local=/test/",
             "--pid-file=", *records],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        wait_until(self._is_listening, "dnsmasq listens")

    @property
    def address(self):
        return f"{LOOPBACK}:{self.port}"

    def _is_listening(self):
        if self._process.poll() is not None:
            raise AssertionError(f"dnsmasq ended with {self._process.returncode}")
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0

    def close(self):
        self._process.terminate()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
