"""The metrics of a service in the text format of Prometheus, made with its client library.

All work is done at a scrape, none when a line is received. The library imports an HTTP server, which takes
a tenth of a second, so this module is imported late.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString

from logsrv.kit.observe.metrics import Distribution, Labels, Metric, Metrics

# prometheus_client before 0.23 has no name for this format; its CONTENT_TYPE_LATEST is the newest one.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsCollector(Collector):
    """A collector of all metrics of one service, for a registry of prometheus_client.

    It is for the reactor's thread, as the metrics are.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Family]:
        """Yield each metric with its values; a counter without labels that nobody counted is 0."""
        values = defaultdict(list)
        for metric, labels, value in self._metrics.read():
            values[metric.name].append((_label_values(labels), value))
        distributions = defaultdict(list)
        for metric, labels, counted in self._metrics.distributions():
            distributions[metric.name].append((_label_values(labels), counted))
        for metric in self._metrics.catalogue:
            name = self._metrics.exposed_name(metric)
            if metric.kind == "histogram":
                yield _without_empty_labels(
                    _histogram_family(metric, name, distributions[metric.name])
                )
            else:
                yield _without_empty_labels(_number_family(metric, name, values[metric.name]))


def _label_values(labels: Labels) -> list[str]:
    # Lone surrogates, which only a stranger's text has, would make the whole scrape fail.
    return [text.encode(errors="backslashreplace").decode() for _, text in labels]


def _without_empty_labels(family: Family) -> Family:
    """Leave out labels without a text: to Prometheus, and so to queries and alerts, that is the same.

    So a metric may get a further label, and the values that do not need it stay as they were.
    """
    family.samples = [
        one._replace(labels={name: text for name, text in one.labels.items() if text})
        for one in family.samples
    ]
    return family


def _number_family(metric: Metric, name: str, values: list[tuple[list[str], float]]) -> Family:
    make = GaugeMetricFamily if metric.kind == "gauge" else CounterMetricFamily
    family = make(name, metric.help, labels=metric.labels)
    if metric.kind == "counter" and not metric.labels:
        values = values or [([], 0)]
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _histogram_family(
    metric: Metric, name: str, values: list[tuple[list[str], Distribution]]
) -> Family:
    family = HistogramMetricFamily(name, metric.help, labels=metric.labels)
    for labels, counted in values:
        buckets = [(floatToGoString(bound), many) for bound, many in counted.cumulative()]
        family.add_metric(labels, buckets, counted.total)
    return family


def exposition(metrics: Metrics) -> tuple[bytes, str]:
    """Return the metrics of a service and of its process in the text format of Prometheus, and its type.

    The second is the Content-Type. Call it in the reactor's thread; it takes about a millisecond.
    """
    registry = CollectorRegistry()
    registry.register(MetricsCollector(metrics))
    ProcessCollector(registry=registry)
    return generate_latest(registry), CONTENT_TYPE
