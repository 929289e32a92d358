"""The stores of `[[retention]]` rules: where they are, and how long each keeps its lines.

    DIR/current.log …              the main store
    DIR/stores/audit/current.log …     the store of the rule `audit`: a whole store

The server of DIR writes all of them. Readers of DIR find the lines of all stores. `keep` in the store of a
rule says how long it keeps lines, so that they go at their time, though the rule was removed from the
configuration meanwhile:

    {"keep_days":365.0,"keep_bytes":null} 1c291ca3
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import NamedTuple

from logsrv.kit.text.checksums import json_then_checksum, read_json_then_checksum
from logsrv.linelog.store.disk import Disk, explanation, reason
from logsrv.linelog.store.segment import ACTIVE, PLAIN_SUFFIX, STORE_NAME

FOLDER = "stores"
"""The folder with the stores of rules in the directory of the main store."""
KEEP = "keep"
_LONGEST = 4096


class KeptFor(NamedTuple):
    """The limits up to which a store keeps lines: days, and bytes; None for no limit."""

    keep_days: float | None = None
    keep_bytes: int | None = None


def directory_of_rule(directory: str, name: str) -> str:
    """Return the directory of the store of a rule."""
    return os.path.join(directory, FOLDER, name)


def main_store_of(directory: str) -> str | None:
    """Return the main store of the store of a rule; None for a main store."""
    above, name = os.path.split(os.path.realpath(directory))
    main, folder = os.path.split(above)
    if folder == FOLDER and re.fullmatch(STORE_NAME, name) and _is_store(main):
        return main
    return None


def rule_stores(directory: str) -> dict[str, str]:
    """Return the directories of all stores of rules by their names, whether their rules are there or not.

    Raises OSError if the folder cannot be read: its lines must not be left out unnoticed.
    """
    try:
        names = sorted(os.listdir(os.path.join(directory, FOLDER)))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    places = {
        name: directory_of_rule(directory, name) for name in names if re.fullmatch(STORE_NAME, name)
    }
    return {name: place for name, place in places.items() if _is_store(place)}


def _is_store(directory: str) -> bool:
    """Return whether a directory has segments; one that cannot be read counts, so that readers say why."""
    if os.path.lexists(os.path.join(directory, ACTIVE)):
        return True
    try:
        return any(PLAIN_SUFFIX in name for name in os.listdir(directory))
    except NotADirectoryError:
        return False
    except OSError:
        return True


def has_lines(directory: str) -> bool:
    """Return whether a store may have lines: a sealed segment, or a current.log that is not empty."""
    with suppress(OSError):
        if any(PLAIN_SUFFIX in name and name != ACTIVE for name in os.listdir(directory)):
            return True
        return os.stat(os.path.join(directory, ACTIVE)).st_size > 0
    return True


def load_keep(disk: Disk) -> KeptFor | None:
    """Return how long the store keeps lines; None without a note. Raises OSError and ValueError."""
    if (data := disk.read_or_none(KEEP, _LONGEST)) is None:
        return None
    found = read_json_then_checksum(data)
    try:
        days, size = found["keep_days"], found["keep_bytes"]
        return KeptFor(None if days is None else float(days), None if size is None else int(size))
    except (KeyError, TypeError) as error:
        raise ValueError(explanation(error)) from error


def save_keep(kept: KeptFor, disk: Disk) -> None:
    """Write how long the store keeps lines, unless it is noted so. Raises OSError."""
    text = json_then_checksum(kept._asdict())
    if disk.read_or_none(KEEP, _LONGEST) != text:
        disk.replace_durably(KEEP, text)


def other_stores_sentence(directory: str, does: str) -> str | None:
    """Return a sentence for a command that takes the main store alone; None if there is no other.

    does: what it does, such as `ships`.
    """
    try:
        found = rule_stores(directory)
    except OSError as error:
        return f"{os.path.join(directory, FOLDER)} cannot be read: {reason(error)}"
    if not found:
        return None
    return f"this {does} {directory} alone; for the others give {', '.join(found.values())}"
