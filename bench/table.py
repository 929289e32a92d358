"""The figures as Markdown tables for people, and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from bench.bars import VALUES, Verdict
from bench.cases import Case, Datagrams, Idle, Slow, Stream
from bench.results import Failure, Figures, IdleRun, Result, Run

MARKS = {True: "met", False: "NOT MET", None: "not measured"}


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose columns are aligned in plain text too: the first left, the others right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def joined(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        return f"| {' | '.join([first, *rest])} |"

    return "\n".join([joined(lines[0]), joined(rule), *map(joined, lines[1:])])


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _stream_rows(figures: Figures, case: Stream, servers: Sequence[str]) -> list[list[str]]:
    rows = []
    for server in servers:
        runs = figures.runs(case.name, server)
        if not runs:
            continue
        rates = [run.rate / 1e6 for run in runs]
        user = figures.median(case.name, server, lambda run: run.per_million(run.user))
        system = figures.median(case.name, server, lambda run: run.per_million(run.system))
        peak = figures.median(case.name, server, VALUES["peak"])
        rate = figures.median(case.name, server, VALUES["rate"])
        rows.append(
            [
                case.name,
                server,
                _number(None if rate is None else rate / 1e6),
                f"{min(rates):.2f}–{max(rates):.2f}",
                _number(user, 3),
                _number(system, 3),
                _number(None if peak is None else peak / 1e6, 0),
                _number(figures.ratio(case.name, server, "sink", VALUES["rate"])),
                _number(figures.ratio(case.name, server, "rsyslog", VALUES["rate"])),
                f"{figures.lost(case.name, server):,}",
            ]
        )
    return rows


STREAM_HEADER = (
    "case",
    "server",
    "M lines/s",
    "from–to",
    "user s/M",
    "system s/M",
    "peak MB",
    "of sink",
    "of rsyslog",
    "lost",
)


def _datagram_table(figures: Figures, case: Datagrams, servers: Sequence[str]) -> str:
    rows = []
    for server in servers:
        best = figures.loss_free(case.name, server)
        if best is None:
            continue
        row = [server]
        for rate in case.rates:
            runs = figures.runs(case.name, server, rate)
            lost = figures.median(case.name, server, lambda run: 100 * run.lost / run.sent, rate)
            slow = " *" if runs and min(run.offered for run in runs) < 0.97 * rate else ""
            row.append("–" if lost is None else f"{lost:.2f} %{slow}")
        cpu = figures.median(case.name, server, VALUES["cpu"], case.always)
        rows.append([*row, _number(best / 1e6), _number(cpu, 3)])
    rates = (f"lost at {rate / 1e6:.1f} M/s" for rate in case.rates)
    note = (
        "\n\n\\* the sender did not reach that rate."
        if any("*" in c for r in rows for c in r)
        else ""
    )
    cpu_at = f"CPU s/M at {case.always / 1e6:.1f} M/s"
    return markdown(["server", *rates, "highest without loss, M/s", cpu_at], rows) + note


def _delay_table(figures: Figures, case: Case, servers: Sequence[str]) -> str:
    rows = []
    for server in servers:
        delays = figures.delays(case.name, server)
        share = figures.median(
            case.name, server, lambda run: 100 * (run.user + run.system) / max(run.seconds, 1e-9)
        )
        if delays.seconds:
            shown = (1e3 * delays.quantile(q) for q in (0.5, 0.99, 1.0))
            lines = f"{len(delays.seconds):,}"
            rows.append([server, lines, *(_number(ms, 1) for ms in shown), _number(share, 1)])
    header = ["server", "marked lines", "median ms", "99th ms", "longest ms", "CPU % of a core"]
    return markdown(header, rows)


def _idle_table(figures: Figures, case: Idle, servers: Sequence[str]) -> str:
    bare = figures.idle(case.name, "bare")
    rows = []
    for server in [*servers, "bare"]:
        each = figures.idle(case.name, server)
        if each is not None:
            over = None if bare is None else (each - bare) / 1024
            rows.append([server, _number(each / 1024), _number(over)])
    return markdown(["server", "KiB each", "over bare Twisted"], rows)


def report(figures: Figures, cases: Sequence[Case], servers: Sequence[str]) -> str:
    """Return all tables."""
    streams = [
        row for c in cases if isinstance(c, Stream) for row in _stream_rows(figures, c, servers)
    ]
    parts = [markdown(STREAM_HEADER, streams)] if streams else []
    for case in cases:
        if isinstance(case, Stream) and not case.probe_every:
            continue
        parts.append(f"{case.title} (`{case.name}`):")
        if isinstance(case, Datagrams):
            parts.append(_datagram_table(figures, case, servers))
        elif isinstance(case, Idle):
            parts.append(_idle_table(figures, case, servers))
        elif isinstance(case, Stream | Slow):
            parts.append(_delay_table(figures, case, servers))
    return "\n\n".join(parts)


def verdict_lines(verdicts: Iterable[Verdict]) -> str:
    """Return a line for each bar."""
    return "\n".join(f"- {MARKS[v.met]}: {v.bar}: {v.measured}" for v in verdicts)


def failure_lines(results: Iterable[Result]) -> str:
    """Return a line for each run that failed, or that lost or doubled lines."""
    lines = []
    for result in results:
        where = f"{result.case}, {result.server}, round {result.round}"
        if isinstance(result, Failure):
            lines.append(f"- {where}: no figure: {result.reason}")
        elif isinstance(result, Run) and result.lost and not result.target:
            lines.append(f"- {where}: {result.stored:,} lines stored of {result.sent:,} sent")
    return "\n".join(lines)


def plain(result: Result) -> dict[str, Any]:
    """Return a result as values for JSON, with quantiles instead of all delays."""
    values = attrs.asdict(result, recurse=False)
    values["kind"] = type(result).__name__
    if isinstance(result, Run):
        values |= {"rate": result.rate, "lost": result.lost, "offered": result.offered}
        values["delays"] = {
            "lines": len(result.delays.seconds),
            **{name: result.delays.quantile(q) for name, q in QUANTILES.items()},
        }
    elif isinstance(result, IdleRun):
        values["each"] = result.each
    return values


QUANTILES = {"median": 0.5, "p99": 0.99, "longest": 1.0}
