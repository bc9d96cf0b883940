"""The servers under test, each with its own folder on the same disk. Here what they share, and Postern.

Both take mail for everyone from 127.0.0.1 without TLS (and from no other address), have a second listener with STARTTLS,
pass everything on to the sink, and sync every message before they say yes.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import tarpit
from processes import wait_until

START_SECONDS = 60
STOP_SECONDS = 20
USERS = 50  # an office; where nothing else is said


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def greets(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
            return client.recv(3) == b"220"
    except OSError:
        return False


class Server:
    """A server that runs: `port`, `tls_port`, `root` (the process from which all its others descend).

    `holds`: it takes mail and does not pass it on. `tarpit_port`: where mail for the slow domain goes. `users`: how many
    there are. `has_logins`: they log in. `cores`: the only ones that it may use.
    """

    name = ""
    password = "a password of usual length"

    def __init__(self, directory, sink_port, *, holds=False, tarpit_port=0, users=USERS, has_logins=False, cores=None):
        self.directory = pathlib.Path(directory)
        self.sink_port = sink_port
        self.holds = holds
        self.tarpit_port = tarpit_port
        self.users = users
        self.has_logins = has_logins
        self.cores = cores
        self.port, self.tls_port = free_port(), free_port()
        self.log = self.directory / "log"
        self._process = None

    @staticmethod
    def user(number):
        return f"user-{number}@bench.example"

    def __enter__(self):
        self.directory.mkdir(mode=0o755)
        self._command = self.prepare()
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Answers when it began to start (time.monotonic); returns once it greets."""
        pin = (lambda: os.sched_setaffinity(0, self.cores)) if self.cores else None
        with open(self.log, "a") as log:
            began = time.monotonic()
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             start_new_session=True, preexec_fn=pin)
        self.root = self._process.pid
        try:
            wait_until(lambda: self.has_ended() or greets(self.port), START_SECONDS, f"{self.name} starts")
            if self.has_ended():
                raise RuntimeError(f"{self.name} ended at its start:\n{self.log.read_text(errors='replace')}")
        except BaseException:
            self.stop()
            raise
        return began

    def stop(self):
        if self.has_ended():
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.root, signal.SIGKILL)
            self._process.wait()

    def has_ended(self):
        return self._process is None or self._process.poll() is not None

    def write(self, name, text):
        file = self.directory / name
        file.write_text(text)
        return file

    def certificate(self):
        """A self-signed one, with its key: two files."""
        chain, key = self.directory / "chain.pem", self.directory / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-days", "2", "-out", chain, "-keyout", key],
                       check=True, capture_output=True)
        return chain, key


class Postern(Server):
    name = "Postern"
    program = "postern"

    def add_users(self, config):
        """All with the same password, who may send as anyone: one verifier serves them all."""
        users = self.directory / "users"
        subprocess.run([self.program, "user", "add", self.user(0), "--any-sender", "--password-stdin", "--config", config],
                       input=self.password + "\n", text=True, check=True, capture_output=True)
        line = users.read_text().splitlines()[-1]
        with users.open("a") as file:
            file.writelines(line.replace(self.user(0), self.user(number), 1) + "\n" for number in range(1, self.users))
        users.chmod(0o640)
        shutil.chown(users, group="postern-auth")

    def prepare(self):
        chain, key = self.certificate()
        key.chmod(0o600)
        # A relayhost that refuses connections: what is taken stays in the queue.
        next_hop = free_port() if self.holds else self.sink_port
        tarpit_route = f"""
[[route]]
recipient_domains = ["{tarpit.DOMAIN}"]
via = ["smtp://127.0.0.1:{self.tarpit_port}"]
""" if self.tarpit_port else ""
        config = self.write("postern.toml", f"""
hostname = "bench.example"
[[listener]]
address = "127.0.0.1:{self.port}"
tls = "none"
auth = "none"
[[listener]]
address = "127.0.0.1:{self.tls_port}"
tls = "starttls"
[tls]
certificate = "{chain}"
private_key = "{key}"
[auth]
users = "{self.directory}/users"
[access]
mynetworks = ["127.0.0.1/32"]
[queue]
directory = "{self.directory}/spool"
{tarpit_route}
[[route]]
via = ["smtp://127.0.0.1:{next_hop}"]
[limits]
connections = 4000
connections_per_ip = 4000
[control]
socket = "{self.directory}/control"
""")
        self.add_users(config)
        return [self.program, "serve", "--config", str(config)]

    @staticmethod
    def version():
        return subprocess.run([Postern.program, "--version"], check=True, capture_output=True,
                              text=True).stdout.strip()
