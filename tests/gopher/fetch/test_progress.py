"""Progress is for people at a terminal: one line, a few times a second, gone at the end."""

from __future__ import annotations

import io

from logsrv.gopher.fetch.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_written_but_to_a_terminal() -> None:
    stream, clock = io.StringIO(), Seconds()
    progress = Progress(stream, clock)
    clock.now = 10
    progress.bytes(1000, None)
    progress.show("x")
    progress.clear()
    assert stream.getvalue() == ""


def test_ten_times_a_second_and_no_more() -> None:
    stream, clock = Terminal(), Seconds()
    progress = Progress(stream, clock)
    for _ in range(100):
        clock.now += 0.02
        progress.bytes(1000, None)
    assert 10 <= stream.getvalue().count("\r") <= 20
    progress.clear()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_a_known_length_makes_a_bar() -> None:
    stream, clock = Terminal(), Seconds()
    progress = Progress(stream, clock)
    clock.now = 1
    progress.bytes(512 * 1024, 1024 * 1024)
    assert stream.getvalue() == f"\r[{'#' * 12:<24}] 50 %, 512.0 KiB, 512.0 KiB/s\x1b[K"
    clock.now = 2
    progress.bytes(4 * 1024 * 1024, 1024 * 1024)
    assert "400 %" in stream.getvalue(), "a server that lied does not stop it"
