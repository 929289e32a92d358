"""The target of `file:///PATH`, `s3://BUCKET/PREFIX` and so on: an archive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv.linelog.archive.catalog import add_to_archive_catalogs
from logsrv.linelog.archive.names import archived_segment_names
from logsrv.linelog.archive.putting import find_manifest, incomplete_segments, put_segment
from logsrv.linelog.archive.rule_note import RuleNote, put_rule_note
from logsrv.linelog.ship.targets.object_target import ObjectTarget
from logsrv.linelog.ship.targets.target import ArchiveSurvey
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.manifest import Manifest, segment_base_name
from logsrv.linelog.store.segment import Segment

log = Logger()


class ArchiveTarget(ObjectTarget):
    """An archive, in a directory or a bucket, as a target of a shipper."""

    promise = "each sealed segment once: it was read back and compared"
    noun = "archive"

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        super().__init__(settings, reactor)
        # The note that the archive does not have yet, as far as this process knows.
        self._note = RuleNote(settings.rule, settings.main) if settings.rule else None

    def _put_note(self) -> None:
        if self._note is not None:
            put_rule_note(self._archive, self._store, self._note)
            self._note = None

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
            names = archived_segment_names(sizes, store)
            if names:
                self._put_note()
            return ArchiveSurvey(
                names,
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
            self._put_note()
            for why in add_to_archive_catalogs(self._archive, made, disk.read):
                self._reactor.callFromThread(
                    log.error, "{why}; all other segments of that archive can be read", why=why
                )
            return made

        return self._run_in_thread(work)
