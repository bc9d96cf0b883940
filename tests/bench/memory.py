"""Memory of a whole server: proportional set size of all its processes, so that what they share is counted once."""

import dataclasses

import load
import processes
from bench import WARM_UP, Relay, settle

IDLE_SESSIONS = 1000
LARGE = 50_000_000  # octets


def idle(bench, server_class, tls=False, login=False):
    """MiB with idle sessions, and before them."""
    with bench.started(server_class, has_logins=login) as (server, _sink):
        before = processes.pss_mib(server.root)
        credentials = (server.user(0), server.password) if login else None
        port = server.tls_port if tls else server.port
        with load.Idle(bench.programs, port, IDLE_SESSIONS, tls, credentials):
            return {"mib": processes.pss_mib(server.root), "mib_before": before}


def large(bench, server_class):
    """How many MiB more it has at most while a large message passes, after small ones did."""
    with bench.started(server_class) as (server, sink):
        Relay(bench, server, sink, 1, 0)(WARM_UP)
        settle()
        before = processes.pss_mib(server.root)
        with processes.PeakMemory(server.root) as peak:
            sent, arrived = Relay(dataclasses.replace(bench, size=LARGE), server, sink, 1, 1)(1)
            settle()
        return {"mib_more": peak.mib - before, "mib_before": before, "samples": peak.samples,
                "seconds": arrived["end"] - sent["begin"]}
