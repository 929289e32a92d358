"""Counting round trips: how many requests wait for each other, whatever their speed."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from logsrv.linelog.objects.bucket import BucketArchive
from logsrv.linelog.objects.reader_threads import ReaderThreads


class Rounds:
    """A clock of round trips, each request one more than the answers that were seen before it began."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._threads = 0
        start, result = ReaderThreads.start, Future.result
        rounds = self
        begun: dict[int, tuple[Future[Any], int]] = {}

        def started(self: ReaderThreads, read: Callable[[], Any]) -> Future[Any]:
            def in_thread() -> Any:
                inside.append(True)
                return read()

            pending = start(self, in_thread)
            begun[id(pending)] = pending, rounds.count + 1
            return pending

        def resulted(self: Future[Any], timeout: float | None = None) -> Any:
            found = result(self, timeout)
            if id(self) in begun:
                rounds.count = max(rounds.count, begun[id(self)][1])
            return found

        inside: list[bool] = []
        patch.setattr(ReaderThreads, "start", started)
        patch.setattr(Future, "result", resulted)
        for name in ("names", "top_folders", "read"):
            patch.setattr(BucketArchive, name, self._alone(getattr(BucketArchive, name)))

    def _alone(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        """Count what is asked by whoever waits for it at once."""
        import threading

        def asked(*given: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                self.count += 1
            return ask(*given)

        return asked
