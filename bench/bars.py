"""The project's performance targets ("bars"), and whether the figures meet them."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from bench.results import Figures, Run, Value

US, SINK, RSYSLOG, SYSLOG_NG = "logsrv", "sink", "rsyslog", "syslog-ng"
MB = 1e6
KIB = 1024
DELAY_SECONDS = 0.050
PEAK = 150 * MB
IDLE = 1.8 * KIB
UDP_RATE = 500_000


@attrs.define(frozen=True, slots=True)
class Verdict:
    """A target and the measured value, both in words. met: None if it was not measured."""

    bar: str
    measured: str
    met: bool | None


def _rate(run: Run) -> float:
    return run.rate


def _cpu(run: Run) -> float:
    return run.cpu_per_million


def _peak(run: Run) -> float:
    return float(run.peak)


def _verdict(bar: str, measured: float | None, shown: str, met: bool) -> Verdict:
    if measured is None:
        return Verdict(bar, "not measured", None)
    return Verdict(bar, shown, met)


def _at_least(figures: Figures, case: str, other: str, least: float) -> Verdict:
    ratio = figures.ratio(case, US, other, _rate)
    bar = f"{case}: at least {least:g} of the throughput of {other}"
    return _verdict(bar, ratio, f"{ratio or 0:.2f}", (ratio or 0) >= least)


def at_least(least: float, ours: str, other: str, measured: float) -> Verdict:
    """Return the verdict whether `ours` is at least `least` times as fast as `other`, by CPU time."""
    bar = f"{ours}: at least {least:g} times as fast as {other}, by CPU time"
    return Verdict(bar, f"{measured:.2f}", measured >= least)


def _at_most(figures: Figures, case: str, other: str, most: float) -> Verdict:
    ratio = figures.ratio(case, US, other, _cpu)
    bar = f"{case}: at most {most:g} of the CPU time per line of {other}"
    return _verdict(bar, ratio, f"{ratio or 0:.2f}", (ratio or 0) <= most)


def _below(bar: str, measured: float | None, limit: float, unit: str, scale: float) -> Verdict:
    value = measured or 0
    return _verdict(bar, measured, f"{value / scale:.1f} {unit}", value <= limit)


def _datagrams(figures: Figures) -> Iterator[Verdict]:
    runs = figures.runs("udp", US, UDP_RATE)
    sent, lost = sum(run.sent for run in runs), sum(run.lost for run in runs)
    yield _verdict(
        f"udp (bursts, see README): nothing lost at {UDP_RATE:,} datagrams a second offered",
        sent or None,
        f"{lost:,} of {sent:,} lost",
        lost == 0,
    )
    for case, how in (("udp", "bursts, see README"), ("udp-separate", "one by one")):
        ours, theirs = figures.loss_free(case, US), figures.loss_free(case, RSYSLOG)
        ratio = ours / theirs if ours is not None and theirs else None
        yield _verdict(
            f"{case} ({how}): at least 0.7 of the highest loss-free rate of rsyslog",
            ratio,
            f"{ratio or 0:.2f} ({(ours or 0) / 1e6:.2f} M/s)",
            (ratio or 0) >= 0.7,
        )


def _delays(figures: Figures) -> Iterator[Verdict]:
    for case in ("slow", "busy"):
        delays = figures.delays(case, US)
        late = delays.quantile(0.99) if delays.seconds else None
        bar = f"{case}: a line is visible within 50 ms (99th percentile)"
        yield _below(bar, late, DELAY_SECONDS, "ms", 1e-3)


def _memory(figures: Figures) -> Iterator[Verdict]:
    for case in ("tcp-1", "tcp-8", "tcp-500", "tls-8"):
        peak = figures.median(case, US, _peak)
        yield _below(f"{case}: peak memory below 150 MB", peak, PEAK, "MB", MB)
    bar = "idle: a connection costs at most 1.8 KiB"
    yield _below(bar, figures.idle("idle", US), IDLE, "KiB", KIB)


def _nothing_lost(figures: Figures) -> Verdict:
    runs = [
        run
        for run in figures.results
        if isinstance(run, Run) and run.server == US and run.target == 0
    ]
    wrong = [run for run in runs if run.lost]
    return _verdict(
        "streams: the file holds every line, once",
        float(len(runs)) if runs else None,
        f"{len(wrong)} of {len(runs)} runs with lines missing or doubled",
        not wrong,
    )


def verdicts(figures: Figures) -> list[Verdict]:
    """Return a verdict for each target."""
    found = []
    for case in ("tcp-1", "tcp-8"):
        found.append(_at_least(figures, case, SINK, 0.9))
        found.append(_at_most(figures, case, SINK, 2))
        found.append(_at_least(figures, case, RSYSLOG, 4))
        found.append(_at_least(figures, case, SYSLOG_NG, 6))
        found.append(_at_most(figures, case, RSYSLOG, 0.25))
    for case, least in (("tcp-500", 0.6), ("crlf", 0.7), ("utf8", 0.7), ("control", 0.3)):
        found.append(_at_least(figures, case, SINK, least))
    for case, least in (
        ("tls-1", 1.5),
        ("tls-8", 1.5),
        ("syslog", 4),
        ("syslog-8", 4),
        ("counted", 2),
    ):
        found.append(_at_least(figures, case, RSYSLOG, least))
    return [
        *found,
        *_datagrams(figures),
        *_delays(figures),
        *_memory(figures),
        _nothing_lost(figures),
    ]


VALUES: dict[str, Value] = {"rate": _rate, "cpu": _cpu, "peak": _peak}
