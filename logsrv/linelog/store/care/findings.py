"""The table of findings of `logsrv doctor`: for each kind, what is wrong and what to do."""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.store.segments.disk import explanation


class FindingWeight(enum.Enum):
    """The weight of a finding.

    LOST: lines cannot be read. DAMAGED: all lines can be read, but something else is wrong. NOTE: nothing
    is wrong; the finding is information.
    """

    LOST = "lost"
    DAMAGED = "damaged"
    NOTE = "note"


@attrs.frozen
class StoreFinding:
    """A finding about a store.

    kind: a word for programs. name: the file or files. what, advice: what is wrong, and what to do.
    lines: the number of unreadable lines; None if unknown. remedy: a function that repairs it, which may
    raise OSError, ValueError and StoreError; None if there is none.
    """

    weight: FindingWeight
    kind: str
    name: str
    what: str
    advice: str
    lines: int | None = None
    remedy: Callable[[], object] | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def repairable_beside_server(self) -> bool:
        """True if it may be repaired while a server runs on the store."""
        return self.kind in _OF_NO_SERVER


_BACK = "Bring it back from a backup or an archive while no server has the store."
_FILES = "Copy their files from a backup or an archive; `logsrv restore` leaves out empty ones."
_MEND = "Start the server: it puts a line in their place that says so; at the end it cuts them off."
_AGAIN = "Give the same `logsrv {command}` again: it goes on."
_ASIDE = "`--repair` puts it aside."
_ANEW = "`--repair` makes it anew; a search reads more meanwhile."
_PLAIN = "Move it away; if it is a link, put the file itself here."
_INDEX = "`--repair` makes it anew; without it the text is not verified."
_NUMBER = "`--repair` writes {number}. If no segment is left, take a new directory instead."
_IDENTITY = "Try `--repair`, or a backup; or make it another store: logsrv ship --new-identity"
_ORIGINS = "Bring it back as it was, or `--repair`: a block may come twice then."
_PLACE = "Its target gets lines again from --ship-from on; an alert begins at the end."
_COPY = "Is this an older copy of the store? See: logsrv ship --new-identity"
_ARCHIVED = "`--repair` puts it aside while the text is here. Else copy it from a backup."
_REST = f"{_AGAIN} `logsrv restore` and a server finish it, too."
_LOST, _DAMAGED, _NOTE = FindingWeight
_TABLE = {
    "unreadable": (_LOST, "it cannot be read: {why}", _BACK),
    "hole": (_LOST, "NUL bytes stand at {at}: text that never reached the disk", _MEND),
    "torn-end": (_LOST, "its last line has {size} and no end, and others follow", _BACK),
    "text-cut": (_LOST, "it has {size} of text, and had {complete:,} when complete", _BACK),
    "text-missing": (_LOST, "text up to {place} was on the disk once, and is gone", _BACK),
    "segment-cut": (_LOST, "{why}", _BACK),
    "segment-damaged": (_LOST, "{why}", _BACK),
    "segment-missing": (_LOST, "missing, with lines {when}; no note says why", _FILES),
    "restoring": (_LOST, "the store is not completely restored", _AGAIN),
    "backup-begun": (_LOST, "it is not complete", _AGAIN),
    "backup-short": (_LOST, "it had {said}, and has {found}", "Back up the store again."),
    "odd-lines": (_DAMAGED, "{lines} of it without a TIME at the beginning", "Compare a backup."),
    "frame": (_DAMAGED, "not as it was written: archives refuse its frames {frames}", _BACK),
    "index": (_DAMAGED, "it is of no use: {why}", _INDEX),
    "words": (_DAMAGED, "it is of no use: {why}", _ANEW),
    "away-index": (_DAMAGED, "it is of no use: {why}", "Copy this file from the archive."),
    "archived": (_DAMAGED, "an archive's note, which is of no use: {why}", _ARCHIVED),
    "archived-newer": (
        _NOTE,
        "an archive's note that {why}",
        "Use that version to read the archive.",
    ),
    "no-file": (_DAMAGED, "it has the name of a segment and is no plain file", _PLAIN),
    "rival": (_DAMAGED, "it has the number of {other}, which alone is read", "Move it away."),
    "number": (_DAMAGED, "{why}; by the other files it is {number}", _NUMBER),
    "identity": (_DAMAGED, "{why}; nothing is shipped, or as another store", _IDENTITY),
    "origins": (_DAMAGED, "{why}", _ORIGINS),
    "place": (_DAMAGED, "{why}", _PLACE),
    "place-behind": (_DAMAGED, "it is at {place}, and the text ends before that", _COPY),
    "archive": (_DAMAGED, "it names no archive: {why}", "A server that ships there mends it."),
    "backup-arriving": (_DAMAGED, "the renaming of its files was interrupted", _REST),
    "synced": (_DAMAGED, "{why}", "`--repair` writes 0:0, which is always right."),
    "empty": (_DAMAGED, "{why}", _ASIDE),
    "removed": (_DAMAGED, "{why}", _ASIDE),
    "waiting": (_DAMAGED, "{why}", _ASIDE),
    "format": (_DAMAGED, "{why}", "Only you know whether a newer logsrv had the store."),
    "imported": (_DAMAGED, "{why}", "Bring it back from a backup: it says what was imported."),
    "backup": (_DAMAGED, "{why}", "If nothing else is found here, remove it: this is a store."),
    "unverified": (_NOTE, "not verified: it has more than {most} of text", ""),
}
_OF_NO_SERVER = ("index", "words")


def make_finding(
    kind: str,
    name: str,
    *,
    missing: int | None = None,
    remedy: Callable[[], object] | None = None,
    **said: object,
) -> StoreFinding:
    """Return a finding of a kind in the table. said: the values for the placeholders in its texts.

    missing: the number of unreadable lines; None if unknown.
    """
    weight, *texts = _TABLE[kind]
    what, advice = (text.format_map(said) for text in texts)
    lines = missing if weight is FindingWeight.LOST else 0
    return StoreFinding(weight, kind, name, what, advice, lines, remedy)


@attrs.define
class ExaminedText:
    """The result of examining the text of a segment. text: its size in bytes; None if unknown.

    lines: the number of readable lines; None if unknown. gone: the number of bytes that cannot be read.
    """

    text: int | None = None
    lines: int | None = None
    gone: int = 0

    @property
    def readable_bytes(self) -> int | None:
        """The bytes that can be read; None if unknown."""
        return None if self.text is None else self.text - self.gone


def why_unreadable(read: Callable[..., object], *what: object) -> str:
    """Return why reading a file fails; "" if it does not fail, or the file is missing."""
    try:
        read(*what)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, StoreError) as error:
        return explanation(error)
    return ""
