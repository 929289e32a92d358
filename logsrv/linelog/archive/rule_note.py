"""The note of a rule's store in an archive, by which `logsrv restore` puts it below its main store again.

    ID/rule.json     {"rule":"audit","main":"32 hex digits"}, a space, a CRC-32

ID is the identity of the store, rule the name of its `[[retention]]` rule, main the identity of the main
store. A main store has no note. The note comes after the first segment: a folder without segments would be
a store that cannot be read. Searches do not need it: they read all stores of an archive as one.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import NamedTuple

from logsrv.kit.text.checksums import json_then_checksum, read_json_then_checksum
from logsrv.linelog.archive.names import archived_segment_names, store_identities
from logsrv.linelog.objects.interface import (
    Archive,
    ChangedObject,
    ObjectExists,
    ObjectMissing,
)
from logsrv.linelog.store.notes.manifest import object_name
from logsrv.linelog.store.segment import STORE_ID, STORE_NAME

NAME = "rule.json"
_LONGEST = 4096


class RuleNote(NamedTuple):
    """The rule whose store this is, and the identity of the main store."""

    rule: str
    main: str


def put_rule_note(archive: Archive, store: str, note: RuleNote) -> None:
    """Put the note of a store into its archive, if there is none. Raises ArchiveError."""
    with suppress(ObjectExists):
        archive.create(object_name(store, NAME), [json_then_checksum(note._asdict())])


def read_rule_note(archive: Archive, store: str) -> RuleNote | None:
    """Return the note of a store; None for a main store. Raises ArchiveError, also for a damaged note."""
    name = object_name(store, NAME)
    try:
        found = read_json_then_checksum(archive.read(name, 0, _LONGEST))
        note = RuleNote(found["rule"], found["main"])
        if not re.fullmatch(STORE_NAME, note.rule) or not STORE_ID.fullmatch(note.main):
            raise ValueError("it names no rule and no store")
    except ObjectMissing:
        return None
    except (KeyError, TypeError, ValueError):
        raise ChangedObject(archive.address, name) from None
    return note


def stores_of_rules(archive: Archive, main: str) -> dict[str, list[str]]:
    """Return the identities of the stores of a main store's rules, by the names of the rules.

    Of several of one name, as when its directory was removed once, the last one in time comes last. Raises
    ArchiveError.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for store in store_identities(archive.top_folders()):
        note = read_rule_note(archive, store) if store != main else None
        if note is not None and note.main == main:
            names = archived_segment_names(archive.names(f"{store}/"), store)
            newest = names[-1].partition("-")[2] if names else ""
            found.setdefault(note.rule, []).append((newest, store))
    return {rule: [store for _, store in sorted(found[rule])] for rule in sorted(found)}
