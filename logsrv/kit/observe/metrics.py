"""The counters of a service: a catalogue that is declared once, and the numbers behind it.

A part that counts on a hot path keeps a plain integer of its own and offers it with `watch`; the
rest is counted with `count`. All of it belongs to the reactor's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

import attrs

Labels = tuple[tuple[str, str], ...]


@attrs.define(frozen=True, slots=True)
class Metric:
    """An entry of the catalogue. `kind` is "counter" (only grows) or "gauge"."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


CATALOGUE: tuple[Metric, ...] = (
    Metric("connections_total", "counter", "Connections accepted.", ("listener",)),
    Metric("connections_open", "gauge", "Connections open now.", ("listener",)),
    Metric(
        "connections_refused_total",
        "counter",
        "Connections the guard refused.",
        ("listener", "reason"),
    ),
    Metric(
        "connections_idle_total",
        "counter",
        "Connections closed by the idle time-out.",
        ("listener",),
    ),
    Metric(
        "connections_failed_total",
        "counter",
        "Connections closed because of an error in our code.",
        ("listener",),
    ),
    Metric("received_bytes_total", "counter", "Bytes received.", ("listener",)),
    Metric("datagrams_total", "counter", "Datagrams received.", ("listener",)),
    Metric("datagrams_refused_total", "counter", "Datagrams the guard refused.", ("listener",)),
    Metric(
        "datagrams_lost_total",
        "counter",
        "Datagrams the kernel dropped because we were too slow.",
        ("listener",),
    ),
    Metric("oversize_lines_total", "counter", "Lines longer than --max-line.", ("listener",)),
    Metric(
        "dropped_bytes_total",
        "counter",
        "Bytes received and, by rule, not taken in.",
        ("listener", "reason"),
    ),
)
"""What every service counts at its listeners."""


class Counts(Protocol):
    """Takes numbers: the Metrics of a service, or a Part of them."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add `amount` to a counter. Raises KeyError for a name that is not in the catalogue."""

    def watch(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Let the value of a metric have `read()` in it from now on."""


class Metrics:
    """The values of one running service, by metric name and labels.

    A value is what was counted and what is watched, added up: of a listener that was taken away and
    is still draining, and its successor of the same name, too.
    """

    def __init__(self, *catalogues: Iterable[Metric]) -> None:
        """`catalogues` come behind the one that every service has."""
        self._catalogue = {metric.name: metric for metric in CATALOGUE}
        self._counted: dict[tuple[str, Labels], float] = {}
        self._watched: dict[tuple[str, Labels], list[Callable[[], float]]] = {}
        for metric in chain(*catalogues):
            self.declare(metric)

    @property
    def catalogue(self) -> tuple[Metric, ...]:
        """Return all metrics there are, used or not."""
        return tuple(self._catalogue.values())

    def declare(self, metric: Metric) -> None:
        """Add a metric to the catalogue. Raises ValueError if the name is taken."""
        if metric.name in self._catalogue:
            raise ValueError(f"there is a metric named {metric.name!r} already")
        self._catalogue[metric.name] = metric

    def key(self, name: str, labels: dict[str, str]) -> tuple[str, Labels]:
        """Return the key of a value. Raises KeyError and ValueError for what is not declared."""
        metric = self._catalogue[name]
        if set(labels) != set(metric.labels):
            raise ValueError(f"{name} has the labels {metric.labels}, not {tuple(labels)}")
        return name, tuple((label, labels[label]) for label in metric.labels)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add `amount` to a counter. Raises KeyError for a name that is not in the catalogue."""
        key = self.key(name, labels)
        self._counted[key] = self._counted.get(key, 0) + amount

    def watch(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Let the value of a metric have `read()` in it as long as the service lasts."""
        self._watched.setdefault(self.key(name, labels), []).append(read)

    def unwatch(self, key: tuple[str, Labels], read: Callable[[], float]) -> None:
        """Let `read` go; of a counter, what it came to stays in the value."""
        self._watched[key].remove(read)
        if self._catalogue[key[0]].kind == "counter":
            self._counted[key] = self._counted.get(key, 0) + read()

    def part(self) -> Part:
        """The share of something that may go before the service does."""
        return Part(self)

    def value(self, name: str, **labels: str) -> float:
        """The value of a metric, summed over the labels that are not given."""
        wanted = set(labels.items())
        return sum(
            value
            for metric, found, value in self.read()
            if metric.name == name and wanted <= set(found)
        )

    def totals(self) -> dict[str, float]:
        """Return each counter that was used, summed over its labels, in the order of the catalogue."""
        found: dict[str, float] = {}
        for metric, _, value in self.read():
            if metric.kind == "counter":
                found[metric.name] = found.get(metric.name, 0) + value
        return found

    def read(self) -> Iterator[tuple[Metric, Labels, float]]:
        """Yield every value: the metric, its labels, the number."""
        for name, metric in self._catalogue.items():
            keys = [key for key in {**self._counted, **self._watched} if key[0] == name]
            for key in sorted(keys):
                watched = sum(read() for read in self._watched.get(key, ()))
                yield metric, key[1], self._counted.get(key, 0) + watched


class Part:
    """The counts of one listener, say. When it ends, its counters stay in the sums."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._watched: list[tuple[tuple[str, Labels], Callable[[], float]]] = []

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add `amount` to a counter. Raises KeyError for a name that is not in the catalogue."""
        self._metrics.count(name, amount, **labels)

    def watch(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Let the value of a metric have `read()` in it until this ends."""
        self._metrics.watch(name, read, **labels)
        self._watched.append((self._metrics.key(name, labels), read))

    def end(self) -> None:
        """Turn what is watched into plain numbers: whoever kept them is going."""
        watched, self._watched = self._watched, []
        for key, read in watched:
            self._metrics.unwatch(key, read)
