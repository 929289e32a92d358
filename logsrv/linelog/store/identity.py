"""The identity of a store, in its file `store`: it tells the store's lines from those of others.

The file is one line of JSON: {"store":"32 hex digits","began":"1:0","crc":"8 hex digits"}. "crc" is the
CRC-32 of all bytes before `,"crc"`. The identity is made once from random digits, and is on the medium
before the first line is stored. A copy of the directory has the same identity.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import attrs
from twisted.logger import Logger

from logsrv.kit.text.checksums import (
    json_with_checksum,
    read_json_then_checksum,
    read_json_with_checksum,
    repair_one_bit,
)
from logsrv.linelog.store.disk import Disk, explanation
from logsrv.linelog.store.notes import backup_note
from logsrv.linelog.store.segment import STORE_ID, Position, parse_position

log = Logger()
NAME = "store"
_LONGEST = 1024
_LONGEST_PLACE = 1 << 16


@attrs.frozen
class Identity:
    """The identity of a store: 32 hexadecimal digits, and the first position that they are valid for."""

    store: str
    began: Position


def load(disk: Disk) -> Identity | None:
    """Return the identity of a store; None if it has none yet. Raises OSError and ValueError."""
    try:
        return parse_identity(disk.read(NAME, _LONGEST))
    except FileNotFoundError:
        return None
    except ValueError as error:
        why = explanation(error)
        raise ValueError(f"{disk.path(NAME)} holds no identity of a store: {why}") from error


def parse_identity(data: bytes) -> Identity:
    """Parse the file; older versions wrote it without a checksum. Raises ValueError if it is damaged."""
    found = read_json_with_checksum(data, ("store", "began"))
    try:
        identity = Identity(found["store"], parse_position(found["began"]))
        if not STORE_ID.fullmatch(identity.store):
            raise ValueError("these are not 32 hexadecimal digits")
    except (KeyError, TypeError) as error:
        raise ValueError(explanation(error)) from error
    return identity


def make_identity(disk: Disk, began: Position, random: Callable[[int], bytes]) -> Identity:
    """Give a store a new identity, and sync it. random: returns n random bytes. Raises OSError."""
    identity = Identity(random(16).hex(), began)
    save_identity(disk, identity)
    return identity


def identity_text(identity: Identity) -> bytes:
    """Return the content of the file for an identity."""
    return json_with_checksum({"store": identity.store, "began": str(identity.began)})


def save_identity(disk: Disk, identity: Identity, *, name: str = NAME) -> None:
    """Write and sync an identity in the file `name` of a store. Raises OSError."""
    disk.replace_durably(name, identity_text(identity))


def load_and_repair(disk: Disk) -> Identity | None:
    """Return the identity of a store; None if it has none yet. Rewrite a file without a checksum.

    A single changed bit is corrected and logged. Raises OSError, and ValueError for any other damage, or if
    the file is missing after lines were shipped: with a new identity all of them would be sent again.
    """
    try:
        found = load(disk)
    except ValueError:
        found = identity_before_bit_flip(disk)
        if found is None:
            raise
        log.warn(
            "one bit of {path} had changed; by its checksum it is {store} again",
            path=disk.path(NAME),
            store=found.store,
        )
    if found is None and (shipped := _identity_in_places(disk)):
        raise ValueError(
            f"{disk.path(NAME)} is missing, and lines were shipped under the identity {shipped}"
        )
    if found is not None and disk.read(NAME, _LONGEST) != identity_text(found):
        save_identity(disk, found)
    return found


def _identity_in_places(disk: Disk) -> str:
    """Return the identity that a saved place of a shipping target has; "" if none has one."""
    for folder, inside in backup_note.store_folders(disk, passed=OSError):
        for name in inside.entries() if folder == "ship" else ():
            # Other files in the folder have no checksum, or no identity.
            with contextlib.suppress(OSError, ValueError):
                shipped = read_json_then_checksum(inside.read(name, _LONGEST_PLACE)).get("store")
                if isinstance(shipped, str) and STORE_ID.fullmatch(shipped):
                    return shipped
    return ""


def identity_before_bit_flip(disk: Disk) -> Identity | None:
    """Return the identity before one bit of the file changed; None if no single bit explains it."""
    with contextlib.suppress(OSError):
        data = repair_one_bit(disk.read(NAME, _LONGEST), _has_right_checksum)
        return parse_identity(data) if data else None
    return None


def _has_right_checksum(data: bytes) -> bool:
    with contextlib.suppress(ValueError):
        return identity_text(parse_identity(data)) == data
    return False
