"""The catalogue of counters and what stands behind it; how long something takes, counted without locks."""

import bisect
import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from logsrv.kit.observe.metrics import (
    CATALOGUE,
    LONG,
    SHORT,
    Distribution,
    Durations,
    Metric,
    Metrics,
    MetricsPart,
)


def test_counted_and_watched_values_add_up():
    metrics = Metrics()
    metrics.count("connections_refused_total", listener="a", reason="denied")
    metrics.count("connections_refused_total", 2, listener="b", reason="denied")
    number = 5
    metrics.watch("connections_refused_total", lambda: number, listener="b", reason="full")
    assert metrics.value("connections_refused_total") == 8
    assert metrics.value("connections_refused_total", listener="b") == 7
    number = 6
    assert metrics.value("connections_refused_total", reason="full") == 6


def test_a_counter_keeps_its_value_when_its_owner_goes():
    """Also when a new owner of the same name comes, before the old one has gone: it never falls."""
    metrics = Metrics()
    old, new = MetricsPart(metrics), MetricsPart(metrics)
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


def test_names_and_labels_are_those_of_the_catalogue():
    metrics = Metrics()
    with pytest.raises(ValueError, match="labels"):
        metrics.count("connections_total")
    with pytest.raises(ValueError, match="already"):
        metrics.declare(CATALOGUE[0])


@pytest.mark.parametrize(
    ("one", "other", "series"),
    [
        (("logins", "counter"), ("logins_total", "counter"), "imapd_logins_total"),
        (("logins_total", "gauge"), ("logins", "counter"), "imapd_logins_total"),
        (("logins_total", "counter"), ("imapd_logins_total", "counter"), "imapd_logins_total"),
        (("imapd_users", "gauge"), ("users", "gauge"), "imapd_users"),
        (("fetch_seconds", "histogram"), ("fetch_seconds_count", "gauge"), "imapd_fetch_seconds_count"),
        (("fetch_seconds_sum", "gauge"), ("fetch_seconds", "histogram"), "imapd_fetch_seconds_sum"),
        (("fetch", "histogram"), ("fetch_bucket", "gauge"), "imapd_fetch_bucket"),
        (("imapd_fetch", "histogram"), ("fetch", "gauge"), "imapd_fetch"),
        (("logins", "counter"), ("logins", "gauge"), None),
        (("logins", "counter"), ("logins_seconds", "histogram"), ""),
        (("users", "gauge"), ("users_total", "counter"), ""),
        (("connections_total", "gauge"), ("users", "gauge"), None),
    ],
)  # fmt: skip
def test_two_metrics_are_never_one_in_prometheus(one, other, series):
    """It refuses all of a service's metrics if a name comes twice."""
    metrics = Metrics(name="imapd")
    told = f"{series} in Prometheus: rename one" if series else "already"
    with contextlib.nullcontext() if series == "" else pytest.raises(ValueError, match=told):
        for name, kind in (one, other):
            metrics.declare(Metric(name, kind, "Help."))
    if series:
        with pytest.raises(ValueError, match=told):
            metrics.declare(Metric(other[0], other[1], "Help."))
        assert other[0] not in {metric.name for metric in metrics.catalogue}


def test_a_first_use_takes_no_name_of_another_metric():
    metrics = Metrics(name="imapd")
    metrics.count("logins")
    with pytest.raises(ValueError, match="imapd_logins_total in Prometheus: rename one"):
        metrics.count("logins_total")
    metrics.count("logins")
    assert metrics.value("logins") == 2


def test_a_plugin_whose_name_is_ours_declares_no_metric_of_ours():
    with pytest.raises(ValueError, match="logsrv_connections_total in Prometheus"):
        Metrics().declare(Metric("connections", "counter", "Help."))


def test_a_plugin_declares_its_own_metrics():
    metrics = Metrics()
    metrics.declare(Metric("shouts_total", "counter", "Lines shouted back."))
    metrics.count("shouts_total")
    assert [value for metric, _, value in metrics.read() if metric.name == "shouts_total"] == [1]


def test_a_counter_of_ones_own_is_one_line():
    metrics = Metrics()
    metrics.count("jokes_told_total", kind="pun", name="a label as any other")
    metrics.count("jokes_told_total", 2, kind="pun", name="a label as any other")
    assert metrics.value("jokes_told_total", kind="pun") == 3
    [metric] = [one for one in metrics.catalogue if one.name == "jokes_told_total"]
    assert (metric.kind, metric.help, metric.labels) == ("counter", "Jokes told.", ("kind", "name"))
    with pytest.raises(ValueError, match="labels"):
        metrics.count("jokes_told_total", mood="dry")
    with pytest.raises(ValueError, match="unlike"):
        metrics.count("jokes told")


