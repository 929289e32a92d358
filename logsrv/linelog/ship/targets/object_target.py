"""A target whose segments become objects in a directory or a bucket, used in a separate thread.

A network directory may hang for minutes, and nothing interrupts a system call on it. Then the caller stops
waiting, and the thread remains in that call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.text.words import error_text
from logsrv.linelog.objects.interface import ArchiveError
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.objects.putting import OtherSegment, PuttingCancelled
from logsrv.linelog.objects.reader_threads import ReaderThreads
from logsrv.linelog.ship.targets.target import ForeignStoreError, Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.reactor import deferred_from_future

T = TypeVar("T")


class ObjectTarget:
    """The part of such a target that does not depend on what becomes an object: the address, the thread."""

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        """Raises ConfigurationError."""
        self.url = settings.url.text
        try:
            self._archive = open_archive(self.url, settings.token, settings.tls.cafile)
        except ValueError as error:
            raise ConfigurationError(f"target {settings.name}: {error}") from None
        self._store = settings.store
        self._reactor = reactor
        # A single thread takes the steps in order.
        self._thread = ReaderThreads(at_once=1)

    def close(self) -> Deferred[None]:
        """End the thread; fires when the thread has finished its steps, or given them up."""
        return self._run_in_thread(lambda _: None).addBoth(lambda _: self._thread.close())

    def _run_in_thread(self, step: Callable[[Callable[[], bool]], T]) -> Deferred[T]:
        """Take a step in the thread, after the earlier ones; give it up if its Deferred is cancelled."""
        given_up = threading.Event()

        def work() -> T:
            if given_up.is_set():
                raise PuttingCancelled
            return step(lambda: not given_up.is_set())

        done = deferred_from_future(self._thread.start(work), self._reactor, given_up.set)
        return done.addErrback(raise_target_error)


def raise_target_error(failure: Failure) -> Failure:
    """Raise the error that targets have for a failure of an archive; return any other failure."""
    error = failure.value
    if isinstance(error, OtherSegment):
        raise ForeignStoreError(str(error)) from error
    if isinstance(error, ArchiveError):
        raise Unavailable(str(error), settled=error.settled) from error
    if error is not None and not isinstance(error, Exception):
        # A panic of obstore.
        raise Unavailable(error_text(error)) from error
    return failure
