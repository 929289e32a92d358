"""Found lines, and how they are cut out of a text in which a matcher has found their offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from logsrv.linelog.fields.continuations.way_back import may_be_continuation
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines, IsOf
from logsrv.linelog.query.line_spans import all_line_spans
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.read.continuations import Continuations
from logsrv.linelog.store.segment import Position

# Lines of a text whose records are looked for one by one; for more, all of the text is looked at.
_MOST_ASKED = 20


class Hit(NamedTuple):
    """A found line: its position, and the stored line without LF.

    first_line: that of the record that the line goes on with; None if it begins one.
    """

    position: Position
    line: bytes
    first_line: bytes | None = None

    def parsed(self) -> ParsedLine:
        """Return the line, parsed."""
        return ParsedLine(self.line, str(self.position), self.first_line)


class FoundText(NamedTuple):
    """The matching lines of a text, with their LFs. offset: of the text.

    first_lines: of the continuation lines among them, by the offsets in `lines`.
    """

    offset: int
    text: bytes
    lines: bytes
    first_lines: FirstLines


def hits_in_text(
    matcher: Matcher,
    is_of: IsOf | None,
    position: Position,
    text: bytes,
    continuations: Continuations,
) -> Iterator[Hit]:
    """Yield the lines of a text that match and have a wanted source. position: of the text's first byte."""
    first_lines = continuations.first_lines(position, text) if matcher.inherits else None
    spans = matcher.find(text, position.in_text, first_lines or NO_FIRST_LINES)
    if is_of is not None:
        spans = (one for one in spans if is_of(text, *one))
    return hits_at(position, text, spans, continuations)


def hits_at(
    position: Position,
    text: bytes,
    spans: Iterable[tuple[int, int]],
    continuations: Continuations | None,
) -> Iterator[Hit]:
    """Yield the lines at some offsets of a text. position: of the text's first byte."""
    segment, offset = position
    first_lines: FirstLines | None = None
    asked = 0
    for start, end in spans:
        line = text[start:end]
        first_line = None
        if continuations is not None and may_be_continuation(line):
            asked += 1
            if asked > _MOST_ASKED and first_lines is None:
                first_lines = continuations.first_lines(position, text)
            if first_lines is None:
                first_line = continuations.first_line(position, text, start, end)
            else:
                first_line = first_lines.get(start)
        yield Hit(Position(segment, offset + start), line, first_line)


def has_many_continuations(text: bytes, spans: Iterable[tuple[int, int]]) -> bool:
    """Return whether so many lines may go on with records that all of the text is looked at for them."""
    going_on = (None for start, end in spans if may_be_continuation(text[start:end]))
    return next(islice(going_on, _MOST_ASKED, None), 0) is None


def lines_in_text(
    position: Position, text: bytes, continuations: Continuations | None = None
) -> Iterator[Hit]:
    """Yield all lines of a text. position: of the text's first byte."""
    return hits_at(position, text, all_line_spans(text), continuations)


def text_of_hits(hits: Iterable[Hit]) -> tuple[bytes, FirstLines]:
    """Return lines as a text, and the first lines of the continuation lines in it."""
    first_lines: dict[int, bytes] = {}
    lines: list[bytes] = []
    size = 0
    for hit in hits:
        if hit.first_line is not None:
            first_lines[size] = hit.first_line
        lines.append(hit.line)
        size += len(hit.line) + 1
    return b"\n".join([*lines, b""]) if lines else b"", first_lines


def cut_out(
    offset: int, text: bytes, spans: list[tuple[int, int]], first_lines: FirstLines
) -> Iterator[FoundText]:
    """Yield some lines of a text as its matching ones, if there are any."""
    if not spans:
        return
    found: list[bytes] = []
    kept: dict[int, bytes] = {}
    size = 0
    for start, end in spans:
        if (first_line := first_lines.get(start)) is not None:
            kept[size] = first_line
        found.append(text[start:end])
        size += end - start + 1
    yield FoundText(offset, text, b"\n".join([*found, b""]), kept)
