"""Throughput, latency, and what they cost. Every run has a fresh server with an empty queue, warms it up, and then
measures; each function answers one run's figures of one server."""

import os
import statistics
from types import SimpleNamespace

import load
import processes
import tarpit
from bench import WARM_UP, Bench, Costs, Relay, settle
from servers import USERS, free_port

SESSIONS = 20  # where nothing else is said
COLD_WARM_UP = 20  # logins: each takes some time
COLD_USERS = 4000
TRACED = 200  # messages under strace, which slows everything down


def rate_of(count, sent):
    return count / (sent["end"] - sent["begin"])


def accepted(bench: Bench, server_class, sessions, per_connection, **setting):
    """Messages/s that get their 250 while none is passed on."""
    with bench.started(server_class, holds=True, **setting) as (server, _sink):
        def send(messages):
            return bench.send(server.port, messages, sessions, per_connection)

        messages = bench.warm_up(lambda few: rate_of(few, send(few)))
        with Costs(server.root) as costs:
            sent = send(messages)
        return costs.figures(messages, sent, sent["end"], generator=sent["cpu"])


def relayed(bench, server_class, sessions, per_connection=1, *, tls=False, resume=False, login=False, **setting):
    """Messages/s from the first connection until the sink has them all. `login`: each connection logs in."""
    with bench.started(server_class, has_logins=login, **setting) as (server, sink):
        credentials = (server.user(0), server.password) if login else None
        relay = Relay(bench, server, sink, sessions, per_connection, tls=tls, resume=resume, login=credentials)
        messages = bench.warm_up(relay.rate)
        with Costs(server.root) as costs:
            sent, arrived = relay(messages)
            settle()
        figures = costs.figures(messages, sent, arrived["end"], generator=sent["cpu"], sink=arrived["cpu"])
        return figures | {"per_connection_out": messages / max(arrived["connections"], 1),
                          "resumed": sent["resumed"] / messages}


def one_client(bench, server_class):
    """Milliseconds from the final dot to its 250, and from there to the arrival at the next hop, message by message."""
    with bench.started(server_class, times=True) as (server, sink):
        relay = Relay(bench, server, sink, 1, 1, times=True)
        messages = bench.warm_up(relay.rate)
        with Costs(server.root) as costs:
            sent, arrived = relay(messages)
        arrivals = dict(arrived["times"])
        onward = sorted(1e3 * (arrivals[number] - replied) for number, replied in enumerate(sent["times"]))
        figures = costs.figures(messages, sent, arrived["end"], generator=sent["cpu"], sink=arrived["cpu"])
        return figures | {"onward_p50_ms": statistics.median(onward),
                          "onward_p99_ms": onward[int(0.99 * (len(onward) - 1))]}


def beside_tarpit(bench, server_class):
    """Messages/s to a fast next hop: alone, and while a slow one has all that it may have of the same server."""
    port = free_port()
    with tarpit.Tarpit(port), bench.started(server_class, tarpit_port=port) as (server, sink):
        relay = Relay(bench, server, sink, SESSIONS, 1)
        messages = bench.warm_up(relay.rate)
        alone = relay.rate(messages)
        tarpit.fill(server.port)
        settle()
        beside = relay.rate(messages)
        return {"rate": beside, "alone": alone, "ratio": beside / alone}


def arrivals(bench, server_class, login="", **how):
    """Clients/s that come, do what `how` says (see load.arrive), and go. `login`: `cold`, with a name that was not heard
    before, or `warm`."""
    users = COLD_USERS if login == "cold" else USERS
    with bench.started(server_class, users=users, has_logins=bool(login)) as (server, _sink):
        port = server.tls_port if how.get("tls") else server.port
        name = {"warm": server.user(0), "cold": server.user("%")}.get(login)

        def arrive(connections, first):
            credentials = (name, server.password) if name else None
            return load.arrive(bench.programs, port, connections, SESSIONS, login=credentials, first=first, **how)

        if login == "cold":  # nobody comes twice
            few = COLD_WARM_UP
            connections = int(min(rate_of(few, arrive(few, 0)) * bench.seconds, users - few))
        else:
            few = 0
            connections = bench.warm_up(lambda some: rate_of(some, arrive(some, 0)))
        with Costs(server.root) as costs:
            came = arrive(connections, few)
        return costs.figures(connections, came, came["end"], generator=came["cpu"]) | {
            "resumed": came["resumed"] / connections}


def calls(bench, server_class):
    """System calls a relayed message, of all the server's processes."""
    with bench.started(server_class) as (server, sink):
        relay = Relay(bench, server, sink, SESSIONS, 1)
        relay(WARM_UP)
        summary = f"{server.directory}/calls"
        with processes.Strace(server.root, ["-c"], summary):
            relay(TRACED)
            settle()
        counted = processes.calls_in(summary)
        most_first = sorted(counted.items(), key=lambda item: -item[1])
        return {"calls": sum(counted.values()) / TRACED,
                "by_call": {name: count / TRACED for name, count in most_first}}


def at_most(bench, server_class, sessions):
    """Messages/s that a role's busiest thread would relay, were it never without work: what more cores do not raise, for roles
    that are one process."""
    with bench.started(server_class) as (server, sink):
        relay = Relay(bench, server, sink, sessions, 1)
        messages = bench.warm_up(relay.rate)
        before = processes.thread_seconds(server.root)
        relay(messages)
        settle()
        after = processes.thread_seconds(server.root)
    busiest = {}
    for (role, thread), spent in after.items():
        spent -= before.get((role, thread), 0)
        busiest[role] = max(busiest.get(role, 1 / processes.TICKS), spent)
    return {role: messages / busiest[role] for role in ("smtpd", "queue", "delivery")}


def growth(bench, server_class, sessions):
    """Accepted and relayed messages/s while all the server's processes have one core, and two: generator and sink may use
    all."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise RuntimeError("there is one core alone")
    figures = {}
    for count in (1, 2):
        pinned = set(cores[:count])
        for name, run in (("accepted", accepted(bench, server_class, sessions, 1, cores=pinned)),
                          ("relayed", relayed(bench, server_class, sessions, 1, cores=pinned))):
            figures[f"{name}_{count}"] = run["rate"]
            figures[f"{name}_{count}_cpu_ms"] = run["cpu_ms"]["server"]
    return figures | {f"{name}_growth": figures[f"{name}_2"] / figures[f"{name}_1"] for name in ("accepted", "relayed")}


def sync_order(bench, server_class):
    """One message's syncs, and its replies, in the order in which they happened: lines of strace."""
    with bench.started(server_class) as (server, sink):
        trace = f"{server.directory}/trace"
        traced = "trace=fsync,fdatasync,sync_file_range,openat,rename,write,writev,pwrite64,pwritev,sendto,sendmsg"
        with processes.Strace(server.root, ["-r", "-s", "48", "-y", "-e", traced], trace):
            Relay(bench, server, sink, 1, 1)(1)
            settle()
        with open(trace, errors="replace") as file:
            return [line.rstrip() for line in file if "sync" in line or '"250 2' in line or '"354' in line]


def own_maximum(bench, per_connection):
    """The generator straight to the sink: no server can be seen to be faster than this."""
    port = free_port()
    with load.Sink(bench.programs, port) as sink:
        relay = Relay(bench, SimpleNamespace(port=port), sink, SESSIONS, per_connection)
        return relay.rate(bench.warm_up(relay.rate))
