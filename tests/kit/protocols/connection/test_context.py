"""What is counted for a listener is found in the metrics, under its name."""

from __future__ import annotations

from twisted.python.failure import Failure

from logsrv.kit import LineProtocol
from logsrv.kit.protocols.connection.context import ListenerContext
from logsrv.kit.testing import MemoryService


def test_counts_are_in_the_metrics() -> None:
    service = MemoryService(LineProtocol)
    context = ListenerContext(service.service, "tcp:7")
    context.received_bytes += 5
    context.oversize_lines += 1
    context.failed("line_received", "tcp:1", Failure(ValueError("x")))
    context.failed("x", "tcp:1", Failure(ValueError("x")), "requests_failed_total")
    context.count_cut("unread")
    for name, value in {
        "received_bytes_total": 5,
        "oversize_lines_total": 1,
        "connections_failed_total": 1,
        "requests_failed_total": 1,
        "connections_cut_total": 1,
    }.items():
        assert service.metric(name, listener="tcp:7") == value


def test_settings_apply_to_connections_to_come() -> None:
    """The connection log is switched on and off, and a new limit is the new format's."""
    service = MemoryService(LineProtocol, "--log-connections", "--max-line", "7")
    context = ListenerContext(service.service, "tcp:7")
    context.apply(service.service.settings)
    assert context.connection_log is not None
    assert context.line_format.max_line == 7
    context.apply(MemoryService(LineProtocol).service.settings)
    assert context.connection_log is None
    assert context.line_format.max_line == 65536
