"""The summary of an import: a sentence for each file, and one for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from logsrv.kit.text.time import rfc3339
from logsrv.kit.text.words import counted
from logsrv.linelog.importing.files import STDIN, LogFile
from logsrv.linelog.lines.journal_entries import MOST_ENTRY

_MICRO = 1e6
# More names of zones than these are no zones of one file.
_MOST_ZONES = 3


@attrs.define
class SkippedFileCounts:
    """The numbers of files that were skipped.

    imported: by an earlier import. binary: no text, in a directory. unreadable: missing or not permitted.
    """

    imported: int = 0
    binary: int = 0
    unreadable: int = 0


def file_sentence(file: LogFile) -> str:
    """Return the sentence for one file."""
    dated = file.dated
    if dated.first is None or dated.last is None:
        return "no lines"
    first, last = (rfc3339(moment / _MICRO)[:19] + "Z" for moment in (dated.first, dated.last))
    lines = counted(dated.lines, "line")
    if dated.undated == dated.lines:
        has = "it has" if dated.lines == 1 else "they have"
        parts = [f"{lines} without a time; {has} the file's own, {first}"]
    else:
        parts = [f"{lines}, {first} to {last}, {_forms_text(dated.forms)}"]
        if dated.undated:
            parts.append(f"{_lines_that_have(dated.undated, 'before the first time')} that one")
        if file.exact:
            parts.append(f"{counted(dated.without, 'line')} without a time")
    by = dated.latest / _MICRO
    belongs = "it where it belongs" if dated.late == 1 else "them where they belong"
    hint = "" if file.by_time or file.name == STDIN else f" (--sort puts {belongs})"
    most = "" if dated.late == 1 else "up to "
    kinds = (
        (
            dated.unbelieved,
            "with an invalid date, or one after the file's own,",
            "a neighbour's time",
        ),
        (dated.unclear, "with day and month in an unknown order", "a neighbour's time"),
        (dated.columnless, "whose columns (#Fields) have no date and time", "a neighbour's time"),
        (dated.late, f"older than the previous line, by {most}{by:.0f} s,", f"its time{hint}"),
    )
    if file.utf8_from is not None:
        parts.append(f"in UTF-8 from byte {file.utf8_from:,} on, in UTF-16 before it")
    parts += (f"{_lines_that_have(number, kind)} {time}" for number, kind, time in kinds if number)
    parts += (
        f"{counted(number, 'line')} with the zone {name}, whose name does not tell which it is,"
        f" {'counts' if number == 1 else 'count'} as local time"
        for name, number in dated.unclear_zones.most_common(_MOST_ZONES)
    )
    parts += _hostname_parts(file)
    return "; ".join(parts)


def _hostname_parts(file: LogFile) -> list[str]:
    """Return what became of the hostname that was asked for."""
    adder = file.hostnames
    parts = ["no hostname in its path"] if file.has_no_hostname_in_path else []
    if adder is None:
        return parts
    if adder.added:
        gets = "gets" if adder.added == 1 else "get"
        parts.append(f"{counted(adder.added, 'line')} {gets} the hostname {adder.hostname}")
    if adder.own:
        keeps = "keeps its own" if adder.own == 1 else "keep their own"
        parts.append(f"{counted(adder.own, 'line')} {keeps}")
    if adder.other:
        stays = "stays" if adder.other == 1 else "stay"
        parts.append(f"{counted(adder.other, 'line')} with a header that has none {stays} without")
    return parts


def _lines_that_have(number: int, kind: str) -> str:
    return f"{counted(number, 'line')} {kind} {'has' if number == 1 else 'have'}"


def _forms_text(forms: Mapping[str, int]) -> str:
    """Return the names of the time formats, the most frequent first, with numbers if they are several."""
    ordered = sorted(forms, key=lambda name: -forms[name])
    return ", ".join(name if len(forms) == 1 else f"{name} ({forms[name]:,})" for name in ordered)


def total_sentence(files: Sequence[LogFile], skipped: SkippedFileCounts, seconds: float) -> str:
    """Return the totals, the duration, and the numbers of skipped and dropped things, with reasons."""
    lines = sum(file.dated.lines for file in files)
    size = sum(file.unpacked for file in files)
    sums = [
        counted(len(files), "file"),
        counted(lines, "line"),
        f"{counted(size, 'byte')} unpacked",
    ]
    parts = [f"in all: {', '.join(sums)}, in {seconds:.1f} s"]
    if skipped.imported:
        parts.append(f"{counted(skipped.imported, 'file')} imported before")
    cut = sum(bool(file.cut) for file in files)
    short = sum(file.without_fields for file in files)
    entries = "1 entry" if short == 1 else f"{short:,} entries"
    are = "is" if skipped.binary == 1 else "are"
    dropped = [
        (skipped.binary, f"{counted(skipped.binary, 'file')} that {are} no text"),
        (skipped.unreadable, f"{counted(skipped.unreadable, 'file')} that cannot be read"),
        (cut, f"the rest of {counted(cut, 'file')}, broken or cut off"),
        (short, f"fields of more than {MOST_ENTRY >> 20} MiB, in {entries}"),
    ]
    parts.append("dropped: " + (", ".join(why for number, why in dropped if number) or "nothing"))
    return "; ".join(parts)
