"""Groups of alerts that are to be forgotten, because all of their lines were erased: `alerts/erased.json`.

`logsrv erase` writes the file before it overwrites lines. It has no value of a group, only digests. The
process of the alerts has a lock on the folder: it forgets the groups in its memory and in the saved states,
and removes them from the file; without a server the command does so. Nobody does so before the store has
noted that the erase is done: otherwise a process that starts meanwhile would count the lines once more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, TypeAlias

import attrs

from logsrv.kit.text.checksums import json_then_checksum, read_json_then_checksum
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.erased import load_erased
from logsrv.linelog.store.place import PlaceFolder
from logsrv.linelog.store.rule_stores import directory_of_rule

NAME = "erased.json"
STATE_SUFFIX = ".state"
_LONGEST = 1 << 22
IsForgotten: TypeAlias = Callable[[str, Sequence[str | None]], bool]
"""Tells of an alert's text and the key of a group whether the group is to be forgotten."""


@attrs.frozen
class ErasedGroups:
    """The groups without lines after an erase of that time.

    rule: the name of the rule in whose store lines were erased; "" for the main one. digests: those of the
    groups, with the random `salt`.
    """

    time: str
    rule: str
    salt: str
    digests: Sequence[str]

    def has(self, alert: str, key: Sequence[str | None]) -> bool:
        return digest_of_group(self.salt, alert, key) in self.digests

    def is_erased(self, directory: str) -> bool:
        """Return whether the erase is done. directory: of the main store."""
        place = directory_of_rule(directory, self.rule) if self.rule else directory
        with suppress(OSError, ValueError), Disk().open_directory(place) as disk:
            return any(one.time == self.time for one in load_erased(disk).erasures)
        return False


def digest_of_group(salt: str, alert: str, key: Sequence[str | None]) -> str:
    """Return the digest of a group of the alert with that text."""
    return sha256(json.dumps([salt, alert, list(key)]).encode()).hexdigest()


def keys_in_state(state: Mapping[str, Any]) -> list[tuple[str | None, ...]]:
    """Return the keys of all groups in a saved state, each once."""
    found = [one[0] for one in (*state["groups"], *state["episodes"])]
    if state.get("last"):
        found.append(state["last"][0])
    return [*dict.fromkeys(tuple(key) for key in found if key)]


def load_noted(disk: Disk) -> list[ErasedGroups]:
    """Return the groups to forget. Raises OSError, and ValueError if the file is damaged."""
    if (data := disk.read_or_none(NAME, _LONGEST)) is None:
        return []
    try:
        return [ErasedGroups(**one) for one in read_json_then_checksum(data)["erased"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{disk.path(NAME)} is damaged") from error


def save_noted(noted: Sequence[ErasedGroups], disk: Disk) -> None:
    """Write the groups to forget to the medium; without any, remove the file. Raises OSError."""
    if noted:
        erased = [attrs.asdict(one) for one in noted]
        disk.replace_durably(NAME, json_then_checksum({"erased": erased}))
    else:
        disk.unlink(NAME)
        disk.sync_directory()


def forgotten_groups(folder: PlaceFolder) -> IsForgotten | None:
    """Return what tells of a group whether it is to be forgotten now; None if none is. Raises OSError.

    A file that is damaged is removed: it cannot be used.
    """
    if not folder.exists():
        return None
    try:
        noted = load_noted(folder.disk)
    except ValueError:
        save_noted((), folder.disk)
        return None
    done = [one for one in noted if one.is_erased(folder.store_directory)]
    return (lambda alert, key: any(one.has(alert, key) for one in done)) if done else None


def forget_in_files(folder: PlaceFolder, is_forgotten: IsForgotten) -> None:
    """Remove groups from the saved states, then from the list of those to forget. Raises OSError."""
    disk = folder.disk
    for name in disk.entries():
        if name.endswith(STATE_SUFFIX):
            # A damaged state is not used by anybody.
            with suppress(KeyError, TypeError, ValueError, FileNotFoundError):
                state = read_json_then_checksum(disk.read(name))
                left = state_without(state, is_forgotten)
                if left != state:
                    disk.replace_durably(name, json_then_checksum(left))
    left_noted = [one for one in load_noted(disk) if not one.is_erased(folder.store_directory)]
    save_noted(left_noted, disk)


def state_without(state: Mapping[str, Any], is_forgotten: IsForgotten) -> dict[str, Any]:
    """Return a saved state without some groups."""
    alert = state["alert"]

    def is_left(one: Sequence[Any]) -> bool:
        return not one[0] or not is_forgotten(alert, one[0])

    last = state.get("last")
    return {
        **state,
        "groups": [one for one in state["groups"] if is_left(one)],
        "episodes": [one for one in state["episodes"] if is_left(one)],
        "last": last if last and is_left(last) else None,
    }
