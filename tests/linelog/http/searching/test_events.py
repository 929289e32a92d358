"""Events as EventSource reads them."""

from logsrv.linelog.http.searching.events import (
    HEARTBEAT,
    EventQueue,
    error_event,
    line_event,
    missed_event,
)


def test_each_event_has_its_bytes():
    assert line_event("17:5", '{"a":1}') == b'id: 17:5\nevent: line\ndata: {"a":1}\n\n'
    assert missed_event(3) == b'event: missed\ndata: {"lines": 3}\n\n'
    assert missed_event(None, "2:0") == b'event: missed\ndata: {"lines": null, "from": "2:0"}\n\n'
    assert error_event("a\nb").count(b"\n") == 3
    # A comment, which nobody takes for an event.
    assert HEARTBEAT.startswith(b":")


def test_waiting_events_keep_their_order():
    box = EventQueue(3)
    assert box.add(b"ab", 2) == 0
    box.count_left_out(0)
    box.count_left_out(2)
    box.count_left_out(3)
    assert box.add(b"c", 1) == 0
    assert box.add(b"(gone)", 0) == 0
    assert box.add(b"d", 1) == 1
    assert box.pop_events(100) == b"ab" + missed_event(5) + b"c(gone)" + missed_event(1)
    assert box.add(b"efg", 3) == 0 and box.pop_events(100) == b"efg" and box.pop_events(100) == b""


def test_events_are_taken_in_pieces_of_about_the_asked_size():
    """About as much as is asked for, and at least one piece, however long."""
    box = EventQueue(9)
    for data in (b"x" * 100, b"y", b"z" * 100):
        box.add(data, 1)
    assert box.pop_events(1) == b"x" * 100
    assert box.pop_events(50) == b"y" + b"z" * 100
