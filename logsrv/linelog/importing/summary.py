"""The summary of an import: a sentence for each file, and one for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.framing.events.journal import MOST_ENTRY
from logsrv.linelog.importing.files import LogFile

_MICRO = 1e6


@attrs.define
class LeftOut:
    """The numbers of files that were left out whole.

    imported: before, by an earlier import. binary: of a directory. unreadable: not there, or not for us.
    """

    imported: int = 0
    binary: int = 0
    unreadable: int = 0


def of_file(file: LogFile) -> str:
    """Return what was found in a file."""
    dated = file.dated
    if dated.first is None or dated.last is None:
        return "no lines"
    first, last = (rfc3339(moment / _MICRO)[:19] + "Z" for moment in (dated.first, dated.last))
    lines = _number(dated.lines, "line")
    told = f"{lines}, {first} to {last}"
    if dated.undated == dated.lines:
        return f"{lines} without a time; they have the file's own, {first}"
    if dated.undated:
        told += f"; {_number(dated.undated, 'line')} before the first time have that one"
    if dated.late:
        by = dated.latest / _MICRO
        late = _number(dated.late, "line")
        told += f"; {late} older than the one before, by up to {by:.0f} s, have its time"
    return told


def of_all(files: Sequence[LogFile], left: LeftOut, seconds: float) -> str:
    """Return the sum, how long it took, and what was not taken and why."""
    lines = sum(file.dated.lines for file in files)
    size = sum(file.unpacked for file in files)
    sums = [
        _number(len(files), "file"),
        _number(lines, "line"),
        f"{_number(size, 'byte')} unpacked",
    ]
    told = [f"in all: {', '.join(sums)}, in {seconds:.1f} s"]
    if left.imported:
        told.append(f"{_number(left.imported, 'file')} imported before")
    cut = sum(file.cut for file in files)
    short = sum(file.without_fields for file in files)
    dropped = [
        (left.binary, f"{_number(left.binary, 'file')} that is no text"),
        (left.unreadable, f"{_number(left.unreadable, 'file')} that cannot be read"),
        (cut, f"the rest of {_number(cut, 'file')}, broken or cut off"),
        (short, f"fields of more than {MOST_ENTRY >> 20} MiB, of {_number(short, 'entry', 'entries')}"),
    ]  # fmt: skip
    told.append("dropped: " + (", ".join(why for number, why in dropped if number) or "nothing"))
    return "; ".join(told)


def _number(number: int, one: str, many: str = "") -> str:
    return f"1 {one}" if number == 1 else f"{number:,} {many or one + 's'}"
