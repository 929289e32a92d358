"""The saved place of a shipper: `ship/NAME` in the directory of the store, with a lock on the name.

The file `ship/NAME.refused` beside it has the lines that the target will never take, as stored, each with
its LF, for people to read. When it has LARGEST_REFUSED bytes, it is renamed to NAME.refused.old, in place
of an older one. So the last 8 to 16 MiB are kept. A line that was refused just before a power cut may be
there twice. A line may be missing if the disk was full, but it is counted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Any, NamedTuple

import attrs

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.ship.address import NAME
from logsrv.linelog.store import place
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.place import Place, PlaceFolder
from logsrv.linelog.store.segment import NOWHERE, Position, parse_position

FOLDER = "ship"


def write_identity_to_places(directory: str, store: str) -> None:
    """Write a new identity of the store into the saved places of all targets. Raises OSError.

    store: the new identity. Damaged places are left unchanged. This waits for a shipper whose server was
    killed just now: it may save its place once more before it ends.
    """
    with closing(PlaceFolder(directory, FOLDER)) as folder:
        if not folder.exists():
            return
        disk = folder.disk
        for name, plain in disk.entries().items():
            if not plain or not NAME.fullmatch(name):
                continue
            folder.lock(name, waits=True)
            with suppress(ValueError):
                kept = place.load(disk, name)
                if kept is not None:
                    moved = attrs.evolve(kept, store=store, note={**kept.note, "new": True})
                    place.save(disk, name, moved)


class CountedGap(NamedTuple):
    """A gap that was counted, and the position of the text after it, which the target has not taken yet."""

    after: Position
    missing: MissingText


def counted_gaps(kept: Place) -> tuple[MissingText, list[CountedGap]]:
    """Return the amount of text that was removed before the target could get it, and the last gaps in that.

    Raises IndexError, TypeError and ValueError.
    """
    gone, gaps = kept.note.get("gone"), kept.note.get("gaps", [])
    return _missing_text(gone) if gone else MissingText(), [
        CountedGap(parse_position(after), _missing_text(missing)) for after, missing in gaps
    ]


def _missing_text(saved: Any) -> MissingText:
    return MissingText(int(saved[0]), int(saved[1]), bool(saved[2]))


def counted_to(gaps: Sequence[CountedGap]) -> Position:
    """Return the position after the last of some gaps; NOWHERE without any."""
    return max((gap.after for gap in gaps), default=NOWHERE)


class ShipPlace:
    """The position up to which a target has acknowledged a store, saved in the file `ship/NAME`.

    target: the URL of the target, without secrets, for the file. clock: returns seconds since 1970. Each
    method may raise OSError.

    new: whether the target has acknowledged nothing yet. gone: the amount of text that was removed before
    the target could get it. gaps: those gaps in it that may be found once more, and larger, because the
    target has not taken the text after them. refused: the file of refused lines.
    """

    def __init__(
        self, directory: str, name: str, *, target: str, clock: Callable[[], float]
    ) -> None:
        self.name = name
        self.folder = PlaceFolder(directory, FOLDER)
        self._target = target
        self._clock = clock
        self.new = True
        self.gone = MissingText()
        self.gaps: list[CountedGap] = []
        self.refused = RefusedLinesFile(self.folder, name)

    @property
    def path(self) -> str:
        """The path of the file, for people to read."""
        return self.folder.path(self.name)

    def lock(self) -> bool:
        """Lock the name; return False if another process holds it."""
        return self.folder.lock(self.name)

    def load(self, store: str, end: Position) -> Position | None:
        """Return the saved place; None if there is none.

        store, end: the identity and the end of the store. Raises ValueError, with a sentence, if the place
        is damaged, or belongs to another store or target.
        """
        kept = place.load(self.folder.disk, self.name)
        if kept is None:
            return None
        why = place.why_foreign(kept, store, end)
        if why is None and kept.note.get("target") != self._target:
            why = "it belongs to another target"
        if why is not None:
            raise ValueError(f"{self.path} cannot be used: {why}")
        try:
            self.gone, self.gaps = counted_gaps(kept)
        except (IndexError, TypeError, ValueError) as error:
            raise ValueError(f"{self.path} cannot be used: {error}") from None
        self.new = "new" in kept.note
        return kept.position

    def save(self, store: str, position: Position) -> None:
        """Save and sync a position, and before it the refused lines."""
        self.refused.sync()
        note = {
            "new": self.new,
            "gone": [*self.gone] if self.gone else None,
            "gaps": [[str(after), [*missing]] for after, missing in self.gaps],
            "target": self._target,
        }
        note = {key: value for key, value in note.items() if value}
        kept = Place(position, store, rfc3339(self._clock()), note)
        place.save(self.folder.disk, self.name, kept)

    def close(self) -> None:
        """Close the files, and release the lock."""
        self.refused.close()
        self.folder.close()


LARGEST_REFUSED = 8 << 20


class RefusedLinesFile:
    """The file of a shipper's refused lines. name: the name of the target."""

    def __init__(self, folder: PlaceFolder, name: str) -> None:
        self._folder = folder
        self._name = name + ".refused"
        self._fd = -1
        self._dirty = False

    @property
    def path(self) -> str:
        """The path of the file, for people to read."""
        return self._folder.path(self._name)

    def add(self, lines: Sequence[bytes]) -> None:
        """Append lines, which have no LFs here. Raises OSError."""
        disk = self._folder.disk
        if self._fd < 0:
            try:
                self._fd = disk.open(self._name, os.O_WRONLY | os.O_APPEND)
            except FileNotFoundError:
                self._fd = disk.create(self._name)
        self._dirty = True
        for line in lines:
            # A line that is larger than the file may be loses its end.
            disk.write(self._fd, line[: LARGEST_REFUSED - 1] + b"\n")
            if os.fstat(self._fd).st_size >= LARGEST_REFUSED:
                self._rotate_file()

    def _rotate_file(self) -> None:
        self.sync()
        disk = self._folder.disk
        disk.rename(self._name, self._name + ".old")
        fd, self._fd = self._fd, disk.create(self._name)
        self._dirty = True
        os.close(fd)

    def sync(self) -> None:
        """Sync the lines that were added. Raises OSError."""
        if self._dirty:
            self._folder.disk.fdatasync(self._fd)
            self._folder.disk.sync_directory()
            self._dirty = False

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
