"""The table of what the doctor finds: a row for each kind, with what is wrong and what to do."""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs


class Weight(enum.Enum):
    """The weight of a finding.

    LOST: lines cannot be read. DAMAGED: all lines can be read, and something else is wrong. NOTE: nothing
    is wrong, and it is good to know.
    """

    LOST = "lost"
    DAMAGED = "damaged"
    NOTE = "note"


@attrs.frozen
class StoreFinding:
    """A thing that was found.

    kind: a word for programs. name: of the file, or of several. what, advice: what is wrong, what to do.
    lines: so many cannot be read; None where nobody knows. remedy: puts it right; None if nothing does.
    Raises OSError, ValueError and StoreError.
    """

    weight: Weight
    kind: str
    name: str
    what: str
    advice: str
    lines: int | None = None
    remedy: Callable[[], object] | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def beside_server(self) -> bool:
        """Return true if it may be put right while a server has the store."""
        return self.kind in _OF_NO_SERVER


_PUT_BACK = "Bring it back from a backup or an archive while no server has the store."
_SALVAGE = (
    f"{_PUT_BACK} Without an index, `--repair` lets frames behind the damage be read where it finds them:"
    " if heads of frames are lost, at places that are too low."
)
_AGAIN = "Give the same `logsrv {command}` again: it goes on."
_ASIDE = "`--repair` puts it aside."
_ANEW = "`--repair` makes it anew; a search reads more meanwhile."
_COPY = "Is this an older copy of the store? See: logsrv ship --new-identity"
_TABLE: dict[Weight, dict[str, tuple[str, str]]] = {
    Weight.LOST: {
        "unreadable": ("it cannot be read: {why}", _PUT_BACK),
        "hole": (
            "NUL bytes stand at {at}, where text that never reached the disk should be",
            "Start the server: it puts a line there that says so, or cuts them off at the end.",
        ),
        "torn-end": (
            "its last line has {size} and no end, and lines went on in the next segment",
            _PUT_BACK,
        ),
        "text-cut": ("it has {size} of text, and had {complete:,} when it was complete", _PUT_BACK),
        "text-missing": (
            "all up to {place} was on the disk once, and the text ends before",
            _PUT_BACK,
        ),
        "segment-cut": ("{why}", _PUT_BACK),
        "segment-damaged": ("{why}", _SALVAGE),
        "segment-missing": (
            "missing, with lines {when}; no note says that they were removed or had none",
            "Copy their files from a backup or an archive, unless `logsrv restore` left them out as empty.",
        ),
        "restoring": ("the store was not brought back to its end", _AGAIN),
        "backup-begun": ("it has not come to its end", _AGAIN),
        "backup-short": (
            "it had {said}, and has {found}",
            "Back up the store again, if it is there still.",
        ),
    },
    Weight.DAMAGED: {
        "odd-lines": (
            "{lines} of it without a TIME at the beginning: not found by their time",
            "If a backup has the file, compare them.",
        ),
        "frame": ("not as it was written: archives refuse its frames {frames}", _PUT_BACK),
        "index": ("it is of no use: {why}", _ANEW),
        "words": ("it is of no use: {why}", _ANEW),
        "catalog": ("it is of no use: {why}", _ANEW),
        "away-index": (
            "it is of no use: {why}",
            "Copy the file of this name from the archive; a search of this store may miss lines of it.",
        ),
        "segment-empty": (
            "it is an empty file, which `zstdcat` takes for one that was cut",
            _ASIDE,
        ),
        "archived": (
            "the note that an archive has the segment is of no use: {why}",
            "`--repair` puts it aside while the text is here. Else copy it from a backup.",
        ),
        "no-file": (
            "it has the name of a segment and is no plain file",
            "Move it away; if it is a link, put the file itself here.",
        ),
        "rival": (
            "it has the number of {other}, and only that is read",
            "Move it away, or import it into another store.",
        ),
        "number": (
            "{why}; by what else is here it is {number}",
            "`--repair` writes that. Without a segment it cannot tell: take a new directory.",
        ),
        "identity": (
            "{why}; nothing is shipped, or it goes as lines of another store",
            "Try `--repair`, or a backup; or make this another store: logsrv ship --new-identity",
        ),
        "origins": (
            "{why}",
            "Bring it back as it was after its last block, or `--repair`: a block may come twice then.",
        ),
        "place": (
            "{why}",
            "Its target gets lines again from --ship-from on; an alert begins at the end of the store.",
        ),
        "place-behind": ("it is at {place}, and the text ends before that", _COPY),
        "archive": (
            "it names no archive: {why}",
            "A server that ships there writes it anew at its start.",
        ),
        "backup-arriving": (
            "its last step, which gives files their names, was broken off",
            f"{_AGAIN} `logsrv restore` and a server finish it, too.",
        ),
        "synced": ("{why}", "`--repair` writes 0:0, which is always right."),
        "empty": ("{why}", _ASIDE),
        "removed": ("{why}", _ASIDE),
        "waiting": ("{why}", _ASIDE),
        "format": ("{why}", "Nobody but you knows whether a newer logsrv has had the store."),
        "imported": ("{why}", "Bring it back from a backup: it says which files were imported."),
        "backup": ("{why}", "If nothing else is found here, remove the file: then it is a store."),
    },
    Weight.NOTE: {
        "frames-unread": ("frames not verified, of more than {most} of text: {frames}", ""),
    },
}
_OF_NO_SERVER = ("segment-damaged", "index", "words", "catalog")
_WEIGHTS = {kind: weight for weight, rows in _TABLE.items() for kind in rows}


def finding(
    kind: str,
    name: str,
    *,
    missing: int | None = None,
    remedy: Callable[[], object] | None = None,
    **said: object,
) -> StoreFinding:
    """Return a finding of a row of the table. missing: lines that cannot be read; None: unknown."""
    weight = _WEIGHTS[kind]
    what, advice = (text.format_map(said) for text in _TABLE[weight][kind])
    return StoreFinding(
        weight, kind, name, what, advice, missing if weight is Weight.LOST else 0, remedy
    )


@attrs.define
class SegmentText:
    """The text of a segment as it was found: its bytes, its lines; None if nobody knows.

    lines: those that can be read. gone: bytes that cannot.
    """

    text: int | None = None
    lines: int | None = None
    gone: int = 0
