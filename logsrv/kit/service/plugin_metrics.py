"""The metrics of every plugin; /metrics shows them, and the page about monitoring lists them."""

from __future__ import annotations

from logsrv.kit.observe.metrics import make_metrics

_FAULTS = {
    "requests_failed_total": "Requests that the plugin could not answer because of an error.",
    "datagrams_failed_total": "Lines in datagrams that the plugin failed to handle.",
    "datagrams_faulty_total": "Datagrams that broke a rule of the plugin.",
    "datagrams_unsent_total": "Datagrams that the system did not send.",
    "broadcasts_skipped_total": (
        "Broadcasts not sent to a peer, because too many bytes were waiting for the peer already."
    ),
    "links_failed_total": "Failed tries to connect to another server.",
}
_REFUSED = {
    "connections_cut_total": "Connections closed because the peer broke a rule.",
    "answers_withheld_total": (
        "Datagrams that got no answer, or a shorter one, so that no two servers answer each other for ever."
    ),
}
_TASKS = {"tasks_failed_total": "Failures of background tasks, by the task's name."}
PLUGIN_METRICS = (
    *make_metrics("counter", _FAULTS, "listener"),
    *make_metrics("counter", _REFUSED, "listener", "reason"),
    *make_metrics("counter", _TASKS, "task"),
)
"""The metrics that every plugin has, in addition to the metrics of its listeners."""
