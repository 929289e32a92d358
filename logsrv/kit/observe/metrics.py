"""The metrics of a service: their catalogue, which is declared once, their values, and measured durations.

Code on a hot path counts in an integer of its own, which `watch` reads, or in Durations, which `time`
reads; other code calls `count`. All methods of Metrics are for the reactor's thread.

The first use of a new name declares it, so an author's counter is one line: `count` makes a counter,
`time` a histogram, and `watch` a counter if the name ends in `_total`, else a gauge.

Durations are a histogram that one thread counts and any thread reads. There is no lock: only the thread
that does the work changes the counts and the sum. Work of two threads is counted in two of these, which
are added up when somebody asks.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import accumulate, chain
from operator import add
from time import perf_counter
from typing import ParamSpec, TypeAlias, TypeVar

import attrs
from twisted.logger import Logger

log = Logger()

P = ParamSpec("P")
T = TypeVar("T")

# Bounds in seconds, for writes: one to the page cache takes 50 µs to 1 ms, a sync 1 to 100 ms; over 1 s
# hurts.
SHORT = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
LONG = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Bounds of a histogram in seconds, for long work: to compress a segment of 256 MiB takes 1 or 2 s, or much
more under load.
"""
Labels = tuple[tuple[str, str], ...]
KINDS = ("counter", "gauge", "histogram")
PREFIX = "logsrv"
"""The prefix of our metrics in Prometheus; the metrics of an author have the name of the plugin as
prefix.
"""
_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII | re.IGNORECASE)
_AT_LISTENERS = {
    "connections_total": "Connections accepted.",
    "connections_idle_total": "Connections closed by the idle time-out.",
    "connections_failed_total": "Connections closed because of an error in the service's code.",
    "connections_slowed_total": "Times that a connection had to wait because it sent too much.",
    "received_bytes_total": "Bytes received.",
    "oversize_lines_total": "Lines longer than --max-line.",
    "datagrams_total": "Datagrams received.",
    "datagrams_refused_total": "Datagrams refused because of --allow or --deny.",
    "datagrams_limited_total": "Datagrams dropped because their sender sent too many.",
    "datagrams_lost_total": "Datagrams that the kernel dropped because the service was too slow.",
}
_REFUSED = {
    "connections_refused_total": "Connections refused; the label `reason` says why.",
    "dropped_bytes_total": "Bytes received and dropped; the label `reason` says why.",
}
# A histogram has these series, and its own name.
_SERIES = {"histogram": ("", "_bucket", "_count", "_sum")}


