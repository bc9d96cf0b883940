"""The table: what is measured, how a run's figures become a cell, and what Postern is to reach."""

import dataclasses
import functools
import statistics
from typing import Callable

import measures
import memory
import queues

POSTFIX, POSTERN = "Postfix", "Postern"
MILLION = 1_000_000


@dataclasses.dataclass(frozen=True)
class Times:
    """What Postern is to reach: so many times what Postfix does."""

    bound: float

    def __str__(self):
        return f"≥ ×{self.bound:g}"

    def is_met(self, _median, ratio):
        return None if ratio is None else ratio >= self.bound

    def factor(self, _postfix):
        """How many times better than Postfix that is."""
        return self.bound


@dataclasses.dataclass(frozen=True)
class AtMost:
    bound: float
    unit: str = ""

    def __str__(self):
        return f"≤ {self.bound:g}{self.unit}"

    def is_met(self, median, _ratio):
        return median <= self.bound

    def factor(self, postfix):
        return postfix / self.bound


@dataclasses.dataclass(frozen=True)
class AtLeast:
    bound: float

    def __str__(self):
        return f"≥ {self.bound:g}"

    def is_met(self, median, _ratio):
        return median >= self.bound


@dataclasses.dataclass(frozen=True)
class Figure:
    """A line of the table: one figure of a run, by its key, or by a function of the run."""

    what: str
    value: Callable
    reach: object = None  # Times, AtMost or AtLeast
    more_is_better: bool = None  # None: it is not drawn, and has no ratio


def key(name, what, reach=None, more_is_better=None):
    return Figure(what, lambda run: run.get(name), reach, more_is_better)


def rate(reach=None, what="messages/s"):
    return key("rate", what, reach, True)


def cpu(reach=None, what="CPU ms a message"):
    return Figure(what, lambda run: run["cpu_ms"]["server"], reach, False)


@dataclasses.dataclass(frozen=True)
class Row:
    title: str
    take: Callable  # of the bench, the server and the number that `--million` says: one run's figures
    figures: tuple
    servers: tuple = (POSTFIX, POSTERN)
    is_slow: bool = False  # taken once where all rows are, and as often as any other where it is named


def row(title, take, *figures, parameters=None, **more):
    parameters = parameters or {}
    return Row(title, lambda bench, server, _million: take(bench, server, **parameters), figures, **more)


def of_million(title, take, *figures):
    """A row with the number of messages that `--million` says."""
    return Row(title, take, figures, servers=(POSTERN,), is_slow=True)


def relayed(title, *figures, **parameters):
    return row(f"relayed, {title}", measures.relayed, *figures, parameters=parameters)


def accepted(title, *figures, **parameters):
    return row(f"accepted, {title}", measures.accepted, *figures, parameters={"sessions": 50} | parameters)


def idle(title, reach=None, **parameters):
    return row(f"{memory.IDLE_SESSIONS:,} idle sessions{title}", memory.idle,
               key("mib", "MiB", reach, False), parameters=parameters)


def arrivals(title, *figures, servers=(POSTFIX, POSTERN), **parameters):
    return row(title, measures.arrivals, rate(what="a second"), cpu(what="CPU ms each"), *figures,
               parameters=parameters, servers=servers)


def restart(queued, reach=None, servers=(POSTERN,)):
    return row(f"restart with {queued:,} queued", queues.restart,
               key("seconds", "s to first delivery", reach, False), parameters={"queued": queued}, servers=servers)


SUBMISSION = {"sessions": 20, "tls": True, "login": True}
RESUMED = key("resumed", "share that was resumed")