def test_gauges_and_histograms_of_ones_own_are_one_line_too():
    metrics = Metrics()
    metrics.watch("people_in_the_room", lambda: 3)
    metrics.watch("doors_opened_total", lambda: 4)
    durations = Durations((1,))
    metrics.time("roll_seconds", durations)
    durations.add(0.5)
    kinds = {metric.name: metric.kind for metric in metrics.catalogue}
    assert kinds["people_in_the_room"] == "gauge" and kinds["doors_opened_total"] == "counter"
    assert metrics.value("people_in_the_room") == 3 and metrics.value("doors_opened_total") == 4
    assert [counted.counts for _, _, counted in metrics.distributions()] == [(1, 0)]


def test_a_used_metric_may_be_declared_with_the_same_kind():
    metrics = Metrics()
    metrics.count("rolls_total", sides="6", hand="left")
    with pytest.raises(ValueError, match="used before as a counter"):
        metrics.declare(Metric("rolls_total", "gauge", "Dice.", ("sides", "hand")))
    metrics.declare(Metric("rolls_total", "counter", "Dice rolled.", ("sides", "hand")))
    metrics.count("rolls_total", sides="6", hand="left")
    assert [value for metric, _, value in metrics.read() if metric.help == "Dice rolled."] == [2]
    with pytest.raises(ValueError, match="already"):
        metrics.declare(Metric("rolls_total", "counter", "Dice rolled.", ("sides", "hand")))


@pytest.mark.parametrize(
    "wrong",
    [
        ("rolls total", "counter"),
        ("", "counter"),
        ("rolls_total", "countr"),
        ("rolls_total", "counter", "side's"),
        ("rolls_total\n", "gauge"),
    ],
)
def test_names_that_prometheus_refuses_are_refused(wrong):
    """Not by the first scrape, which would fail as a whole."""
    name, kind, *labels = wrong
    with pytest.raises(ValueError, match=r"unlike|one of counter, gauge, histogram"):
        Metric(name, kind, "Dice rolled.", tuple(labels))


def test_the_catalogue_says_what_it_counts():
    for metric in CATALOGUE:
        assert metric.kind in ("counter", "gauge", "histogram")
        assert metric.help.endswith(".")
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)


def test_totals_are_of_counters_over_all_labels():
    metrics = Metrics()
    metrics.watch("connections_total", lambda: 2, listener="a")
    metrics.watch("connections_total", lambda: 3, listener="b")
    metrics.watch("connections_open", lambda: 1, listener="a")
    assert metrics.totals() == {"connections_total": 5}


def test_a_histogram_is_what_all_its_threads_have_counted():
    metrics = Metrics([Metric("sync_seconds", "histogram", "Syncs.")])
    one, other = Durations((1, 2)), Durations((1, 2))
    metrics.time("sync_seconds", one, other)
    one.add(0.5)
    other.add(1.5)
    other.add(7)
    [(metric, labels, counted)] = metrics.distributions()
    assert (metric.name, labels) == ("sync_seconds", ())
    assert (counted.counts, counted.total) == ((1, 1, 1), 9.0)


def test_a_gauge_that_cannot_be_read_hides_no_other_and_is_logged_once():
    metrics = Metrics()
    metrics.watch("connections_open", lambda: 1 // 0, listener="a")
    metrics.watch("connections_open", lambda: 3, listener="b")
    with capturedLogs() as events:
        assert metrics.value("connections_open") == 3
        assert metrics.value("connections_open") == 3
    assert [event["metric"] for event in events] == ["connections_open"]
    assert "log_failure" in events[0]


@given(st.lists(st.floats(0, 20), max_size=50))
def test_each_duration_is_in_the_buckets_that_it_is_not_longer_than(seconds):
    durations = Durations(SHORT)
    for one in seconds:
        durations.add(one)
    found = durations.read()
    assert sum(found.counts) == len(seconds)
    assert found.total == pytest.approx(sum(seconds))
    ordered = sorted(seconds)
    assert found.cumulative() == [
        (bound, bisect.bisect_right(ordered, bound)) for bound in (*SHORT, math.inf)
    ]


def test_the_bounds_ascend():
    for bounds in (SHORT, LONG):
        assert list(bounds) == sorted(set(bounds))


def test_a_step_is_timed_and_seen_while_it_is_under_way():
    durations = Durations()
    seen = []

    def step(value: int) -> int:
        seen.append((durations.begun is not None, durations.under_way() > 0))
        return value

    assert durations.timed(step, 5) == 5
    assert seen == [(True, True)]
    assert durations.under_way() == 0
    assert sum(durations.read().counts) == 1
    assert 0 < durations.read().total < 60


def test_a_step_that_fails_is_not_counted_and_is_over():
    durations = Durations()
    with pytest.raises(ZeroDivisionError):
        durations.timed(lambda: 1 // 0)
    assert durations.begun is None
    assert sum(durations.read().counts) == 0


def test_what_was_read_does_not_change():
    durations = Durations((1,))
    before = durations.read()
    durations.add(0.5)
    assert before == Distribution((1,), (0, 0), 0.0)


def test_distributions_with_other_bounds_are_not_added_up():
    with pytest.raises(ValueError, match="bounds"):
        Durations((1,)).read() + Durations((2,)).read()
