"""The names of an archive's objects: `ID/NAME.json` is a manifest, and ID the identity of a store."""

from __future__ import annotations

import re
from collections.abc import Iterable

from logsrv.kit.text.escape import one_line
from logsrv.linelog.store.notes.manifest import SHORT_NAME, object_name, segment_base_name
from logsrv.linelog.store.segment import MOST_SEGMENTS, STORE_ID

SUFFIX = ".json"


def manifest_object_name(store: str, name: str) -> str:
    """Return the name of a manifest in an archive. name: the name of the segment in any form."""
    return object_name(store, segment_base_name(name) + SUFFIX)


def archived_segment_names(objects: Iterable[str], store: str) -> list[str]:
    """Return the short names of a store's segments among the names in an archive, in order."""
    wanted = rf"{store}/({SHORT_NAME}){re.escape(SUFFIX)}"
    found = (match[1] for one in objects if (match := re.fullmatch(wanted, one)))
    return sorted(name for name in found if int(name.partition("-")[0]) <= MOST_SEGMENTS)


def store_identities(folders: list[str]) -> list[str]:
    """Return the identities of stores among the folders of an archive, in order."""
    return sorted(one for one in folders if STORE_ID.fullmatch(one))


def no_store_sentence(address: str, folders: list[str]) -> str:
    """Return the sentence about an archive without a store, with the folders that are there."""
    names = ", ".join(one_line(one) for one in sorted(folders)[:10])
    return f"{address} has no segment of any store{names and f'; it has the folders {names}'}"
