"""The target of `lake+file:///PATH`, `lake+s3://BUCKET/PREFIX` and so on: segments as Parquet files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import pyarrow
from twisted.internet.defer import Deferred

from logsrv.linelog.lake.lake_segment import (
    file_name,
    first_day,
    folder_name,
    has_days,
    put_lake_segment,
    size_there,
    sizes_of_other_days,
)
from logsrv.linelog.ship.targets.object_plugins import LAKE
from logsrv.linelog.ship.targets.object_target import ObjectTarget
from logsrv.linelog.ship.targets.target import ArchiveSurvey, SentSegment
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.manifest import segment_base_name
from logsrv.linelog.store.segment import Form, Segment

_FOLDER = re.compile(r"day=([0-9]{4})-([0-9]{2})-([0-9]{2})")
_FILE = re.compile(_FOLDER.pattern + r"/[0-9a-f]{32}-([0-9]{10})\.parquet")


class LakeTarget(ObjectTarget):
    """A lake, in a directory or a bucket, as a target of a shipper. Its thread makes the files, too."""

    promise = "each sealed segment once, as Parquet: it was read back and compared"
    noun = "lake"

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        """Raises ConfigurationError."""
        url = attrs.evolve(settings.url, text=settings.url.text.removeprefix(LAKE))
        super().__init__(attrs.evolve(settings, url=url), reactor)
        # Arrow's own allocator keeps 50 MB that it has freed.
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())
        # Readers of the store find no text there.
        self.url = ""
        # The first file of a segment has a note of the days and sizes of its other files. Here are the
        # notes that were read, by the short name of the segment and the size of its first file.
        self._others: dict[tuple[str, int], Mapping[str, int]] = {}

    def survey(
        self, segments: Sequence[Segment], disk: Disk, *, others: bool = True
    ) -> Deferred[ArchiveSurvey]:
        """Return which segments are there. Without `others`, each is read to its end as well."""
        here = {segment_base_name(one.name): one for one in segments if one.form is Form.PACKED}

        def work(_: object) -> ArchiveSurvey:
            days = {first_day(name) for name in here}
            if others:
                folders = filter(_FOLDER.fullmatch, self._archive.top_folders())
                earliest = folder_name(min(days, default=""))
                days |= {one.partition("=")[2] for one in folders if f"{one}/" >= earliest}
            else:
                self._others = {key: one for key, one in self._others.items() if key[0] in here}
                days.update(*self._others.values())
            sizes = self._sizes(sorted(days))
            there = [
                name
                for name in here
                if file_name(self._store, name) in sizes and (others or self._is_whole(name, sizes))
            ]
            strange = _names_in(sizes).items() if others else ()
            known = {one.number for one in here.values()}
            return ArchiveSurvey(
                sorted([*there, *(name for number, name in strange if number not in known)]),
                [one for name, one in here.items() if name not in there],
            )

        return self._run_in_thread(work)

    def _sizes(self, days: Sequence[str]) -> dict[str, int]:
        """Return the sizes of this store's files in the folders of some days, by name."""
        found: dict[str, int] = {}
        for folder in map(folder_name, days):
            # A dot sorts after the dash.
            first = folder + self._store
            found |= self._archive.sizes(folder, f"{first}-", f"{first}.")
        return found

    def _is_whole(self, name: str, sizes: Mapping[str, int]) -> bool:
        """Return whether all files of a segment are there. sizes: of the files in the folders looked at."""
        size = sizes[file_name(self._store, name)]
        known = self._others.get((name, size))
        if known is not None:
            return all(
                sizes.get(file_name(self._store, name, day)) == wanted
                for day, wanted in known.items()
            )
        others = sizes_of_other_days(self._archive, self._store, name, size)
        if others is None:
            return False
        self._others[name, size] = others
        return has_days(self._archive, self._store, name, others)

    def has_segment(self, name: str) -> Deferred[bool]:
        first = file_name(self._store, name)
        return self._run_in_thread(lambda _: size_there(self._archive, first) is not None)

    def put_segment(self, packed: Segment, disk: Disk) -> Deferred[SentSegment]:
        return self._run_in_thread(
            lambda going: put_lake_segment(self._archive, packed, disk, self._store, going)
        )


def _names_in(files: Iterable[str]) -> dict[int, str]:
    """Return a short name for each segment by its number: with the earliest of the days of its files."""
    found = (_FILE.fullmatch(name) for name in sorted(files, reverse=True))
    return {int(one[4]): f"{one[4]}-{one[1]}{one[2]}{one[3]}T000000Z" for one in found if one}
