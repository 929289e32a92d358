"""The faults of peers, in a sentence that names the peer; the mistakes of authors; what both meet."""

import warnings

import pytest
from twisted.python.failure import Failure

from logsrv.kit import (
    EndOfStream,
    LineProtocol,
    PeerError,
    PeerGone,
    PeerTimeout,
)
from logsrv.kit.protocols.context import ListenerContext
from logsrv.kit.protocols.faults import bytes_of, check_text, wrong_value_text
from logsrv.kit.testing import MemoryService


def test_an_end_that_came_too_early_says_how_much_there_was_and_has_it():
    error = EndOfStream("tcp:10.0.0.1:1", "8 bytes", b"abc")
    assert str(error) == "tcp:10.0.0.1:1 ended after 3 bytes of 8 bytes"
    assert error.partial == b"abc"


def test_a_time_out_is_caught_as_any_other():
    with pytest.raises(TimeoutError, match=r"^tcp:10.0.0.1:1 sent nothing in time$"):
        raise PeerTimeout("tcp:10.0.0.1:1")


def test_every_fault_is_a_peer_error():
    assert all(issubclass(kind, PeerError) for kind in (PeerGone, EndOfStream, PeerTimeout))


def test_long_values_are_cut():
    assert wrong_value_text("x" * 1000) == "'" + "x" * 59


def test_a_coroutine_that_nobody_awaited_is_said_once():
    async def fetched() -> str:
        return ""

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sentence = wrong_value_text(fetched())
    assert sentence.endswith("fetched: `await` it first")


def test_text_and_bytes_are_not_mixed_up():
    check_text("text", "send_line")
    with pytest.raises(TypeError, match=r"^send_line takes str, not b'x'$"):
        check_text(b"x", "send_line")
    assert bytes_of(memoryview(b"x")) == b"x"
    with pytest.raises(TypeError, match=r"^write takes bytes, not 'x'$"):
        bytes_of("x")


def test_counts_are_in_the_metrics():
    service = MemoryService(LineProtocol)
    context = ListenerContext(service.service, "tcp:7")
    context.received_bytes += 5
    context.oversize_lines += 1
    context.log_failure("line_received", "tcp:1", Failure(ValueError("x")))
    context.log_failure("x", "tcp:1", Failure(ValueError("x")), "requests_failed_total")
    context.count_cut("unread")
    for name, value in {
        "received_bytes_total": 5,
        "oversize_lines_total": 1,
        "connections_failed_total": 1,
        "requests_failed_total": 1,
        "connections_cut_total": 1,
    }.items():
        assert service.metric(name, listener="tcp:7") == value


def test_settings_apply_to_connections_to_come():
    """The connection log is switched on and off, and a new limit is the new format's."""
    service = MemoryService(LineProtocol, "--log-connections", "--max-line", "7")
    context = service.service.make_factory("tcp:7")
    context.apply(service.service.settings)
    assert context.connection_log is not None
    assert context.line_format.max_line == 7
    context.apply(MemoryService(LineProtocol).service.settings)
    assert context.connection_log is None
    assert context.line_format.max_line == 65536
