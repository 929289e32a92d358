"""The saved place of a reader, in a small file: the reader has read the store up to there.

    {"store":"32 hex digits","position":"17:52311","saved":"2026-11-20T06:18:42.123456Z",…} 1c291ca3

A reader of the stores of rules, too, has a position in each: `"position":"17:52311,audit/3:99"`. All of
them are in one file, so that a crash never leaves the old position of one and the new position of another.
Such a file also has the identities of these stores, `"rules":{"audit":"32 hex digits"}`, `"format":3` and
the version that wrote it. Format 2 had no identities. A program that does not know the format of a file
says which version does, and leaves the file alone.

The file is one line: JSON, a space, the CRC-32 of the JSON, LF. It is written under a temporary name,
synced and renamed, so that a crash leaves the old place or the new one. Each reader decides what to do
about an unusable place. Shipping targets have their places in the folder `ship/`, alerts in `alerts/`: each
place has a lock.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import attrs

from logsrv import __version__
from logsrv.descriptor import Descriptor
from logsrv.kit.text.checksums import json_then_checksum, read_json_then_checksum
from logsrv.kit.text.words import shown
from logsrv.linelog.store import cursor
from logsrv.linelog.store.disk import DIRECTORY, DIRECTORY_MODE, Disk, explanation
from logsrv.linelog.store.lock import EXCLUSIVE, lock_file
from logsrv.linelog.store.segment import (
    FOLDERS,
    STORE_ID,
    Position,
    name_of_store,
    number_of_store,
)

_LONGEST = 1 << 18
_OURS = ("store", "position", "saved", "rules", "format", "version")
FORMAT = 3
"""The newest format of the file; 1, with a position in the main store alone, is not noted in it."""
LOCK_SUFFIX = ".lock"


@attrs.frozen
class Place:
    """The saved position of a reader.

    store: the identity of the store; "" for none. saved: the TIME when the place was saved. note: other
    values that the reader saves with it, as JSON can represent them. in_rules, identities: its positions in
    the stores of rules, and the identities of these as far as they are known, by their numbers.
    """

    position: Position
    store: str = ""
    saved: str = ""
    note: Mapping[str, Any] = attrs.field(factory=dict)
    in_rules: Mapping[int, Position] = attrs.field(factory=dict)
    identities: Mapping[int, str] = attrs.field(factory=dict)

    def moved(self, there: cursor.Place) -> Place:
        """Return the place with other positions."""
        positions, identities = {**cursor.positions_in(there)}, cursor.identities_in(there)
        known = {number: one for number, one in identities.items() if number in positions}
        return attrs.evolve(self, position=positions.pop(0), in_rules=positions, identities=known)

    @property
    def cursor(self) -> cursor.Place:
        """The positions in all stores."""
        return cursor.place_in({0: self.position, **self.in_rules}, self.identities)


class NewerPlaceError(ValueError):
    """The file of a place has a format that this program does not know."""


def save(disk: Disk, name: str, place: Place, *, sync: bool = True) -> None:
    """Save the place in a file. Raises OSError, and then the file keeps the old place.

    sync: whether the place is on the medium on return; if not, a power cut may leave a damaged file.
    """
    ours: dict[str, Any] = {
        "store": place.store,
        "position": str(place.cursor),
        "saved": place.saved,
    }
    if place.in_rules:
        rules = {name_of_store(number): one for number, one in place.identities.items()}
        ours |= {"rules": rules, "format": FORMAT, "version": __version__}
    data = json_then_checksum({**ours, **place.note})
    if sync:
        disk.replace_durably(name, data)
    else:
        disk.replace(name, data, sync=False)


def load(disk: Disk, name: str) -> Place | None:
    """Return the place in a file; None if there is no file.

    Raises OSError, ValueError if the file is damaged, and NewerPlaceError.
    """
    if (line := disk.read_or_none(name, _LONGEST)) is None:
        return None
    try:
        found = read_json_then_checksum(line)
        if found.get("format", 1) > FORMAT:
            raise NewerPlaceError(_why_newer(disk.path(name), found))
        note = {key: value for key, value in found.items() if key not in _OURS}
        positions = {**cursor.positions_in(cursor.parse_place(found["position"]))}
        main, rules = positions.pop(0), found.get("rules", {})
        if not all(STORE_ID.fullmatch(one) for one in rules.values()):
            raise ValueError("an identity of a store has not 32 hexadecimal digits")
        identities = {number_of_store(name): one for name, one in rules.items()}
        return Place(main, found["store"], found["saved"], note, positions, identities)
    except NewerPlaceError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{disk.path(name)} is damaged: {explanation(error)}") from error


def _why_newer(path: str, found: Mapping[str, Any]) -> str:
    by = "a newer logsrv"
    if "version" in found:
        by = f"logsrv {shown(str(found['version']))} or newer"
    return f"{path} was written by {by}, and this is logsrv {__version__}: install {by} again"


def why_foreign(place: Place, store: str, end: Position) -> str | None:
    """Return the reason why a place cannot be in a store. store, end: the store's identity and its end.

    None if the place can be in the store.
    """
    if place.store and store and place.store != store:
        return f"it belongs to another store, {place.store}"
    if place.position > end:
        return f"it is at {place.position}, and the store ends at {end}"
    return None


def saved_places(directory: str) -> Iterator[tuple[str, Place | None, str]]:
    """Yield all saved places: the name, such as `ship/centre`, the place, and "".

    For a place that cannot be read: the name, None, and the reason. Files with a dot in the name are no
    places. Raises OSError.
    """
    for folder in FOLDERS:
        try:
            disk = Disk().open_directory(os.path.join(directory, folder))
        except FileNotFoundError:
            continue
        with disk:
            for name in sorted(disk.entries()):
                if "." in name:
                    continue
                try:
                    found = load(disk, name)
                except (OSError, ValueError) as error:
                    yield f"{folder}/{name}", None, explanation(error)
                else:
                    if found is not None:
                        yield f"{folder}/{name}", found, ""


class PlaceFolder:
    """The folder `name` in the directory of a store. Each method may raise OSError.

    The folder is made at its first use, because a full disk may have no room for it.
    """

    def __init__(self, directory: str, name: str) -> None:
        self.store_directory = directory
        self._directory = os.path.join(directory, name)
        self._disk: Disk | None = None
        self._locks = ExitStack()

    @property
    def disk(self) -> Disk:
        """The open folder; it is made if it is missing."""
        if self._disk is None:
            with suppress(FileExistsError):
                os.mkdir(self._directory, DIRECTORY_MODE)
                os.chmod(self._directory, DIRECTORY_MODE)
                self._sync_folder_name()
            self._disk = Disk().open_directory(self._directory)
        return self._disk

    def _sync_folder_name(self) -> None:
        """Sync the name of the folder: without it, a power cut would lose even synced places."""
        with Descriptor(os.open(self.store_directory, DIRECTORY)) as fd:
            os.fsync(fd)

    def path(self, name: str) -> str:
        """Return the path of a name in the folder, for messages."""
        return os.path.join(self._directory, name)

    def exists(self) -> bool:
        """Return whether the folder exists."""
        return os.path.isdir(self._directory)

    def close(self) -> None:
        """Close the folder and release its locks."""
        self._locks.close()
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def lock(self, name: str = "", *, waits: bool = False) -> bool:
        """Lock the folder, or one place in it; return False if another process holds the lock.

        waits: whether to wait for the lock of a place.
        A place has a separate lock file, because each save replaces the file of the place.
        """
        try:
            if not name:
                self.disk.lock(EXCLUSIVE)
                return True
            how = fcntl.LOCK_EX if waits else EXCLUSIVE
            self._locks.push(lock_file(self.disk, name + LOCK_SUFFIX, how))
        except BlockingIOError:
            return False
        return True
