"""The target of `file:///PATH`, `s3://BUCKET/PREFIX` and so on: an archive, used in a separate thread.

A network directory may hang for minutes, and nothing interrupts a system call on it. Then the caller stops
waiting, and the thread remains in that call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.text.words import error_text
from logsrv.linelog.ship.target import ArchiveSurvey, ForeignStoreError, Unavailable
from logsrv.linelog.ship.target_plugin import TargetSettings
from logsrv.linelog.store.archive.catalog import add_to_archive_catalogs
from logsrv.linelog.store.archive.manifest import (
    Manifest,
    archived_segment_names,
    segment_base_name,
)
from logsrv.linelog.store.archive.objects import ArchiveError
from logsrv.linelog.store.archive.opening import open_archive
from logsrv.linelog.store.archive.putting import (
    OtherSegment,
    PuttingCancelled,
    find_manifest,
    incomplete_segments,
    put_segment,
)
from logsrv.linelog.store.archive.reading import ReaderThreads
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Segment
from logsrv.reactor import deferred_from_future

T = TypeVar("T")
log = Logger()


class ArchiveTarget:
    """An archive, in a directory or a bucket, as a target of a shipper."""

    promise = "each sealed segment once: it was read back and compared"
    noun = "archive"

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

    def survey(
        self, segments: Sequence[Segment], disk: Disk, *, others: bool = True
    ) -> Deferred[ArchiveSurvey]:
        archive, store = self._archive, self._store
        after = until = ""
        if not others:
            first, last = (segment_base_name(one.name) for one in (segments[0], segments[-1]))
            # The files of the last segment are included: a dot follows its name, and sorts before a slash.
            after, until = f"{store}/{first}", f"{store}/{last}/"

        def work(_: object) -> ArchiveSurvey:
            sizes = archive.sizes(f"{store}/", after, until)
            return ArchiveSurvey(
                archived_segment_names(sizes, store),
                incomplete_segments(archive, segments, disk, store, sizes),
            )

        return self._run_in_thread(work)

    def has_segment(self, name: str) -> Deferred[bool]:
        return self._run_in_thread(
            lambda _: find_manifest(self._archive, self._store, name) is not None
        )

    def put_segment(self, packed: Segment, disk: Disk) -> Deferred[Any]:
        def work(going: Callable[[], bool]) -> Manifest:
            made = put_segment(self._archive, packed, disk, self._store, going)
            for why in add_to_archive_catalogs(self._archive, made, disk.read):
                self._reactor.callFromThread(
                    log.error, "{why}; all other segments of that archive can be read", why=why
                )
            return made

        return self._run_in_thread(work)

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
