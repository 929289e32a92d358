"""The counters of the line logger go by the kit's rules for names."""

from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.plugin.metrics import METRICS


def test_names_are_the_loggers_own_and_say_what_is_counted():
    Metrics(METRICS)
    for metric in METRICS:
        assert metric.help.endswith(".")
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
