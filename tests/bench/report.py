"""The figures as Markdown: the table, as the README shows it, and who worked how much for them."""

import statistics

import table

PARTS = ("server", "generator", "sink", "rest")


def shown(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values):
    """Median, and between which the runs lay."""
    if not values:
        return "–"
    median = shown(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({shown(min(values))}–{shown(max(values))})"


def markdown(*cells):
    return "| " + " | ".join(cells) + " |"


def main_table(results, million):
    yield markdown("measure", table.POSTFIX, table.POSTERN, "ratio", "to reach", "reached")
    yield "|---|--:|--:|--:|--:|---|"
    for name, by_server in results.items():
        for line in table.lines(name, by_server, million):
            ratio = line.ratio if line.figure.more_is_better is not None else None
            yield markdown(f"{line.title}: {line.figure.what}",
                           *(spread(line.values.get(server)) for server in (table.POSTFIX, table.POSTERN)),
                           f"×{ratio:.3g}" if ratio else "", str(line.figure.reach or ""),
                           {True: "yes", False: "no", None: ""}[line.is_met])


def shares(results):
    """CPU ms a message: the server's, the generator's, the sink's, and the rest of the machine's (file system, others)."""
    yield markdown("run", "of", *PARTS, "busy")
    yield "|---|---|" + "--:|" * (len(PARTS) + 1)
    for name, by_server in results.items():
        for server, runs in by_server.items():
            if runs and "cpu_ms" in runs[0]:
                parts = [statistics.median(run["cpu_ms"].get(part, 0) for run in runs) for part in PARTS]
                busy = statistics.median(run["busy"] for run in runs)
                yield markdown(table.ROWS[name].title, server, *map("{:.3f}".format, parts), f"{busy:.0%}")


def text(measured):
    """All of it; `measured` is what `run --json` writes."""
    settings = measured["settings"]
    most_runs = max((len(runs) for by_server in measured["results"].values() for runs in by_server.values()), default=0)
    most = ", ".join(f"{rate:,.0f} messages/s with {how} connection" for how, rate in measured["maximum"].items())
    yield (f"Medians of {most_runs} alternating runs (least–most; rows with one figure alone ran once). Content of "
           f"{settings['size']} octets; a new\nconnection for each message where nothing else is said. Memory is PSS of all "
           f"the server's processes; {settings['users']} users.\n{measured['machine']}.\n"
           f"Generator, sink and server share the cores. Generator straight to sink: {most}.\n")
    yield from main_table(measured["results"], settings["million"])
    yield "\nCPU ms a message, or a client, and how busy the cores were:\n"
    yield from shares(measured["results"])
