"""The identity of a store, in its file `store`: by it others tell this store's lines from another's.

One line of JSON: {"store":"32 hex digits","began":"1:0"}. It is made once, with random digits, and is on
the medium before the first line; a copy of the directory is the same store.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import attrs

from logsrv.linelog.store.disk.disk import Disk, explanation
from logsrv.linelog.store.segments.segment import Position, parse_position

NAME = "store"
_DIGITS = re.compile(r"[0-9a-f]{32}")
_LONGEST = 1024


@attrs.frozen
class Identity:
    """The identity of a store: 32 hexadecimal digits, and the place from which on they hold."""

    store: str
    began: Position


def load(disk: Disk) -> Identity | None:
    """Return the identity of a store; None if it has none yet. Raises OSError and ValueError."""
    try:
        found = json.loads(disk.read(NAME, _LONGEST))
        identity = Identity(found["store"], parse_position(found["began"]))
        if not _DIGITS.fullmatch(identity.store):
            raise ValueError("these are not 32 hexadecimal digits")
        return identity
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        why = explanation(error)
        raise ValueError(f"{disk.path(NAME)} holds no identity of a store: {why}") from error


def make(disk: Disk, began: Position, random: Callable[[int], bytes]) -> Identity:
    """Give a store an identity, on the medium. Raises OSError. random: returns so many random bytes."""
    identity = Identity(random(16).hex(), began)
    keep(disk, identity)
    return identity


def keep(disk: Disk, identity: Identity, *, name: str = NAME) -> None:
    """Let a store have an identity, on the medium, in the file `name`. Raises OSError."""
    found = {"store": identity.store, "began": str(identity.began)}
    disk.put(name, json.dumps(found, separators=(",", ":")).encode() + b"\n")
