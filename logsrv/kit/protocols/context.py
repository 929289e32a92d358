"""The context of the connections of one listener: the service, the operator's rules, and its counters."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from logsrv.kit.framing.lines import LineFormat
from logsrv.kit.observe.failures import Failures
from logsrv.kit.observe.metrics import Counts, Metrics
from logsrv.kit.observe.peer_log import ConnectionLog

DEFAULT_MAX_LINE = 64 * 1024


class RunningService(Protocol):
    """`self.service` of a protocol: a `logsrv.kit.ProtocolService`.

    settings: the options as they are now, the author's and the kit's. state: what the author's
    `state` gave, for as long as the service lasts. metrics: counters. clock: seconds and timers.
    """

    settings: Any
    state: Any
    metrics: Metrics
    clock: IReactorTime
    failures: Failures

    def line_format(self, max_line: int) -> LineFormat: ...


class ListenerContext:
    """The context of the connections of one listener, as `factory` of each; plain integers count for it.

    service: the running service. label: the listener's name in the metrics. line_format: what a
    line is for connections to come. connection_log: None unless the operator wants it.
    """

    def __init__(self, service: RunningService, label: str, metrics: Counts | None = None) -> None:
        """`metrics`: where it counts, those of the service if left out."""
        self.service = service
        self.label = label
        self.received_bytes = 0
        self.oversize_lines = 0
        self.dropped_bytes = 0
        self.connection_log: ConnectionLog | None = None
        self.line_format = LineFormat()
        metrics = metrics or service.metrics
        metrics.watch("received_bytes_total", lambda: self.received_bytes, listener=label)
        metrics.watch("oversize_lines_total", lambda: self.oversize_lines, listener=label)
        metrics.watch(
            "dropped_bytes_total", lambda: self.dropped_bytes, listener=label, reason="unusable"
        )

    def apply(self, settings: Any) -> None:
        """Go by these settings for connections to come."""
        wanted = settings.log_connections
        if wanted and self.connection_log is None:
            self.connection_log = ConnectionLog(self.label, self.service.clock)
        elif not wanted:
            self.connection_log = None
        most = getattr(settings, "max_line", DEFAULT_MAX_LINE)
        self.line_format = self.service.line_format(most)

    def failed(self, doing: str, peer: str, failure: Failure) -> None:
        """The plugin failed; its connection is being closed."""
        self.service.metrics.count("connections_failed_total", listener=self.label)
        self.service.failures.note(doing, peer, failure)

    def request_failed(self, peer: str, failure: Failure) -> None:
        """The plugin failed to answer; the connection goes on."""
        self.service.metrics.count("requests_failed_total", listener=self.label)
        self.service.failures.note("request_received", peer, failure)

    def count_cut(self, reason: str) -> None:
        self.service.metrics.count("connections_cut_total", listener=self.label, reason=reason)

    def close(self) -> None:
        """The listener has gone, or is going."""
        if self.connection_log is not None:
            self.connection_log.flush()
