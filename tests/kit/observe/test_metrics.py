"""The catalogue of counters and what stands behind it."""

import pytest

from logsrv.kit.observe.metrics import CATALOGUE, Metric, Metrics


def test_counted_and_watched_values_add_up() -> None:
    metrics = Metrics()
    metrics.count("connections_refused_total", listener="a", reason="denied")
    metrics.count("connections_refused_total", 2, listener="b", reason="denied")
    number = 5
    metrics.watch("connections_refused_total", lambda: number, listener="b", reason="full")
    assert metrics.value("connections_refused_total") == 8
    assert metrics.value("connections_refused_total", listener="b") == 7
    number = 6
    assert metrics.value("connections_refused_total", reason="full") == 6


def test_a_counter_keeps_its_value_when_its_owner_goes() -> None:
    """Also when a new owner of the same name comes, before the old one has gone: it never falls."""
    metrics = Metrics()
    old, new = metrics.part(), metrics.part()
    old.watch("connections_total", lambda: 7, listener="a")
    old.watch("connections_open", lambda: 3, listener="a")
    new.watch("connections_total", lambda: 1, listener="a")
    new.watch("connections_open", lambda: 1, listener="a")
    assert metrics.value("connections_total") == 8
    assert metrics.value("connections_open") == 4
    old.end()
    old.end()
    new.count("connections_total", listener="a")
    assert metrics.value("connections_total") == 9
    assert metrics.value("connections_open") == 1


def test_names_and_labels_are_those_of_the_catalogue() -> None:
    metrics = Metrics()
    with pytest.raises(KeyError):
        metrics.count("no_such_metric")
    with pytest.raises(ValueError, match="labels"):
        metrics.count("connections_total")
    with pytest.raises(ValueError, match="already"):
        metrics.declare(CATALOGUE[0])


def test_a_plugin_declares_its_own() -> None:
    metrics = Metrics()
    metrics.declare(Metric("shouts_total", "counter", "Lines shouted back."))
    metrics.count("shouts_total")
    assert [value for metric, _, value in metrics.read() if metric.name == "shouts_total"] == [1]


def test_the_catalogue_says_what_it_counts() -> None:
    for metric in CATALOGUE:
        assert metric.kind in ("counter", "gauge")
        assert metric.help.endswith(".")
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)


def test_totals_are_of_counters_over_all_labels() -> None:
    metrics = Metrics()
    metrics.watch("connections_total", lambda: 2, listener="a")
    metrics.watch("connections_total", lambda: 3, listener="b")
    metrics.watch("connections_open", lambda: 1, listener="a")
    assert metrics.totals() == {"connections_total": 5}
