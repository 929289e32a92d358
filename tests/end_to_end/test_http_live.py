"""Live views of the real daemon lose and double no line, for viewers that come, go and stall."""

import os
import threading
import time

import pytest

from tests.end_to_end.web_daemon import (
    HTTP,
    LINES,
    client_of,
    figure,
    memory,
    send,
    stalled,
)
from tests.parts.daemons import Logger, Start
from tests.parts.waits import join
from tests.parts.web_clients import Events

# Lines that are written while a viewer catches up: no more than it may get at once.
MORE = 700


@pytest.fixture
def server(logger: Start) -> Logger:
    """A daemon with five lines."""
    server = logger(*HTTP)
    send(server, *LINES)
    return server


def test_a_viewer_gets_lines_as_they_are_written(server):
    """Each viewer gets the lines that match its query as they are written."""
    client = client_of(server)
    with client.watch("good") as some, client.watch() as every:
        send(server, "good 1", "bad 2", "good 3")
        assert some.lines(2) == ["good 1", "good 3"]
        assert every.lines(3) == ["good 1", "bad 2", "good 3"]
        assert some.response.getheader("Content-Type") == "text/event-stream"
        event = client.ask("/api/search", q="good", limit=1).lines[0]
        send(server, "good 4")
        assert some.next() == ("line", client.ask("/api/search", q='"good 4"').lines[0])
        assert event["message"] == "good 1"


def test_a_viewer_that_was_away_gets_the_missed_lines_once(server):
    """A client that was away gets the lines that it missed, each once."""
    client = client_of(server)
    with client.watch() as events:
        send(server, "a", "b")
        assert events.lines(2) == ["a", "b"]
        last = events.last_id
    send(server, *map(str, range(100)))
    with client.watch(headers={"Last-Event-ID": last}, after="1:0") as events:
        assert events.lines(50) == [str(number) for number in range(50)]
        send(server, "live")
        assert events.lines(51) == [*map(str, range(50, 100)), "live"]
    # The query also applies to missed lines.
    with client.watch("user=ann", after="1:0") as events:
        assert events.lines(1) == [LINES[2]]
    # At the position of the next line no line has been missed.
    with client.watch(after=client.ask("/api/stats").json["position"]) as events:
        send(server, "next")
        assert events.lines(1) == ["next"]


@pytest.mark.slow
def test_resume_across_segments(logger):
    """After rotation, compression and retention the kept lines come, and the event says which are gone."""
    server = logger(*HTTP, "--rotate-size", "20KiB", "--keep-bytes", "40KiB")
    client = client_of(server)
    sent = [f"{number} {os.urandom(20).hex()}" for number in range(200)]
    with client.watch() as events:
        send(server, *sent[:100])
        assert events.lines(100) == sent[:100]
        first = client.ask("/api/search", limit=1).lines[0]["position"]
        middle = events.last_id
        for start in range(100, 200, 20):
            server.send("".join(f"{line}\n" for line in sent[start : start + 20]).encode())
            assert events.lines(20) == sent[start : start + 20]
    with client.watch(after=middle) as events:
        assert events.lines(100) == sent[100:]
    more = [f"{number} {os.urandom(300).hex()}" for number in range(300)]
    for start in range(0, 300, 20):
        server.send("".join(f"{line}\n" for line in more[start : start + 20]).encode())
    server.wait_until(lambda: client.ask("/api/show", position=first).status != 200, "retention")
    with client.watch(after=first) as events:
        name, said = events.next() or ("", {})
        assert name == "missed" and said["lines"] is None
        oldest = client.ask("/api/search", limit=1).lines[0]
        event = events.next()
        while event is not None and event[0] == "missed":
            # Retention removes more segments meanwhile.
            assert event[1]["lines"] is None
            said, event = event[1], events.next()
        assert event is not None and event[0] == "line"
        assert event[1]["position"] == said["from"]
        assert event[1]["time"] <= oldest["time"]


@pytest.mark.slow
def test_no_line_is_lost_or_doubled_between_catching_up_and_going_on(logger):
    """Each line comes once, in order, or is counted as missed by a busy machine, which says so."""
    server = logger(*HTTP)
    client = client_of(server)
    send(server, "0")
    written = 1

    def write(first: int) -> None:
        with server.connect() as connection:
            for start in range(first, first + MORE, 10):
                connection.sendall(b"".join(b"%d\n" % (start + one) for one in range(10)))
                time.sleep(0.002)

    for _ in range(5):
        writer = threading.Thread(target=write, args=(written,))
        written += MORE
        writer.start()
        try:
            with client.watch(after="1:0") as events:
                # The line at the position is not asked for.
                told, last = 1, 0
                while told < written:
                    event = events.next()
                    assert event is not None and event[0] in ("line", "missed")
                    if event[0] == "missed":
                        told += event[1]["lines"]
                        continue
                    assert int(event[1]["message"]) > last
                    last = int(event[1]["message"])
                    told += 1
                assert told == written
        finally:
            join(writer)


def show(server: Logger, events: Events, message: str) -> None:
    """Send a line, again each time that lines were missed, until it is shown: it may be among the missed.

    The process of the views leaves lines out if it gets no processor for 0.2 s.
    """

    def shown() -> bool:
        name, said = events.next() or ("the end", {})
        assert name in ("line", "missed")
        if name == "missed":
            send(server, message)
        return name == "line" and said["message"] == message

    send(server, message)
    server.wait_until(shown, f"the line {message!r} at a viewer")


@pytest.mark.long
def test_stalled_viewers(logger):
    """Two hundred viewers that do not read need little memory each, and do not delay others."""
    server = logger(*HTTP)
    client = client_of(server)
    viewers = stalled(server, 200)
    line = "x" * 500
    try:
        with client.watch("marker") as events:
            server.wait_until(lambda: figure(client, "http_viewers") == 201, "all viewers")
            for round_ in range(20):
                send(server, *[line] * 200)
                show(server, events, f"marker {round_}")
            before = memory(server.pid)
            for round_ in range(20, 60):
                send(server, *[line] * 200)
                show(server, events, f"marker {round_}")
            # 5 MB more were written; a copy for each of the 200 viewers would be 1 GB.
            assert memory(server.pid) - before < 30 << 20
            assert figure(client, "tap_missed_lines_total")
    finally:
        for viewer in viewers:
            viewer.close()


def count(events: Events, lines: int) -> tuple[int, int]:
    """Read events until they tell of so many lines; return how many were shown, and how many missed."""
    shown = missed = 0
    while shown + missed < lines:
        name, said = events.next() or ("the end", {})
        assert name in ("line", "missed")
        shown += name == "line"
        missed += said["lines"] if name == "missed" else 0
    return shown, missed


def test_a_stalled_viewer_that_reads_again_is_told_of_missed_lines(logger):
    server = logger(*HTTP)
    (viewer,) = stalled(server, 1)
    client = client_of(server)
    server.wait_until(lambda: figure(client, "http_viewers") == 1, "the viewer")
    with Events(viewer) as events:
        send(server, "y")
        # After this line it gets new ones as they come.
        count(events, 1)
        before, sent = figure(client, "tap_missed_lines_total"), 0

        def send_more() -> bool:
            nonlocal sent
            send(server, *["y" * 1000] * 200)
            sent += 200
            return figure(client, "tap_missed_lines_total") != before

        server.wait_until(send_more, "lines that the viewer misses")
        shown, missed = count(events, sent)
    assert missed and shown + missed == sent
