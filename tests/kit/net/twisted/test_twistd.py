"""twistd's pipe to its parent, and the log. Also run with other releases of Twisted."""

from __future__ import annotations

from twisted.logger import ILogObserver, LogEvent, Logger, formatEvent, globalLogPublisher
from zope.interface import implementer

from logsrv.kit.net.twisted.twistd import start_failed, take_status_pipe, wrap_log_observers


def test_the_pipe_to_the_parent_is_taken_where_there_is_one() -> None:
    options = {"statusPipe": 7, "nodaemon": 0}
    assert take_status_pipe(options) == 7
    assert take_status_pipe(options) is None
    assert take_status_pipe(None) is None
    # The parent reads it at once.
    assert len(start_failed("ü" * 1000)) == 512
    assert start_failed("no moon") == b"1 no moon"
    assert start_failed("\x1b[31m") == rb"1 \x1b[31m", "it is shown in a terminal"


def test_observers_of_the_log_are_wrapped_where_they_are() -> None:
    seen: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        seen.append(formatEvent(event))

    before = list(globalLogPublisher._observers)
    globalLogPublisher.addObserver(observe)
    try:
        wrap_log_observers(lambda kept: kept if kept is not observe else lambda event: None)
        Logger().info("nobody sees this")
    finally:
        globalLogPublisher._observers[:] = before
    assert seen == []
