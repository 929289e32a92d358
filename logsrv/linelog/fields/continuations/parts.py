"""Parts of a long line: container runtimes cut one each 16 KiB, anywhere, and write each part as a line.

| Written by | A part | The last part |
| --- | --- | --- |
| containerd, CRI-O | `TIME stdout P TEXT`, also behind a header of syslog | `TIME stdout F TEXT` |
| Docker | `{"log":"TEXT","stream":"stdout","time":"TIME"}` | has `\\n` at the end of TEXT |
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from logsrv.kit.text.late_pattern import LatePattern
from logsrv.linelog.fields.forms.container.one import parse_container_prefix
from logsrv.linelog.fields.parsed_line import ParsedLine

_OBJECT = LatePattern(
    rb'\{"log":"(?P<log>[^"\\]*(?:\\.[^"\\]*)*?(?P<lf>\\n)?)","stream":"(?P<stream>stdout|stderr)"'
    rb'(?:,"attrs":\{[^{}]{0,4096}\})?,"time":"[0-9T:.Z+-]{20,35}"\}\Z'
)
# The bytes of a character that was cut in two, as they are stored.
_BEGUN = re.compile(rb"(?<!\\)(?:\\x[c-f][0-9a-f](?:\\x[89ab][0-9a-f]){0,2})\Z")
_REST = re.compile(rb"(?:\\x[89ab][0-9a-f]){1,3}")


class LinePart(NamedTuple):
    """A line of a container. stream: `stdout` or `stderr`. start, end: of its text.

    is_cut: whether the next line goes on with its text. letter_at: offset of its `P` or `F`, if it has one.
    """

    stream: bytes
    is_cut: bool
    start: int
    end: int
    letter_at: int | None = None


def part_of_record(record: ParsedLine) -> LinePart | None:
    """Return where a container's text is in a line, and whether it goes on; None for other lines."""
    line, begin = record.line, record.start
    # Nearly all other lines are without these bytes: this spares them the expressions.
    if line.find(b" std") < 0 and line.find(b'"std') < 0:
        return None
    if found := _OBJECT.match(line, begin):
        return LinePart(found["stream"], found["lf"] is None, *found.span("log"))
    prefix = parse_container_prefix(record.body)
    if prefix is None and record.header is not None and line.endswith(record.header.text):
        begin = len(line) - len(record.header.text)
        prefix = parse_container_prefix(record.header.text)
    if prefix is None or prefix.stream is None:
        return None
    letter_at = begin + prefix.letter_at
    is_cut = line[letter_at] == ord("P")
    return LinePart(prefix.stream, is_cut, begin + prefix.at, len(line), letter_at)


def is_cut(record: ParsedLine) -> bool:
    """Return whether the next line of a line's stream goes on with its text."""
    part = part_of_record(record)
    return part is not None and part.is_cut


def join_parts(records: Iterable[ParsedLine]) -> list[ParsedLine]:
    """Return the lines of a record, in order, with the parts of each line joined to its first part."""
    found: list[ParsedLine] = []
    for record in records:
        if found and (whole := _joined(found[-1], record)):
            found[-1] = whole
        else:
            found.append(record)
    return found


def _joined(record: ParsedLine, rest: ParsedLine) -> ParsedLine | None:
    """Return a line with its next part; None if the next line is no part of it."""
    begun, added = part_of_record(record), part_of_record(rest)
    if not (begun and begun.is_cut and added):
        return None
    line = bytearray(record.line)
    if begun.letter_at is not None and added.letter_at is not None:
        line[begun.letter_at] = rest.line[added.letter_at]
    text, more = line[begun.start : begun.end], rest.line[added.start : added.end]
    line[begun.start : begun.end] = _joined_text(bytes(text), more)
    return (
        ParsedLine(bytes(line), record.position)
        if record.start
        else ParsedLine.of_message(bytes(line))
    )


def _joined_text(begun: bytes, rest: bytes) -> bytes:
    """Return the text of two parts, which may have been cut in the middle of a character."""
    before, after = _BEGUN.search(begun, max(0, len(begun) - 13)), _REST.match(rest)
    if before and after:
        data = bytes.fromhex((before[0] + after[0]).decode().replace("\\x", ""))
        character = data.decode(errors="replace")
        # Others are stored as codes, too.
        if len(character) == 1 and character >= "\xa0" and character not in "\ufffd\u2028\u2029":
            return begun[: before.start()] + data + rest[after.end() :]
    return begun + rest
