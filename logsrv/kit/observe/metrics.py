"""The one catalogue of counters, and the numbers behind it.

A part that counts on a hot path keeps a plain integer of its own and offers it with `watch`; the
rest is counted with `count`. All of it belongs to the reactor's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

Labels = tuple[tuple[str, str], ...]


@attrs.define(frozen=True, slots=True)
class Metric:
    """One entry of the catalogue. `kind` is "counter" (only grows) or "gauge"."""

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
        "Bytes received and, by rule, not stored.",
        ("listener", "reason"),
    ),
    Metric("stored_bytes_total", "counter", "Bytes written to the store, stamps included."),
    Metric("pending_bytes", "gauge", "Bytes taken in and not yet written."),
    Metric("store_stalled", "gauge", "1 while the store cannot write, else 0."),
    Metric("store_errors_total", "counter", "Writes and syncs that failed."),
    Metric("store_syncs_total", "counter", "Times the active segment was synced to disk."),
    Metric("segments_sealed_total", "counter", "Segments compressed."),
    Metric("segments_removed_total", "counter", "Segments removed by retention."),
)


class Metrics:
    """The values of one running service, by metric name and labels."""

    def __init__(self, catalogue: tuple[Metric, ...] = CATALOGUE) -> None:
        self._catalogue = {metric.name: metric for metric in catalogue}
        self._counted: dict[tuple[str, Labels], float] = {}
        self._watched: dict[tuple[str, Labels], Callable[[], float]] = {}

    def declare(self, metric: Metric) -> None:
        """Add a plugin's own metric to the catalogue. Raises ValueError if the name is taken."""
        if metric.name in self._catalogue:
            raise ValueError(f"there is a metric named {metric.name!r} already")
        self._catalogue[metric.name] = metric

    def _key(self, name: str, labels: dict[str, str]) -> tuple[str, Labels]:
        metric = self._catalogue[name]
        if set(labels) != set(metric.labels):
            raise ValueError(f"{name} has the labels {metric.labels}, not {tuple(labels)}")
        return name, tuple((label, labels[label]) for label in metric.labels)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add `amount` to a counter. Raises KeyError for a name that is not in the catalogue."""
        key = self._key(name, labels)
        self._counted[key] = self._counted.get(key, 0) + amount

    def watch(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Let `read()` be the value of a metric from now on."""
        self._watched[self._key(name, labels)] = read

    def forget(self, **labels: str) -> None:
        """Turn what is watched under these labels into plain numbers: whoever kept them is going."""
        wanted = set(labels.items())
        for key in [key for key in self._watched if wanted <= set(key[1])]:
            value = self._watched.pop(key)()
            if self._catalogue[key[0]].kind == "counter":
                self._counted[key] = self._counted.get(key, 0) + value

    def value(self, name: str, **labels: str) -> float:
        """The value of a metric, summed over the labels that are not given."""
        wanted = set(labels.items())
        return sum(
            value
            for metric, found, value in self.read()
            if metric.name == name and wanted <= set(found)
        )

    def totals(self) -> dict[str, float]:
        """Each counter that was used, summed over its labels, in the order of the catalogue."""
        found: dict[str, float] = {}
        for metric, _, value in self.read():
            if metric.kind == "counter":
                found[metric.name] = found.get(metric.name, 0) + value
        return found

    def read(self) -> Iterator[tuple[Metric, Labels, float]]:
        """Every value: the metric, its labels, the number."""
        for name, metric in self._catalogue.items():
            keys = [key for key in {**self._counted, **self._watched} if key[0] == name]
            for key in sorted(keys):
                watched = self._watched.get(key)
                value = self._counted.get(key, 0) + (watched() if watched else 0)
                yield metric, key[1], value
