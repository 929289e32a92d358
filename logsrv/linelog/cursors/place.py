"""The saved place of a reader, in a small file: the reader has read the store up to there.

    {"store":"32 hex digits","position":"17:52311","saved":"2026-11-20T06:18:42.123456Z",…} 1c291ca3

The file is one line: JSON, a space, the CRC-32 of the JSON, LF. It is written under a temporary name,
synced and renamed, so that a crash leaves the old place or the new one. Each reader decides what to do
about an unusable place. Shipping targets have their places in the folder `ship/`, alerts in `alerts/`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from logsrv.kit.text.checksums import json_then_checksum, read_json_then_checksum
from logsrv.linelog.store.disk import Disk, explanation
from logsrv.linelog.store.segment import FOLDERS, Position, parse_position

_LONGEST = 1 << 16
_OURS = ("store", "position", "saved")


@attrs.frozen
class Place:
    """A place in a store.

    store: the identity of the store; "" for none. saved: the TIME when the place was saved. note: other
    values that the reader saves with it, as JSON can represent them.
    """

    position: Position
    store: str = ""
    saved: str = ""
    note: Mapping[str, Any] = attrs.field(factory=dict)


def save(disk: Disk, name: str, place: Place, *, sync: bool = True) -> None:
    """Save the place in a file. Raises OSError, and then the file keeps the old place.

    sync: whether the place is on the medium on return; if not, a power cut may leave a damaged file.
    """
    ours = {"store": place.store, "position": str(place.position), "saved": place.saved}
    data = json_then_checksum({**ours, **place.note})
    if sync:
        disk.replace_durably(name, data)
    else:
        disk.replace(name, data, sync=False)


def load(disk: Disk, name: str) -> Place | None:
    """Return the place in a file; None if there is no file.

    Raises OSError, and ValueError if the file is damaged.
    """
    if (line := disk.read_or_none(name, _LONGEST)) is None:
        return None
    try:
        found = read_json_then_checksum(line)
        note = {key: value for key, value in found.items() if key not in _OURS}
        return Place(parse_position(found["position"]), found["store"], found["saved"], note)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{disk.path(name)} is damaged: {explanation(error)}") from error


def why_foreign(place: Place, store: str, end: Position) -> str | None:
    """Return the reason why a place cannot be in a store. store, end: the store's identity and its end.

    None if the place can be in the store.
    """
    if place.store and store and place.store != store:
        return f"it is of another store, {place.store}"
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
