"""`--everywhere`: archives and lakes of a store get the segments in which lines were ever erased."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial

from logsrv.cli.arguments import tell
from logsrv.errors import LogsrvError
from logsrv.kit.plugins import load_object
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import counted
from logsrv.linelog.ship.address import PLUGINS, parse_ship_url
from logsrv.linelog.store import identity
from logsrv.linelog.store.disk import Disk, explanation, read_or
from logsrv.linelog.store.notes.archive_notes import (
    FOLDER,
    LAKE_SUFFIX,
    SUFFIX,
    archive_urls,
    read_archive_url,
)
from logsrv.linelog.store.notes.backup_note import store_folders
from logsrv.linelog.store.notes.erased import load_erased
from logsrv.linelog.store.notes.putting_turn import PuttingTurn
from logsrv.linelog.store.place import Place, saved_places
from logsrv.linelog.store.segment import Form, Listing, Segment, sealed_segments

_NOTES = SUFFIX, LAKE_SUFFIX
LOOK_EVERY, TOLD_AFTER = 0.1, 50
"""Seconds between two looks whether a shipper puts a segment, and the looks after which this is said."""


def rewrite_everywhere(directory: str, disk: Disk) -> bool:
    """Rewrite them, and print it; return False if something failed. Raises OSError, ValueError."""
    found, whole = identity.load(disk), True
    if found is not None:
        for name, place in _places_of_targets(directory):
            whole &= _rewrite(directory, name, place, disk, found.store)
    return whole


def _places_of_targets(directory: str) -> Iterator[tuple[str, Place]]:
    """Yield name and place of each target of a store."""
    for name, place, _ in saved_places(directory):
        if place is not None and name.startswith(f"{FOLDER}/"):
            yield name.partition("/")[2], place


def find_lines_erased_elsewhere(
    directory: str, disk: Disk
) -> Iterator[tuple[str, Mapping[int, list[tuple[int, int]]]]]:
    """Yield the URL of each archive and lake, and the lines that are erased there, but not in the store.

    The store was restored then from a copy of before that erase. The lines are begin and end of each, by
    segment. The caller erases them before it takes the next URL. Raises LogsrvError, OSError, ValueError.
    """
    if (found := identity.load(disk)) is None:
        return
    for name, place in _places_of_targets(directory):
        url = _target_url(name, place, disk)
        if _rewriting_function(url) and (function := parse_ship_url(url).plugin.find_erased):
            packed = [one for one in sealed_segments(disk) if one.form is Form.PACKED]
            lines = dict(load_object(function)(url, disk, found.store, packed))
            yield url, {number: of_segment for number, of_segment in lines.items() if of_segment}


def find_segments_erased_elsewhere(
    directory: str, disk: Disk
) -> Iterator[tuple[str, list[Segment], Callable[[], None]]]:
    """Yield the URL of each archive with segments that only it has, and in which lines were erased since.

    The store was restored from a copy of before that erase. The function fetches the indexes of these
    segments. Raises LogsrvError, OSError, ValueError.
    """
    if (found := identity.load(disk)) is None:
        return
    for url in archive_urls(directory):
        plugin = parse_ship_url(url).plugin
        if not plugin.find_erased_away:
            continue
        of_store = url, disk, found.store
        segments = [*load_object(plugin.find_erased_away)(*of_store, Listing(disk).away)]
        if segments:
            yield url, segments, partial(load_object(plugin.take_over), *of_store, segments)


def make_putter(directory: str, disk: Disk) -> Callable[[Disk, list[Segment]], None]:
    """Return what puts segments of another directory into the archives and lakes that have them.

    disk: of the store. Raises OSError and ValueError.
    """
    found = identity.load(disk)
    store = "" if found is None else found.store
    targets = []
    for name, place in _places_of_targets(directory) if store else ():
        url = _target_url(name, place, disk)
        if function := _rewriting_function(url):
            targets.append((name, url, place.position.segment, function))

    def put(work: Disk, segments: list[Segment]) -> None:
        for name, url, last, rewrite in targets:
            there = [one for one in segments if one.number <= last]
            _rewrite_segments(rewrite, url, work, store, there, turn=(directory, name))

    return put


def _rewrite(directory: str, name: str, place: Place, disk: Disk, store: str) -> bool:
    """Rewrite the segments that a target has; return False if that failed."""
    url = _target_url(name, place, disk)
    try:
        if not (function := _rewriting_function(url)):
            return True
        erased = load_erased(disk)
        segments = [
            one
            for one in sealed_segments(disk)
            if one.form is Form.PACKED
            # A shipper may put the last one now, or was killed before it saved its place.
            and one.number <= place.position.segment
            and erased.touches(one.number)
        ]
        _rewrite_segments(function, url, disk, store, segments, turn=(directory, name))
    except (LogsrvError, OSError, ValueError) as error:
        tell(f"logsrv erase: {one_line(url)} is not rewritten: {explanation(error)}")
        return False
    print(f"rewritten: {counted(len(segments), 'segment')} in {one_line(url)}")
    return True


def _rewrite_segments(
    function: str, url: str, disk: Disk, store: str, segments: list[Segment], turn: tuple[str, str]
) -> None:
    """Rewrite segments one by one, none while a shipper puts one there. turn: the store, and the target.

    One call of the function opens the archive once. It takes a segment when the one before is there.
    """
    if segments:
        with closing(_in_turns(segments, turn, url)) as one_by_one:
            load_object(function)(url, disk, store, one_by_one)


def _in_turns(
    segments: list[Segment], turn: tuple[str, str], url: str
) -> Generator[Segment, None, None]:
    for one in segments:
        with _turn_to_put(*turn, url):
            yield one


@contextmanager
def _turn_to_put(directory: str, name: str, url: str) -> Iterator[None]:
    """Be the only process that puts segments there; wait for a shipper that puts one. Raises OSError."""
    with Disk().open_directory(os.path.join(directory, FOLDER)) as folder:
        turn, looks = PuttingTurn(folder, name), 0
        # A shipper makes the file before it puts its first segment, as the user of the service.
        while turn.has_file and not turn.take():
            looks += 1
            if looks == TOLD_AFTER:
                tell(
                    f"logsrv erase: {one_line(url)}: a segment is being put there; waiting for that"
                )
            time.sleep(LOOK_EVERY)
        try:
            yield
        finally:
            turn.give_back()


def _rewriting_function(url: str) -> str:
    """Return the name of the function that rewrites segments at a target; "" if it is no archive.

    The place of another target has its URL without the path: the scheme alone tells which plugin it has.
    Raises ValueError.
    """
    plugin = PLUGINS.with_scheme(url.partition("://")[0].lower())
    if plugin is not None and not plugin.rewrite:
        return ""
    return parse_ship_url(url).plugin.rewrite


def _target_url(name: str, place: Place, disk: Disk) -> str:
    """Return the URL of a target."""
    return _noted_url(name, disk) or str(place.note.get("target", ""))


def _noted_url(name: str, disk: Disk) -> str:
    """Return the whole URL of an archive or a lake; "" for another target: its place has a URL."""
    for folder, inside in store_folders(disk, passed=OSError):
        if folder == FOLDER:
            noted = (read_or("", read_archive_url, inside, name + one) for one in _NOTES)
            return next(filter(None, noted), "")
    return ""
