"""A Postern of one's own: configured in a temporary folder, run, watched by its log, killed, and cleaned up.

Everything listens on loopback only. As root the roles change to their own users, as they do in an office; as an
ordinary user all runs under that user. The program under test is named by POSTERN (default: build/asan/postern).
"""

import atexit
import contextlib
import ctypes
import json
import os
import pathlib
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("POSTERN", ROOT / "build/asan/postern")).resolve()
LOOPBACK = "127.0.0.1"
OFFICE = "smarthost.office.example"  # the hostname in every configuration
PATIENCE = 30.0  # seconds for what should take a moment: sanitizers and a busy machine are slow

# What sanitizers, and Postern about its own faults, write to standard error. A test that sees one fails at its end.
UNSOUND = re.compile(r"Sanitizer|runtime error:|terminate called|\bERROR bug\b")
_FIELD = re.compile(r'([a-z0-9_-]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)')
_ESCAPE = re.compile(r'\\(x[0-9a-f]{2}|.)')


def is_root():
    return os.geteuid() == 0


def die_with_parent():
    """For preexec_fn: nothing that a test starts outlives it, however it ends."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


_claims = []  # abstract Unix sockets, one for each port that was given away: gone with this process


def free_port():
    """A port below the ephemeral range, so that no outgoing connection can take it before its server does; and given to
    nobody else, here or in a module that runs beside this one."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                claim.bind(f"\0postern-test-port-{port}")
                probe.bind(("0.0.0.0", port))
                _claims.append(claim)
                return port
        claim.close()


def wait_until(condition, what, patience=PATIENCE):
    """The condition's first true value. Fails with `what` (words, or a function that gives them) when time is up."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience} s: {what() if callable(what) else what}")
        time.sleep(0.02)


def make_folder():
    """A temporary folder that the roles' users can pass through; gone when the process ends."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-e2e-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def toml(tables):
    """A configuration from nested dictionaries; lists of dictionaries become arrays of tables."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in tables.items()
             if not isinstance(value, dict) and not _is_tables(value)]
    for key, value in tables.items():
        if isinstance(value, dict):
            lines += [f"[{key}]", toml(value)]
        elif _is_tables(value):
            for table in value:
                lines += [f"[[{key}]]", toml(table)]
    return "\n".join(lines) + "\n"


def _is_tables(value):
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


class LogLine:
    """`TIME role [WARNING|ERROR] event key=value ...`"""

    def __init__(self, text):
        words = text.split(" ", 3)
        self.text = text
        self.role = words[1] if len(words) > 1 else ""
        self.level = words[2] if len(words) > 2 and words[2] in ("WARNING", "ERROR") else "INFO"
        rest = text.split(" ", 2)[2] if len(words) > 2 else ""
        if self.level != "INFO":
            rest = rest.partition(" ")[2]
        self.event = rest.partition(" ")[0]
        self.fields = {key: _unquoted(value) for key, value in _FIELD.findall(rest)}

    def __getitem__(self, key):
        return self.fields[key]

    def __repr__(self):
        return self.text

    def fits(self, event, fields):
        return self.event == event and all(self.fields.get(key) == str(value) for key, value in fields.items())


def _unquoted(text):
    if not text.startswith('"'):
        return text
    return _ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 3 else m[1], text[1:-1])


class Certificates:
    """An authority of our own, and the certificates that it signs (by the openssl command)."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = self._make("authority", "-addext", "basicConstraints=critical,CA:TRUE")[0]

    def make(self, name, *subjects, trusted=True):
        """(certificate, key) for `subjects`, such as DNS:mail.example or IP:127.0.0.1."""
        signer = ("-CA", self.authority, "-CAkey", self.folder / "authority.key") if trusted else ()
        return self._make(name, "-addext", "subjectAltName=" + ",".join(subjects),
                          "-addext", "basicConstraints=critical,CA:FALSE", *signer)

    def _make(self, name, *options):
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        fresh = {path: path.with_suffix(path.suffix + ".new") for path in (certificate, key)}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days", "30", "-subj", f"/CN={name}", *options,
                        "-out", fresh[certificate], "-keyout", fresh[key]], check=True, capture_output=True)
        fresh[key].chmod(0o600)
        for path, new in fresh.items():
            new.rename(path)
        return certificate, key


