"""Full queues: how soon a server delivers after its start, and what many waiting messages cost it."""

import statistics

import load
import processes
from bench import settle
from servers import USERS, free_port

FILLERS = 200  # sessions that fill the queue, on reused connections
TAKEN = 50  # sessions while it is full
PARTS = 5  # turns, of which the median counts


def restart(bench, server_class, queued):
    """Seconds from the start of the server's first process until the first of the queued messages is at the next hop.

    The queue is filled while the next hop takes connections and says nothing, so no message was refused or has a time of
    its own to be tried again: both servers begin with what they find, and nobody flushes. The server is stopped (SIGTERM),
    the next hop speaks, the server starts. What it reads is still in the page cache, as after an upgrade.
    """
    port = free_port()
    with bench.home(server_class) as home:
        server = server_class(home, port, users=USERS)
        with load.Silence(port), server:
            bench.send(server.port, queued, FILLERS, 0)
            server.stop()
        with load.Sink(bench.programs, port) as sink:
            sink.expect(1)
            try:
                began = server.start()
                return {"seconds": sink.figures()["begin"] - began}
            finally:
                server.stop()


def waiting(bench, server_class, queued):
    """What a full queue costs: MiB of the queue's process, and accepted messages/s against those of a fresh server beside it,
    in turns, on reused connections. All waits for a next hop that refuses connections."""

    def rate(server, messages, sessions=TAKEN):
        took = bench.send(server.port, messages, sessions, 0)
        return messages / (took["end"] - took["begin"])

    with bench.started(server_class, holds=True) as (full, _sink):
        rate(full, queued, FILLERS)
        settle()
        mib = processes.pss_mib_of(full.root, "queue")
        pairs = []
        for _ in range(PARTS):
            with bench.started(server_class, holds=True) as (empty, _sink):
                messages = bench.warm_up(lambda few: rate(empty, few))
                pairs.append((rate(empty, messages), rate(full, messages)))
    return {"mib": mib, "empty": statistics.median(empty for empty, _ in pairs),
            "rate": statistics.median(full for _, full in pairs),
            "ratio": statistics.median(full / empty for empty, full in pairs)}
