"""The load programs (bench_generator, bench_arrivals, bench_sink, bench_idle), led from Python."""

import json
import resource
import select
import subprocess

PATIENCE = 300  # seconds for a run; a server that needs longer has failed


def _raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def generate(programs, port, messages, sessions, per_connection, size, pipelining=False, tls=False):
    """Hands in the messages; the generator's figures, with all accepted, or an error."""
    command = [f"{programs}/bench_generator", "--port", str(port), "--messages", str(messages),
               "--sessions", str(sessions), "--per-connection", str(per_connection), "--size", str(size)]
    command += ["--pipelining"] * pipelining + ["--tls"] * tls
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE,
                          preexec_fn=_raise_file_limit)
    figures = json.loads(done.stdout)
    if figures["messages"] != messages:
        raise RuntimeError(f"only {figures['messages']} of {messages} messages were accepted")
    return figures


def arrive(programs, port, connections, sessions, *, source="", tls=False, resume=False, login=None, refused=False):
    """Connections that submit nothing; their figures, with all served, or an error. `login`: user and password."""
    command = [f"{programs}/bench_arrivals", "--port", str(port), "--connections", str(connections),
               "--sessions", str(sessions)]
    command += ["--source", source] if source else []
    command += ["--user", login[0], "--password", login[1]] if login else []
    command += ["--tls"] * tls + ["--resume"] * resume + ["--refused"] * refused
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE,
                          preexec_fn=_raise_file_limit)
    figures = json.loads(done.stdout)
    if figures["connections"] != connections:
        raise RuntimeError(f"only {figures['connections']} of {connections} connections were served")
    return figures


class Sink:
    """The next hop, on a port of its own."""

    def __init__(self, programs, port):
        self._command = [f"{programs}/bench_sink", "--port", str(port)]

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
