"""The load programs (bench_generator, bench_arrivals, bench_sink, bench_idle), led from Python."""

import json
import resource
import select
import socket
import subprocess

PATIENCE = 300  # seconds for a run; a server that needs longer has failed
SLOWEST = 500  # messages/s, when many are handed in


def _raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def generate(programs, port, messages, sessions, per_connection, size, pipelining=False, tls=False, *, resume=False,
             login=None, times=False):
    """Hands in the messages; the generator's figures, with all accepted, or an error. `login`: user and password.
    `times`: with the time of each message's reply."""
    command = [f"{programs}/bench_generator", "--port", str(port), "--messages", str(messages),
               "--sessions", str(sessions), "--per-connection", str(per_connection), "--size", str(size)]
    command += ["--pipelining"] * pipelining + ["--tls"] * tls + ["--resume"] * resume + ["--times"] * times
    command += ["--user", login[0], "--password", login[1]] if login else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True,
                          timeout=max(PATIENCE, messages / SLOWEST), preexec_fn=_raise_file_limit)
    figures = json.loads(done.stdout)
    if figures["messages"] != messages:
        raise RuntimeError(f"only {figures['messages']} of {messages} messages were accepted")
    return figures


def arrive(programs, port, connections, sessions, *, source="", tls=False, resume=False, login=None, first=0,
           refused=False):
    """Connections that submit nothing; their figures, with all served, or an error. `login`: user and password; `%` in
    the user becomes the connection's number, counted from `first`."""
    command = [f"{programs}/bench_arrivals", "--port", str(port), "--connections", str(connections),
               "--sessions", str(sessions)]
    command += ["--source", source] if source else []
    command += ["--user", login[0], "--password", login[1], "--first", str(first)] if login else []
    command += ["--tls"] * tls + ["--resume"] * resume + ["--refused"] * refused
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE,
                          preexec_fn=_raise_file_limit)
    figures = json.loads(done.stdout)
    if figures["connections"] != connections:
        raise RuntimeError(f"only {figures['connections']} of {connections} connections were served")
    return figures


class Sink:
    """The next hop, on a port of its own. `times`: its figures have the arrival time of each message."""

    def __init__(self, programs, port, times=False):
        self._command = [f"{programs}/bench_sink", "--port", str(port)] + ["--times"] * times

    def __enter__(self):
        self._sink = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      preexec_fn=_raise_file_limit)
        self._sink.stdout.readline()
        return self

    def __exit__(self, *_):
        self._sink.kill()
        self._sink.communicate()

    def expect(self, messages):
        """Says how many are to come; `figures` answers when they have."""
        self._sink.stdin.write(f"{messages}\n")
        self._sink.stdin.flush()

    def figures(self):
        if not select.select([self._sink.stdout], [], [], PATIENCE)[0]:
            raise RuntimeError(f"not all messages came to the next hop within {PATIENCE} s")
        return json.loads(self._sink.stdout.readline())


class Silence:
    """A next hop that takes connections, and never says a word."""

    def __init__(self, port):
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))

    def __enter__(self):
        self._socket.listen(4096)
        return self

    def __exit__(self, *_):
        self._socket.close()


class Idle:
    """Sessions that have said EHLO, or logged in (`login`: user and password), and wait."""

    def __init__(self, programs, port, sessions, tls, login=None):
        self._command = [f"{programs}/bench_idle", "--port", str(port), "--sessions", str(sessions)] + ["--tls"] * tls
        self._command += ["--user", login[0], "--password", login[1]] if login else []

    def __enter__(self):
        self._idle = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      preexec_fn=_raise_file_limit)
        if self._idle.stdout.readline() != "ready\n":
            raise RuntimeError("not all idle sessions could be opened")
        return self

    def __exit__(self, *_):
        self._idle.communicate("")
