"""The figures of a service as Prometheus reads them, under names that begin with their owner's."""

import sys

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from logsrv.kit import LineProtocol, protocol_plugin
from logsrv.kit.observe._prometheus import MetricsCollector, exposition
from logsrv.kit.observe.metrics import CATALOGUE, Durations, Metric, Metrics, exposed_name
from logsrv.kit.testing import MemoryService


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What a scrape finds: by name and labels."""
    text, content_type = exposition(metrics)
    assert content_type.startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_values_are_exact_and_labels_escaped():
    metrics = Metrics()
    label = 'unix:/a "quoted"\\path\nline'
    metrics.watch("received_bytes_total", lambda: (1 << 53) - 1, listener=label)
    metrics.watch("connections_open", lambda: 3, listener=label)
    found = samples(metrics)
    assert found["logsrv_received_bytes_total", (("listener", label),)] == (1 << 53) - 1
    assert found["logsrv_connections_open", (("listener", label),)] == 3


def test_a_label_without_a_text_is_left_out():
    """So a metric may get a further label, and the series that it had stay the same."""
    seconds = Durations()
    seconds.add(0.2)
    metrics = Metrics([Metric("ups", "gauge", "Up.", ("target", "rule"))])
    for rule in ("", "audit"):
        metrics.watch("ups", lambda: 1, target="a", rule=rule)
    metrics.time("walks", seconds, target="a", rule="")
    found = samples(metrics)
    assert found["logsrv_ups", (("target", "a"),)] == 1
    assert found["logsrv_ups", (("rule", "audit"), ("target", "a"))] == 1
    assert found["logsrv_walks_count", (("target", "a"),)] == 1


def test_a_strangers_counters_and_gauges_have_our_prefix_and_begin_at_0():
    metrics = Metrics([Metric("rolls", "counter", "Dice."), Metric("dice", "gauge", "In hand.")])
    metrics.watch("dice", lambda: 6)
    found = samples(metrics)
    assert found["logsrv_rolls_total", ()] == 0
    assert found["logsrv_dice", ()] == 6


def test_a_label_that_is_no_text_does_not_spoil_the_scrape():
    metrics = Metrics()
    metrics.count("files_total", name=b"caf\xe9".decode("utf-8", "surrogateescape"))
    metrics.count("files_total", 4, name=7)  # type: ignore[arg-type]
    found = samples(metrics)
    assert found["logsrv_files_total", (("name", "caf\\udce9"),)] == 1
    assert found["logsrv_files_total", (("name", "7"),)] == 4


def test_a_histogram_is_cumulative_and_ends_with_all():
    metrics = Metrics([Metric("write_seconds", "histogram", "Writes.")])
    durations = Durations((0.5, 1))
    metrics.time("write_seconds", durations)
    for seconds in (0.25, 0.5, 0.75, 60):
        durations.add(seconds)
    found = samples(metrics)
    buckets = {dict(key[1])["le"]: value for key, value in found.items() if "_bucket" in key[0]}
    assert buckets == {"0.5": 2, "1.0": 3, "+Inf": 4}
    assert found["logsrv_write_seconds_count", ()] == 4
    assert found["logsrv_write_seconds_sum", ()] == 61.5


@pytest.mark.skipif(sys.platform != "linux", reason="the figures of a process are Linux's")
def test_the_process_is_there_under_the_names_that_every_dashboard_knows():
    found = samples(Metrics())
    for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds"):
        assert found[f"process_{name}", ()] > 0


def test_the_collector_works_in_a_registry_of_the_library():
    metrics = Metrics()
    registry = CollectorRegistry()
    registry.register(MetricsCollector(metrics))
    metrics.watch("connections_open", lambda: 3, listener="a")
    assert registry.get_sample_value("logsrv_connections_open", {"listener": "a"}) == 3


def test_the_name_that_is_documented_is_the_name_that_is_exposed():
    metrics = Metrics([Metric("rolls", "counter", "Dice.")])
    text = exposition(metrics)[0].decode()
    for metric in (*CATALOGUE, *metrics.catalogue):
        assert f"# TYPE {exposed_name(metric)} {metric.kind}" in text


class Imap(LineProtocol):
    def connection_made(self) -> None:
        metrics = self.service.metrics
        metrics.declare(Metric("logins", "counter", "Logins."))
        metrics.count("logins")
        metrics.count("imapd_errors_total")
        metrics.count("imapdx_errors_total")
        metrics.watch("mailboxes", lambda: 3)
        metrics.time("search_seconds", Durations())
        metrics.count("logsrv_mails_total", kind="new")


IMAPD = protocol_plugin("imapd", Imap)


@pytest.mark.parametrize(
    "line",
    [
        "imapd_logins_total 1.0",
        "imapd_errors_total 1.0",
        "imapd_imapdx_errors_total 1.0",
        "imapd_mailboxes 3.0",
        "imapd_search_seconds_count 0.0",
        'imapd_logsrv_mails_total{kind="new"} 1.0',
        'logsrv_connections_total{listener="tcp:7000"} 1.0',
        'logsrv_received_bytes_total{listener="tcp:7000"} 0.0',
        'logsrv_connections_failed_total{listener="tcp:7000"} 0.0',
    ],
)
def test_a_name_in_prometheus_begins_with_its_owner(line):
    service = MemoryService(IMAPD)
    service.connect()
    assert line in exposition(service.service.metrics)[0].decode().splitlines()