class Postern:
    """One installation. Sections given by keyword replace keys of the default configuration:
    `Postern(queue={"first_retry": "1s"}, route=[{"via": "smtp://127.0.0.1:2525"}])`."""

    def __init__(self, user=None, **sections):
        self.user = user  # whom to run as, instead of ourselves
        self.folder = make_folder()
        self.certificates = Certificates(self.folder)
        certificate, key = self.certificates.make("server", f"DNS:{OFFICE}", "DNS:localhost", f"IP:{LOOPBACK}")
        self.ports = {name: free_port() for name in ("starttls", "implicit", "required", "clear")}
        self.logfile = self.folder / "log"
        self.process = None
        self._log_from = 0
        self.config = {
            "hostname": OFFICE,
            "listener": [
                {"address": f"{LOOPBACK}:{self.ports['starttls']}", "tls": "starttls"},
                {"address": f"{LOOPBACK}:{self.ports['implicit']}", "tls": "implicit"},
                {"address": f"{LOOPBACK}:{self.ports['required']}", "tls": "starttls", "auth": "required"},
                {"address": f"{LOOPBACK}:{self.ports['clear']}", "tls": "none", "auth": "none"},
            ],
            "tls": {"certificate": str(certificate), "private_key": str(key)},
            "access": {"mynetworks": [f"{LOOPBACK}/32"]},
            "auth": {"users": str(self.folder / "users")},
            "queue": {"directory": str(self.folder / "spool"), "first_retry": "1s", "max_retry": "2s"},
            "delivery": {"tls_ca_file": str(self.certificates.authority), "deliver_to_private": True},
            "control": {"socket": str(self.folder / "control.sock")},
        }
        self.configure(**sections)
        if user:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, user)
        elif is_root():
            make_users()

    # ── configuration ──

    def configure(self, **sections):
        for name, value in sections.items():
            if isinstance(value, dict):
                self.config[name] = {**self.config.get(name, {}), **value}
            else:
                self.config[name] = value
        self.write_config(toml(self.config))

    def write_config(self, text):
        self.config_file.write_text(text)

    @property
    def config_file(self):
        return self.folder / "postern.toml"

    @property
    def certificate(self):
        return pathlib.Path(self.config["tls"]["certificate"])

    # ── commands ──

    def command(self, *arguments, input=None, check=True):
        """Runs `postern ARGUMENTS --config FILE` to its end."""
        done = subprocess.run([*self._prefix(), PROGRAM, *arguments, "--config", self.config_file], input=input,
                              text=True, capture_output=True, timeout=PATIENCE, preexec_fn=die_with_parent)
        if check and done.returncode != 0:
            raise AssertionError(f"postern {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def _prefix(self):
        if not self.user:
            return []
        return ["setpriv", f"--reuid={self.user}", "--regid=nogroup", "--clear-groups"]

    def add_user(self, name="alice@office.example"):
        """A user with a password that is returned."""
        password = secrets.token_urlsafe(12)
        self.command("user", "add", name, "--password-stdin", input=password + "\n")
        return password

    def queue(self):
        """What `postern queue list --json` says."""
        return json.loads(self.command("queue", "list", "--json").stdout)

    # ── life ──

    def start(self):
        self.launch()
        self.wait_for("started")
        return self

    def launch(self):
        """Starts `postern serve` without waiting for it to serve."""
        self._log_from = self.logfile.stat().st_size if self.logfile.exists() else 0
        with self.logfile.open("ab") as log:
            self.process = subprocess.Popen([*self._prefix(), PROGRAM, "serve", "--config", self.config_file],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, preexec_fn=die_with_parent)

    def stop(self, patience=15.0):
        """SIGTERM; then the exit code, and how long it took."""
        asked = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise AssertionError(f"still running {patience} s after SIGTERM") from None
        return code, time.monotonic() - asked

    def reload(self, event="reloaded"):
        """SIGHUP, and the log line that answers it."""
        seen = self.mark()
        self.process.send_signal(signal.SIGHUP)
        return self.wait_for(event, since=seen)

    def kill_all(self):
        """SIGKILL to the supervisor and all its roles at the same instant; until none of them holds anything any more."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: not living_group(self.process.pid), "all roles are gone")

    def kill_role(self, name, number=signal.SIGKILL):
        """Kills a role, e.g. `smtpd-0`; the line of its successor's start."""
        seen = self.mark()
        os.kill(self.pid_of(name), number)
        return self.wait_for("role-started", since=seen, role=name)

    def pid_of(self, name):
        return int(self.lines("role-started", role=name)[-1]["pid"])

    def pids(self):
        """The processes of all roles, by their names."""
        return {line["role"]: int(line["pid"]) for line in self.lines("role-started")}

    def descriptors(self, role):
        """How many files and sockets the processes of a role hold, e.g. of `smtpd`."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for name, pid in self.pids().items() if name.startswith(role))

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def close(self):
        """Ends it, whatever state it is in, and complains about what should never be in a log."""
        if self.is_running():
            self.stop()
        unsound = [line for line in self._all_text().splitlines() if UNSOUND.search(line)]
        if unsound:
            raise AssertionError("the log has:\n" + "\n".join(unsound[:20]) + "\n…\n" + self._all_text()[-8000:])
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            self.close()
        except AssertionError:
            if kind is None:  # else the test's own failure says more
                raise
        finally:
            if self.is_running():
                self.kill_all()

    # ── log ──

    def mark(self):
        """A place in the log: `wait_for` and `lines` take it as `since`."""
        return self.logfile.stat().st_size

    def _all_text(self):
        return self.logfile.read_text(errors="replace") if self.logfile.exists() else ""

    def log(self, since=None):
        """All whole lines since this start, or since a mark."""
        with self.logfile.open("rb") as file:
            file.seek(self._log_from if since is None else since)
            text = file.read()
        return [LogLine(line) for line in text[:text.rfind(b"\n") + 1].decode(errors="replace").splitlines()]

    def lines(self, event, since=None, **fields):
        return [line for line in self.log(since) if line.fits(event, fields)]

    def story(self, message_id):
        """Every line about one message."""
        return [line for line in self.log() if line.fields.get("id") == message_id]

    def wait_for(self, event, since=None, patience=PATIENCE, **fields):
        """The first line with this event and these fields."""
        def find():
            found = self.lines(event, since, **fields)
            if not found and event != "stopped" and self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode} before {event}:\n{self.tail()}")
            return found
        return wait_until(find, lambda: f"{event} {fields}\n{self.tail()}", patience)[0]

    def tail(self, lines=40):
        return "\n".join(self._all_text().splitlines()[-lines:])


def group_of(pid):
    """Its process group; None: it is gone, or only waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            state, _, group = stat.read().rpartition(")")[2].split()[:3]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in ("Z", "X") else int(group)


def living_group(group):
    """The processes of a group that still run."""
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and group_of(pid) == group]


def make_users():
    """The users of the roles, where they are missing."""
    try:
        pwd.getpwnam("postern-queue")
    except KeyError:
        subprocess.run([ROOT / "etc/create-users"], check=True, capture_output=True)
