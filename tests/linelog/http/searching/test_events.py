"""Events as EventSource reads them."""

from __future__ import annotations

from logsrv.linelog.http.searching.events import HEARTBEAT, error_event, line_event, missed_event


def test_events() -> None:
    assert line_event("17:5", '{"a":1}') == b'id: 17:5\nevent: line\ndata: {"a":1}\n\n'
    assert missed_event(3) == b'event: missed\ndata: {"lines": 3}\n\n'
    assert missed_event(None, "2:0") == b'event: missed\ndata: {"lines": null, "from": "2:0"}\n\n'
    assert error_event("a\nb").count(b"\n") == 3
    # A comment, which nobody takes for an event.
    assert HEARTBEAT.startswith(b":")