ROWS = {
    "relayed-10": relayed("10 sessions", rate(Times(12)), cpu(AtMost(0.30)), sessions=10),
    "relayed-50": relayed("50 sessions", rate(Times(12)), cpu(AtMost(0.30)), sessions=50),
    "relayed-200": relayed("200 sessions", rate(Times(12)), cpu(AtMost(0.30)), sessions=200),
    "calls": row("relayed, 20 sessions", measures.calls, key("calls", "system calls a message", AtMost(60), False),
                 is_slow=True),
    "accepted-50": accepted("50 sessions", rate(Times(12)), cpu(), per_connection=1),
    "accepted-reused": accepted("50 sessions reused", rate(Times(20)), cpu(), per_connection=0),
    "submit": relayed("STARTTLS and AUTH each", rate(), cpu(AtMost(0.8)), **SUBMISSION),
    "submit-resumed": relayed("STARTTLS resumed, AUTH each", rate(), cpu(AtMost(0.8)), RESUMED,
                              resume=True, **SUBMISSION),
    "tls-reused": relayed("20 TLS sessions reused", rate(Times(10)), cpu(), sessions=20, per_connection=0,
                          tls=True),
    "one-client": row("one client", measures.one_client,
                      key("p50_ms", "final dot to 250, p50, ms", AtMost(0.4), False),
                      key("p99_ms", "final dot to 250, p99, ms"),
                      key("onward_p50_ms", "250 to next hop, p50, ms", AtMost(0.5), False)),
    "idle": idle("", AtMost(20, " MiB")),
    "idle-tls": idle(", TLS", tls=True),
    "idle-login": idle(", TLS and login", AtMost(50, " MiB"), tls=True, login=True),
    "large": row("a message of 50 MB passes", memory.large, key("mib_more", "MiB more, at most", AtMost(16, " MiB"))),
    "restart": restart(10_000, servers=(POSTFIX, POSTERN)),
    "restart-100k": restart(100_000, AtMost(1, " s")),
    "restart-million": of_million("restart with {million:,} queued", queues.restart,
                                  key("seconds", "s to first delivery", AtMost(10, " s"))),
    "waiting": of_million("{million:,} waiting", queues.waiting, key("mib", "MiB of the queue role", AtMost(512, " MiB")),
                          key("empty", "accepted messages/s, queue empty"), key("rate", "accepted messages/s, queue full"),
                          key("ratio", "of the empty queue's throughput", AtLeast(0.9))),
    "tarpit": row("relayed, a tarpit beside", measures.beside_tarpit,
                  key("alone", "messages/s without it"), key("rate", "messages/s beside it"),
                  key("ratio", "share that is left", AtLeast(0.98))),
    "handshakes": arrivals("STARTTLS, full handshake, and QUIT", tls=True),
    "handshakes-resumed": arrivals("STARTTLS, resumed, and QUIT", RESUMED, tls=True, resume=True),
    "logins-cold": arrivals("STARTTLS, login not heard before, QUIT", tls=True, login="cold", servers=(POSTERN,)),
    "logins-warm": arrivals("STARTTLS, login proved lately, QUIT", tls=True, login="warm"),
    "stranger": arrivals("a stranger: EHLO, refused, QUIT", source="127.0.0.2", refused=True),
    "cores": row("50 sessions, cores of the server", measures.growth,
                 *(key(f"{name}_{cores}", f"{cores}, {name} messages/s") for name in ("accepted", "relayed")
                   for cores in (1, 2)),
                 key("accepted_growth", "growth, accepted"), key("relayed_growth", "growth, relayed"),
                 parameters={"sessions": 50}),
    "threads": row("200 sessions, the busiest thread of", measures.at_most,
                   *(key(role, f"{role}: messages/s at most") for role in ("smtpd", "queue", "delivery")),
                   parameters={"sessions": 200}, servers=(POSTERN,)),
}


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of the table, from all its runs."""

    title: str
    figure: Figure
    values: dict  # by server: one figure a run

    def median(self, server):
        values = self.values.get(server)
        return statistics.median(values) if values else None

    @functools.cached_property
    def ratio(self):
        """Postern to Postfix."""
        postern, postfix = self.median(POSTERN), self.median(POSTFIX)
        return postern / postfix if postern is not None and postfix else None

    @property
    def factor(self):
        """How many times better Postern is; None: nobody can say."""
        if self.figure.more_is_better is None or not self.ratio:
            return None
        return self.ratio if self.figure.more_is_better else 1 / self.ratio

    @property
    def factor_to_reach(self):
        reach = self.figure.reach
        return reach.factor(self.median(POSTFIX)) if reach and self.factor else None

    @property
    def is_met(self):
        median = self.median(POSTERN)
        return self.figure.reach.is_met(median, self.ratio) if self.figure.reach and median is not None else None


def lines(name, results, million):
    """`results`: the runs' figures, by server."""
    for figure in ROWS[name].figures:
        values = {server: [value for value in map(figure.value, runs) if value is not None]
                  for server, runs in results.items()}
        yield Line(ROWS[name].title.format(million=million), figure, values)