@attrs.frozen
class Distribution:
    """The durations counted so far.

    bounds: in seconds, ascending. counts: the number of durations up to each bound and above the one before
    it; the last is the number above all bounds. total: the sum of all durations, in seconds.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    def __add__(self, other: Distribution) -> Distribution:
        """Return the sum of both. Raises ValueError if their bounds differ."""
        if self.bounds != other.bounds:
            raise ValueError("two distributions with different bounds cannot be added up")
        counts = tuple(map(sum, zip(self.counts, other.counts, strict=True)))
        return Distribution(self.bounds, counts, self.total + other.total)

    def cumulative(self) -> list[tuple[float, int]]:
        """Return pairs: a bound, and the number of durations up to this bound; the last bound is
        infinite.
        """
        bounds = (*self.bounds, float("inf"))
        return list(zip(bounds, accumulate(self.counts), strict=True))


class Durations:
    """Counts the durations of the steps of some work, which one thread does.

    begun: the `perf_counter()` at the start of the present step; None between steps.
    """

    __slots__ = ("_bounds", "_counts", "_total", "begun")

    def __init__(self, bounds: Sequence[float] = SHORT) -> None:
        self.begun: float | None = None
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def timed(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `step`, count its duration, and return its result; if it raises, nothing is counted."""
        return self.timed_longer(0.0, step, *args, **kwargs)

    def timed_longer(
        self, before: float, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do the same as `timed` for a step that has begun already, `before` seconds ago."""
        self.begun = begun = perf_counter() - before
        try:
            done = step(*args, **kwargs)
            self.add(perf_counter() - begun)
        finally:
            self.begun = None
        return done

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += seconds

    def under_way(self) -> float:
        """Return the seconds since the start of the present step; 0 between steps."""
        begun = self.begun
        return 0.0 if begun is None else perf_counter() - begun

    def read(self) -> Distribution:
        """Return the durations counted so far. In another thread, `total` may miss the latest one."""
        return Distribution(self._bounds, tuple(self._counts), self._total)


@attrs.frozen
class Metric:
    """A metric, as the catalogue declares it. `kind` is "counter" (only grows), "gauge", or "histogram"
    (seconds).

    by_use: true if its first use declared it; its help is made of its name.

    Raises ValueError for any other kind, and for a name or label that Prometheus does not accept.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    by_use: bool = False

    def __attrs_post_init__(self) -> None:
        for name in (self.name, *self.labels):
            if not _NAME.fullmatch(name):
                raise ValueError(f"a metric or label has letters, digits and _, unlike {name!r}")
        if self.kind not in KINDS:
            raise ValueError(f"{self.name} is one of {', '.join(KINDS)}, not {self.kind!r}")


def make_metrics(kind: str, helps: Mapping[str, str], *labels: str) -> tuple[Metric, ...]:
    """Return metrics of one kind with the same labels. helps: the help text of each metric, by the name of
    the metric.
    """
    return tuple(Metric(name, kind, help_, labels) for name, help_ in helps.items())


CATALOGUE: tuple[Metric, ...] = (
    Metric("connections_open", "gauge", "Connections open now.", ("listener",)),
    *make_metrics("counter", _AT_LISTENERS, "listener"),
    *make_metrics("counter", _REFUSED, "listener", "reason"),
)
"""The metrics that every service has for its listeners."""


def exposed_name(metric: Metric, prefix: str = PREFIX) -> str:
    """Return the name of a metric in Prometheus; the series of a histogram have this name with an
    ending.
    """
    counter = metric.kind == "counter" and not metric.name.endswith("_total")
    return f"{prefix}_" * bool(prefix) + metric.name + "_total" * counter


class Metrics:
    """The values of all metrics of one running service, by the name and the labels of the metric.

    A value is the sum of everything that was counted and that is watched: a removed listener that still
    drains and a new one of the same name share it.
    """

    def __init__(self, *catalogues: Iterable[Metric], name: str = PREFIX) -> None:
        """`catalogues`: the service's own metrics, in addition to CATALOGUE.

        name: stands in Prometheus before the names of all others, which its author declares.
        """
        self._name = name
        self._catalogue = {metric.name: metric for metric in CATALOGUE}
        self._ours = set(self._catalogue)
        # The metric of each series in Prometheus.
        self._series: dict[str, str] = {}
        for metric in CATALOGUE:
            self._claim_series(metric)
        self._counted: dict[tuple[str, Labels], float] = {}
        self._watched: dict[tuple[str, Labels], list[Callable[[], float]]] = {}
        self._timed: dict[tuple[str, Labels], list[Durations]] = {}
        self._unreadable: set[tuple[str, Labels]] = set()
        for metric in chain(*catalogues):
            self.declare(metric, ours=True)

    def exposed_name(self, metric: Metric) -> str:
        """Return the name of a metric in Prometheus, which begins with `logsrv_` or the plugin's name."""
        if metric.name in self._ours:
            return exposed_name(metric)
        return exposed_name(metric, "" if metric.name.startswith(f"{self._name}_") else self._name)

    @property
    def catalogue(self) -> tuple[Metric, ...]:
        """Return all metrics, used or not."""
        return tuple(self._catalogue.values())

    def declare(self, metric: Metric, *, ours: bool = False) -> None:
        """Add a metric to the catalogue. Raises ValueError if the name, or that in Prometheus, is taken.

        ours: whether its name in Prometheus begins with `logsrv_`, and not with the plugin's.
        A name that was used before may still be declared, with the same kind and labels.
        """
        before = self._catalogue.get(metric.name)
        if before is not None:
            if not before.by_use:
                raise ValueError(f"there is a metric named {metric.name!r} already")
            if (before.kind, before.labels) != (metric.kind, tuple(sorted(metric.labels))):
                raise ValueError(
                    f"{metric.name} was used before as a {before.kind} with the labels {before.labels}"
                )
            metric = attrs.evolve(metric, labels=before.labels)
        if ours:
            self._ours.add(metric.name)
        self._claim_series(metric)
        self._catalogue[metric.name] = metric

    def _claim_series(self, metric: Metric) -> None:
        """Note the names of a metric in Prometheus, which refuses all metrics if one comes twice."""
        name = self.exposed_name(metric)
        for series in [name + end for end in _SERIES.get(metric.kind, ("",))]:
            other = self._series.setdefault(series, metric.name)
            if other != metric.name:
                raise ValueError(
                    f"the metrics {other} and {metric.name} are both {series} in Prometheus: rename one"
                )

    def key(self, name: str, labels: dict[str, str], kind: str = "") -> tuple[str, Labels]:
        """Return the key of the value of a metric with these labels.

        kind: the kind with which a new name is declared. Raises ValueError for wrong labels or names.
        """
        metric = self._catalogue.get(name)
        if metric is None:
            words = name.removesuffix("_total").removesuffix("_seconds").replace("_", " ")
            help_ = f"{words[:1].upper()}{words[1:]}."
            metric = Metric(name, kind, help_, tuple(sorted(labels)), by_use=True)
            self._claim_series(metric)
            self._catalogue[name] = metric
        if set(labels) != set(metric.labels):
            raise ValueError(f"{name} has the labels {metric.labels}, not {tuple(labels)}")
        return name, tuple((label, str(labels[label])) for label in metric.labels)

    def count(self, name: str, /, amount: float = 1, **labels: str) -> None:
        """Add `amount` to a counter. A new name is declared as a counter with these labels.

        Raises ValueError for labels other than the counter's, and for a new name that Prometheus does not
        accept.
        """
        key = self.key(name, labels, "counter")
        self._counted[key] = self._counted.get(key, 0) + amount

    def watch(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Add the result of `read()` to the value of a metric; `read` is called whenever somebody reads the
        metric.
        """
        key = self.key(name, labels, "counter" if name.endswith("_total") else "gauge")
        self._watched.setdefault(key, []).append(read)

    def unwatch(self, key: tuple[str, Labels], read: Callable[[], float]) -> None:
        """Stop calling `read`. Its last result stays in a counter; a gauge without a `read` is removed."""
        self._watched[key].remove(read)
        if self._catalogue[key[0]].kind == "counter":
            self._counted[key] = self._counted.get(key, 0) + read()
        elif not self._watched[key]:
            del self._watched[key]

    def time(self, name: str, *durations: Durations, **labels: str) -> None:
        """Add the counts of `durations` to a histogram, whenever the histogram is read."""
        self._timed.setdefault(self.key(name, labels, "histogram"), []).extend(durations)

    def value(self, name: str, **labels: str) -> float:
        """Return the value of a counter or gauge, summed over the labels that are not given."""
        wanted = set(labels.items())
        return sum(
            value
            for metric, found, value in self.read()
            if metric.name == name and wanted <= set(found)
        )

    def totals(self) -> dict[str, float]:
        """Return each counter that was used, with its sum over all labels, in the order of the
        catalogue.
        """
        found: dict[str, float] = {}
        for metric, _, value in self.read():
            if metric.kind == "counter":
                found[metric.name] = found.get(metric.name, 0) + value
        return found

    def read(self) -> Iterator[tuple[Metric, Labels, float]]:
        """Yield every value of the counters and gauges: the metric, its labels and the number.

        A value whose `read` raises is left out, and logged once: that code may be an author's.
        """
        for name, metric in self._catalogue.items():
            keys = [key for key in {**self._counted, **self._watched} if key[0] == name]
            for key in sorted(keys):
                try:
                    watched = sum(read() for read in self._watched.get(key, ()))
                except Exception:
                    if key not in self._unreadable:
                        self._unreadable.add(key)
                        log.failure("{metric} cannot be read and is left out", metric=name)
                    continue
                yield metric, key[1], self._counted.get(key, 0) + watched

    def distributions(self) -> Iterator[tuple[Metric, Labels, Distribution]]:
        """Yield every value of the histograms: the metric, its labels and the durations."""
        for key, timed in sorted(self._timed.items(), key=lambda item: item[0]):
            counted = reduce(add, [durations.read() for durations in timed])
            yield self._catalogue[key[0]], key[1], counted


class MetricsPart:
    """The metrics of a part of the service that may end before the service does, such as a listener.

    When it ends, its counts stay in the sums.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._watched: list[tuple[tuple[str, Labels], Callable[[], float]]] = []

    def count(self, name: str, /, amount: float = 1, **labels: str) -> None:
        """Add `amount` to a counter, as `Metrics.count` does."""
        self._metrics.count(name, amount, **labels)

    def watch(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Add the result of `read()` to the value of a metric, until `end` is called."""
        self._metrics.watch(name, read, **labels)
        self._watched.append((self._metrics.key(name, labels), read))

    def end(self) -> None:
        """Call the `read` functions no more: each counter keeps the last result of its function, and all
        gauges are removed.
        """
        watched, self._watched = self._watched, []
        for key, read in watched:
            self._metrics.unwatch(key, read)


Counts: TypeAlias = Metrics | MetricsPart
"""The type of an object that has the methods `count` and `watch`."""
