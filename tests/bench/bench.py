"""What every measure needs: a fresh server with an empty queue beside its sink, load of a fitting length, and what it cost."""

import contextlib
import dataclasses
import os
import tempfile
import time

import load
import processes
from servers import free_port

WARM_UP = 300  # messages, and after them some more: their rate decides how many the run has
WARM_SHARE = 0.2  # of a run's length
FEWEST, MOST = 300, 200_000  # messages of a run
SETTLE = 0.5  # seconds for what a server does behind the last message: log lines, removal


@dataclasses.dataclass(frozen=True)
class Bench:
    programs: str  # where the load programs are
    directory: str  # where the servers have their files
    size: int  # octets of content
    seconds: float  # a run's length, about
    pipelining: bool

    @contextlib.contextmanager
    def home(self, server_class):
        """A folder for a server, and for what it leaves behind."""
        with tempfile.TemporaryDirectory(dir=self.directory, prefix="postern-bench-") as home:
            os.chmod(home, 0o755)  # the servers' own users must reach their parts of it
            yield f"{home}/{server_class.name.lower()}"

    @contextlib.contextmanager
    def started(self, server_class, *, times=False, **setting):
        """A fresh server, and its sink. `times`: see load.Sink. `setting`: see servers.Server."""
        sink_port = free_port()
        with self.home(server_class) as home, load.Sink(self.programs, sink_port, times) as sink:
            with server_class(home, sink_port, **setting) as server:
                yield server, sink

    def send(self, port, messages, sessions, per_connection, tls=False, **how):
        """`how`: see load.generate."""
        return load.generate(self.programs, port, messages, sessions, per_connection, self.size, self.pipelining, tls,
                             **how)

    def warm_up(self, rate, few=WARM_UP, most=MOST):
        """How many a run has. `rate` hands in so many as it is told, and answers how many a second those were: twice, since
        the first of them start processes and connections."""
        many = min(max(few, rate(few) * self.seconds * WARM_SHARE), most)
        return int(min(max(rate(int(many)) * self.seconds, few, FEWEST), most))


class Relay:
    """Hands messages to a server, and waits until the sink has them all."""

    def __init__(self, bench, server, sink, sessions, per_connection, **how):
        port = server.tls_port if how.get("tls") else server.port
        self._send = lambda messages: bench.send(port, messages, sessions, per_connection, **how)
        self._sink = sink

    def __call__(self, messages):
        """The generator's figures, and the sink's."""
        self._sink.expect(messages)
        sent = self._send(messages)
        return sent, self._sink.figures()

    def rate(self, messages):
        """Messages/s from the first connection until the sink has them all."""
        sent, arrived = self(messages)
        return messages / (arrived["end"] - sent["begin"])


class Costs:
    """What the server and the whole machine worked from the begin to the end of a `with`."""

    def __init__(self, root):
        self._root = root

    def _read(self):
        return processes.cpu_seconds(self._root), processes.machine_cpu_seconds()

    def __enter__(self):
        self._begin = self._read()
        return self

    def __exit__(self, *_):
        self._server, self._machine = (after - before for after, before in zip(self._read(), self._begin))

    def figures(self, messages, sent, end, **load_cpu):
        seconds = end - sent["begin"]
        cpu = {"server": self._server, **load_cpu}
        cpu["rest"] = max(0, self._machine - sum(cpu.values()))
        return {"messages": messages, "seconds": seconds, "rate": messages / seconds,
                "busy": self._machine / seconds / os.cpu_count(),  # what is done behind the last message counts, too
                "cpu_ms": {name: 1e3 * spent / messages for name, spent in cpu.items()},
                **{name: sent[name] for name in ("p50_ms", "p95_ms", "p99_ms") if name in sent}}


def settle():
    time.sleep(SETTLE)
