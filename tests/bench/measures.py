"""What is measured, and how. Every run has a fresh server with an empty queue, warms it up, and then measures."""

import contextlib
import dataclasses
import os
import tempfile
import time

import load
import processes
import tarpit
from servers import free_port

SESSIONS = 20  # where nothing else is said
COLD_WARM_UP = 20  # logins: each takes some time
WARM_UP = 300  # messages; their rate decides how many the run has
FEWEST, MOST = 300, 200_000  # messages of a run
SETTLE = 0.5  # seconds for what a server does behind the last message: log lines, removal
IDLE_SESSIONS = 1000
TRACED = 200  # messages under strace, which slows everything down


@dataclasses.dataclass(frozen=True)
class Bench:
    programs: str  # where the load programs are
    directory: str  # where the servers have their files
    size: int  # octets of content
    seconds: float  # a run's length, about
    pipelining: bool

    @contextlib.contextmanager
    def started(self, server_class, holds=False, tarpit_port=0):
        """A fresh server, and its sink."""
        with tempfile.TemporaryDirectory(dir=self.directory, prefix="postern-bench-") as home:
            os.chmod(home, 0o755)  # the servers' own users must reach their parts of it
            sink_port = free_port()
            with load.Sink(self.programs, sink_port) as sink:
                with server_class(f"{home}/{server_class.name.lower()}", sink_port, holds, tarpit_port) as server:
                    yield server, sink

    def send(self, port, messages, sessions, per_connection, tls=False):
        return load.generate(self.programs, port, messages, sessions, per_connection, self.size, self.pipelining, tls)

    def messages_for(self, messages, seconds):
        return int(min(max(messages / seconds * self.seconds, FEWEST), MOST))

    def accepted(self, server_class, sessions, per_connection):
        """Messages/s that get their 250 while none is passed on."""
        with self.started(server_class, holds=True) as (server, _sink):
            warm = self.send(server.port, WARM_UP, sessions, per_connection)
            messages = self.messages_for(WARM_UP, warm["end"] - warm["begin"])
            with Costs(server.root) as costs:
                sent = self.send(server.port, messages, sessions, per_connection)
            return costs.figures(messages, sent, sent["end"], generator=sent["cpu"])

    def relayed(self, server_class, sessions, per_connection, tls=False):
        """Messages/s from the first connection until the sink has them all."""
        with self.started(server_class) as (server, sink):
            port = server.tls_port if tls else server.port

            def relay(messages):
                sink.expect(messages)
                sent = self.send(port, messages, sessions, per_connection, tls)
                return sent, sink.figures()

            sent, arrived = relay(WARM_UP)
            messages = self.messages_for(WARM_UP, arrived["end"] - sent["begin"])
            with Costs(server.root) as costs:
                sent, arrived = relay(messages)
                time.sleep(SETTLE)
            figures = costs.figures(messages, sent, arrived["end"], generator=sent["cpu"], sink=arrived["cpu"])
            return figures | {"per_connection_out": messages / max(arrived["connections"], 1)}

    def relayed_beside_tarpit(self, server_class):
        """Messages/s to a fast next hop: alone, and while a slow one has all that it may have of the same server."""
        port = free_port()
        with tarpit.Tarpit(port), self.started(server_class, tarpit_port=port) as (server, sink):
            def relay(messages):
                sink.expect(messages)
                sent = self.send(server.port, messages, SESSIONS, 1)
                return messages / (sink.figures()["end"] - sent["begin"])

            messages = self.messages_for(relay(WARM_UP), 1)
            alone = relay(messages)
            tarpit.fill(server.port)
            time.sleep(SETTLE)
            beside = relay(messages)
            return {"rate": beside, "alone": alone, "ratio": beside / alone}

    def arrivals(self, server_class, login="", **how):
        """Clients/s that come, do what `how` says (see load.arrive), and go. `login`: `cold`, with a name that was not
        heard before, or `warm`."""
        with self.started(server_class) as (server, _sink):
            port = server.tls_port if how.get("tls") else server.port

            def arrive(connections, name):
                name = {"warm": "warm", "cold": name}.get(login)
                credentials = (server.user(name), server.password) if name else None
                return load.arrive(self.programs, port, connections, SESSIONS, login=credentials, **how)

            few, most = (COLD_WARM_UP, server.users) if login == "cold" else (WARM_UP, MOST)
            warm = arrive(few, "first-%")
            connections = int(min(max(few / (warm["end"] - warm["begin"]) * self.seconds, few), most))
            with Costs(server.root) as costs:
                came = arrive(connections, "cold-%")
            return costs.figures(connections, came, came["end"], generator=came["cpu"]) | {
                "resumed": came["resumed"] / connections}

    def idle_memory(self, server_class, tls, has_login=False):
        """MiB of all the server's processes with idle sessions, and before them."""
        with self.started(server_class) as (server, _sink):
            before = processes.pss_mib(server.root)
            login = (server.user("warm"), server.password) if has_login else None
            with load.Idle(self.programs, server.tls_port if tls else server.port, IDLE_SESSIONS, tls, login):
                return {"mib": processes.pss_mib(server.root), "mib_before": before}

    def calls(self, server_class):
        """System calls a relayed message, of all the server's processes."""
        with self.started(server_class) as (server, sink):
            sink.expect(WARM_UP)
            self.send(server.port, WARM_UP, 20, 1)
            sink.figures()
            summary = f"{server.directory}/calls"
            with processes.Strace(server.root, ["-c"], summary):
                sink.expect(TRACED)
                self.send(server.port, TRACED, 20, 1)
                sink.figures()
                time.sleep(SETTLE)
            calls = processes.calls_in(summary)
            most_first = sorted(calls.items(), key=lambda item: -item[1])
            return {"calls": sum(calls.values()) / TRACED,
                    "by_call": {name: count / TRACED for name, count in most_first}}

    def sync_order(self, server_class):
        """One message's syncs, and its replies, in the order in which they happened: lines of strace."""
        with self.started(server_class) as (server, sink):
            trace = f"{server.directory}/trace"
            calls = "trace=fsync,fdatasync,sync_file_range,openat,rename,write,writev,pwrite64,pwritev,sendto,sendmsg"
            with processes.Strace(server.root, ["-r", "-s", "48", "-y", "-e", calls], trace):
                sink.expect(1)
                self.send(server.port, 1, 1, 1)
                sink.figures()
                time.sleep(SETTLE)
            with open(trace, errors="replace") as file:
                return [line.rstrip() for line in file if "sync" in line or '"250 2' in line or '"354' in line]

    def own_maximum(self, per_connection):
        """The generator straight to the sink: no server can be seen to be faster than this."""
        port = free_port()
        with load.Sink(self.programs, port) as sink:
            warm = self.send(port, 2000, 20, per_connection)
            messages = self.messages_for(2000, warm["end"] - warm["begin"])
            sink.expect(2000 + messages)
            sent = self.send(port, messages, 20, per_connection)
            sink.figures()
        return {"rate": messages / (sent["end"] - sent["begin"])}


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
                "busy": self._machine / seconds / os.cpu_count(),
                "cpu_ms": {name: 1e3 * spent / messages for name, spent in cpu.items()},
                **{name: sent[name] for name in ("p50_ms", "p95_ms", "p99_ms") if name in sent}}
