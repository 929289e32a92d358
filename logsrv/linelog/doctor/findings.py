"""The kinds of findings of `logsrv doctor`: what each means, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.store.disk import explanation


class FindingKind(NamedTuple):
    """A kind of finding. meaning: a sentence, which the reason of a finding continues.

    weight: `lost` if lines cannot be read, `damaged` if all can be read, but something else is wrong.
    advice: what to do if `--repair` cannot repair it. repair: what `--repair` does if it can; "" if it
    never can.
    """

    weight: str
    meaning: str
    advice: str = ""
    repair: str = ""


LOST, DAMAGED = "lost", "damaged"
_BACK = "Bring it back from a backup or an archive while no server has the store."
_AGAIN = "Give the same command again: it continues."
_MOVE = "Move it away; if it is a link, put the file itself here."
_COPY = "Copy it from the archive or a backup."
_FILE = "Bring it back from a backup; if there is none, move it away."
_MADE = "`--repair` makes it again if it is needed, and otherwise moves it aside."
_NEW = "Bring it back from a backup, or make this another store: logsrv ship --new-identity"
_TOLD = "`--repair` writes the identity that its checksum tells."
_ONE = (
    "Remove the copy, or stop the server and make it another store: logsrv ship --new-identity COPY"
)
_CUT = "`--repair` takes out the damaged lines: then the last block of a store may come twice."
_ANEW = "The server continues without it: a target begins at --ship-from, an alert at the end."
_OLDER = "Is this an older copy of the store? See: logsrv ship --new-identity"
KINDS = {
    "text": FindingKind(LOST, "lines cannot be read", _BACK),
    "missing": FindingKind(LOST, "text or a file is gone", _BACK),
    "unfinished": FindingKind(LOST, "the store is not complete", _AGAIN),
    "erase": FindingKind(
        DAMAGED, "lines to erase are still there", _AGAIN, "`--repair` finishes it."
    ),
    "stray": FindingKind(DAMAGED, "it has the name of a segment and is not read", _MOVE),
    "index": FindingKind(DAMAGED, "it cannot be used", _COPY, "`--repair` makes it again."),
    "file": FindingKind(DAMAGED, "it cannot be used", _FILE, _MADE),
    "identity": FindingKind(DAMAGED, "nothing is shipped, or as another store", _NEW, _TOLD),
    "copy": FindingKind(DAMAGED, "targets take lines of one store for those of another", _ONE),
    "origins": FindingKind(DAMAGED, "blocks are refused", "Bring it back from a backup.", _CUT),
    "place": FindingKind(DAMAGED, "its target or alert cannot use it", _ANEW),
    "ahead": FindingKind(DAMAGED, "its place is after the end of the text", _OLDER),
}


@attrs.frozen
class StoreFinding:
    """A finding about a store.

    kind: one of KINDS. name: the file or files. why: the reason. remedy: a function that repairs it, which
    may raise OSError, ValueError and StoreError; None if there is none.
    """

    kind: str
    name: str
    why: str
    remedy: Callable[[], object] | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def key(self) -> tuple[str, str]:
        """Its kind and name: what a second look finds again."""
        return self.kind, self.name

    @property
    def weight(self) -> str:
        """Its weight, that of its kind."""
        return KINDS[self.kind].weight

    @property
    def what(self) -> str:
        """The meaning of its kind, and the reason."""
        return f"{KINDS[self.kind].meaning}: {self.why}"

    @property
    def advice(self) -> str:
        """The advice for it, or what a repair does."""
        return KINDS[self.kind].repair if self.remedy else KINDS[self.kind].advice


def why_unreadable(read: Callable[..., object], *what: object) -> str:
    """Return why reading a file fails; "" if it does not fail, or the file is missing."""
    try:
        read(*what)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, StoreError) as error:
        return explanation(error)
    return ""
