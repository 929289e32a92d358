"""Silences: alerts that send no messages for a while, in the file `alerts/silences.json` of the store.

The command `logsrv alert` writes the file, and the alert process reads it about once a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from logsrv.kit.text.checksums import json_with_checksum, read_json_with_checksum
from logsrv.linelog.cursors.place import PlaceFolder
from logsrv.linelog.store.care.file_owner import give_files_of_root
from logsrv.linelog.store.disk import Disk, explanation

FILE = "silences.json"
_LONGEST = 1 << 20


@attrs.frozen
class Silence:
    """A silence. name: the label of the alert. until: seconds since 1970."""

    name: str
    until: float
    reason: str = ""


def load_silences(folder: PlaceFolder, now: float) -> dict[str, Silence]:
    """Return the silences that go on, by the names of their alerts. Raises OSError, and ValueError if the
    file is damaged.
    """
    if not folder.exists():
        return {}
    try:
        line = folder.disk.read(FILE, _LONGEST)
    except FileNotFoundError:
        return {}
    try:
        found = read_json_with_checksum(line)
        silences = [Silence(*one) for one in found["silences"]]
        return {one.name: one for one in silences if one.until > now}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder.path(FILE)} is damaged, remove it: {explanation(error)}"
        ) from error


def save_silences(directory: str, folder: PlaceFolder, silences: Iterable[Silence]) -> None:
    """Replace the silences of a store. Raises OSError."""
    document: Mapping[str, object] = {"silences": [attrs.astuple(one) for one in silences]}
    folder.disk.replace_durably(FILE, json_with_checksum(document))
    with Disk().open_directory(directory) as disk:
        give_files_of_root(disk)
