"""The two servers under test, each with its own folder on the same disk: Postfix tuned for throughput, and Postern.

Both take mail for everyone from 127.0.0.1 without TLS (and from no other address), have a second listener with STARTTLS,
pass everything on to the sink, and sync every message before they say yes. `holds`: they take mail and do not pass it on.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess

import tarpit
from processes import wait_until

START_SECONDS = 30
STOP_SECONDS = 20


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
    """A server that runs: `port`, `tls_port`, `root` (the process from which all its others descend)."""

    name = ""
    users = 2000  # of each kind, where there are users

    def __init__(self, directory, sink_port, holds, tarpit_port=0):
        self.directory = pathlib.Path(directory)
        self.sink_port = sink_port
        self.holds = holds
        self.tarpit_port = tarpit_port  # where mail for the slow domain goes; 0: nowhere else
        self.port, self.tls_port = free_port(), free_port()
        self.log = self.directory / "log"

    def __enter__(self):
        self.directory.mkdir(mode=0o755)
        command = self.prepare()
        with open(self.log, "a") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             start_new_session=True)
        self.root = self._process.pid
        try:
            wait_until(lambda: self.has_ended() or greets(self.port), START_SECONDS, f"{self.name} starts")
            if self.has_ended():
                raise RuntimeError(f"{self.name} ended at its start:\n{self.log.read_text(errors='replace')}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if not self.has_ended():
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.root, signal.SIGKILL)
            self._process.wait()

    def has_ended(self):
        return self._process.poll() is not None

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
    password = "a password of usual length"

    @staticmethod
    def user(name):
        return f"{name}@bench.example"

    def add_users(self, config):
        """`warm`, and many others with the same password: one verifier serves them all."""
        users = self.directory / "users"
        subprocess.run([self.program, "user", "add", self.user("warm"), "--password-stdin", "--config", config],
                       input=self.password + "\n", text=True, check=True, capture_output=True)
        line = users.read_text().splitlines()[-1]
        with users.open("a") as file:
            for kind in ("first", "cold"):
                file.writelines(line.replace("warm", f"{kind}-{number}", 1) + "\n" for number in range(self.users))
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


class Postfix(Server):
    """Only the services that a smarthost needs, no chroot, processes that stay; nothing that weakens its syncs."""

    name = "Postfix"
    processes = 1100  # of one service, at most: 1,000 sessions need as many smtpd

    def prepare(self):
        for name in ("etc", "queue", "data"):
            (self.directory / name).mkdir()
        subprocess.run(["chown", "postfix", self.directory / "data"], check=True)
        self.write("etc/main.cf", self.main_cf())
        self.write("etc/master.cf", self.master_cf())
        config = self.directory / "etc"
        subprocess.run(["postfix", "-c", config, "check"], check=True, capture_output=True)
        daemons = subprocess.run(["postconf", "-c", config, "-hx", "daemon_directory"], check=True, capture_output=True,
                                 text=True).stdout.strip()
        return [f"{daemons}/master", "-c", config, "-s"]

    def main_cf(self):
        chain, key = self.certificate()
        # Postfix's own way to take mail and not pass it on: into its hold queue, by an access rule.
        hold = "smtpd_end_of_data_restrictions = check_client_access static:HOLD" if self.holds else ""
        slow = f"inline:{{{{{tarpit.DOMAIN}=smtp:[127.0.0.1]:{self.tarpit_port}}}}}"
        transport = f"transport_maps = {slow}" if self.tarpit_port else ""
        return f"""
compatibility_level = 3.6
queue_directory = {self.directory}/queue
data_directory = {self.directory}/data
maillog_file = {self.log}
maillog_file_prefixes = {self.directory}
myhostname = bench.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.1/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtputf8_enable = no
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_client_event_limit_exceptions = static:all
smtpd_client_connection_count_limit = 0
smtpd_tls_chain_files = {key}, {chain}
receive_override_options = no_address_mappings, no_header_body_checks, no_unknown_recipient_checks
relayhost = [127.0.0.1]:{self.sink_port}
default_process_limit = {self.processes}
max_use = 100000
max_idle = 1000s
in_flow_delay = 0
qmgr_message_active_limit = 40000
initial_destination_concurrency = 20
default_destination_concurrency_limit = 20
smtp_connection_cache_on_demand = yes
{hold}
{transport}
"""

    def master_cf(self):
        return f"""
127.0.0.1:{self.port} inet n - n - - smtpd
127.0.0.1:{self.tls_port} inet n - n - - smtpd
  -o smtpd_tls_security_level=may
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""

    @staticmethod
    def version():
        return "Postfix " + subprocess.run(["postconf", "-dh", "mail_version"], check=True, capture_output=True,
                                           text=True).stdout.strip()
