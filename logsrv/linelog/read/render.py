"""Lines for people and programs: as text, raw as they were sent, as JSON, or as CSV.

A store may contain any bytes (`--raw` keeps everything). Here characters are escaped that control a
terminal or change the direction of text. Only `raw` output into a pipe is the message as it was sent.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from logsrv.kit.text.escape import escaped_json, is_printable_ascii, one_line, printable
from logsrv.linelog.fields.parsed_line import ALWAYS, ParsedLine
from logsrv.linelog.fields.values import Value, displayable_text, elements_of_value, text_of_value
from logsrv.linelog.query.caret import columns_of_characters, terminal_columns
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.question import Extraction, Question
from logsrv.linelog.query.text_search.expression import ExtractedFields, extracted_fields
from logsrv.linelog.query.text_search.highlight import highlight_finder
from logsrv.linelog.read.hits import Hit

DIM, _BOLD, RESET = "\x1b[2m", "\x1b[1m", "\x1b[0m"
_MATCH = "\x1b[1;30;43m"
_SOURCES = tuple(f"\x1b[{code}m" for code in (36, 32, 35, 34, 33, 96, 92, 95, 94, 93))
_LEVELS = {
    "debug": DIM,
    "notice": _BOLD,
    "warning": "\x1b[33m",
    "error": "\x1b[31m",
    "critical": "\x1b[1;31m",
    "alert": "\x1b[1;31m",
    "emergency": "\x1b[1;31m",
}


class LineStyle(NamedTuple):
    """The format of a line. output: text, raw or json.

    color: whether to add colour codes. local: whether TIME is in the local zone. width: the
    most columns of a line; 0 for uncut. escaped: whether a raw message is made safe for a terminal.
    stores: names of the stores, if lines of several are shown, for JSON.
    """

    output: str = "text"
    color: bool = False
    local: bool = False
    width: int = 0
    escaped: bool = True
    stores: tuple[str, ...] = ()


def make_renderer(
    style: LineStyle,
    matcher: Matcher | None = None,
    extractions: Sequence[Extraction] = (),
    *,
    mark_hits: bool = False,
) -> Callable[[Hit, bool], bytes]:
    """Return a function: hit, whether it is only a neighbour of a hit → the line to print, with its LF.

    extractions: fields that JSON has in addition. mark_hits: whether to highlight the whole message of a
    hit, not only the parts that match.
    """
    if style.output == "json":
        extracted = extracted_fields(extractions) if extractions else None

        def as_json(hit: Hit, context: bool) -> bytes:
            found = hit_document(hit, extracted, context=context)
            if style.stores:
                found = {"store": displayable_text(style.stores[hit.position.store - 1]), **found}
            return safe_json(found).encode() + b"\n"

        return as_json
    if style.output == "raw":
        return lambda hit, _: _render_message(hit.line, style.escaped) + b"\n"
    if style.color:
        spans = spans_finder(matcher, mark_hits=mark_hits)
        return lambda hit, context: render_coloured(
            hit, no_spans if context else spans, style
        ).encode()
    if style.local or style.width:
        return lambda hit, _: render_text(hit.line, style).encode() + b"\n"
    return lambda hit, _: _escaped_line(hit.line)


def hit_document(
    hit: Hit, extracted: ExtractedFields | None = None, *, context: bool = False
) -> dict[str, Any]:
    """Return a hit as the object that the API and `--output json` write. extracted: finds more fields."""
    position = str(hit.position)
    record = hit.parsed()
    found = {"position": position, **record_document(record)}
    if extracted is not None:
        parts = extracted(record.body).items()
        found["fields"] |= {name: displayable_text(value) for name, value in parts}
    if context:
        found["context"] = True
    return found


def record_document(record: ParsedLine) -> dict[str, Any]:
    """Return a line's `hit_document` without its position.

    It has `app` too, if the program's name is in a field with another name.
    """
    fields = record.fields
    found: dict[str, Any] = {
        "time": record.time,
        "source": record.source,
        "message": record.message,
        "level": record.level,
        "fields": fields,
    }
    if "app" not in fields and (app := record.get("app", as_written=True)) is not None:
        found["app"] = displayable_text(text_of_value(elements_of_value(app)[0]))
    return found


def hit_as_json(hit: Hit) -> str:
    """Return a hit as one line of JSON, without LF.

    No other character in it ends a line, such as U+2028 for some readers.
    """
    return safe_json(hit_document(hit))


# `json.dumps` would make an encoder for each value.
_compact_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def safe_json(value: object) -> str:
    """Return compact JSON that is safe in a terminal and in a page's script."""
    text = _compact_json(value)
    # No unsafe character counts as printable.
    if text.isprintable():
        return text
    return escaped_json(text.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))


def _render_message(line: bytes, escaped: bool) -> bytes:
    message = ParsedLine(line).body
    return printable(_decode_escaped(message)).encode() if escaped else message


def _decode_escaped(data: bytes) -> str:
    return data.decode(errors="backslashreplace")


def _escaped_line(line: bytes) -> bytes:
    # Nearly all lines are plain, and a search may find millions.
    if is_printable_ascii(line):
        return line + b"\n"
    return printable(_decode_escaped(line)).encode() + b"\n"


def make_block_renderer(style: LineStyle) -> Callable[[bytes], bytes] | None:
    """Return a function that renders many lines at once; None if the style prevents it."""
    if style.output == "text" and not (style.color or style.local or style.width):
        return escaped_lines
    return None


def escaped_lines(text: bytes) -> bytes:
    """Return whole lines with unprintable characters escaped."""
    if is_printable_ascii(text):
        return text
    return b"".join(_escaped_line(line) for line in text[:-1].split(b"\n"))


def render_text(line: bytes, style: LineStyle) -> str:
    """Return a line without colours, and without LF."""
    text = printable(_decode_escaped(line))
    if style.local and (time := ParsedLine(line).time):
        text = to_local_time(time) + text[len(time) :]
    return cut_to_width(text, style.width)


def to_local_time(time: str) -> str:
    """Return a TIME in the local zone, with its offset. An impossible date is returned unchanged."""
    try:
        return datetime.fromisoformat(time).astimezone().isoformat(timespec="microseconds")
    except (ValueError, OverflowError):
        return time


def cut_to_width(text: str, width: int) -> str:
    """Return text shortened to `width` columns, with `…` at the end if it was longer; 0: unchanged."""
    if not width or len(text) * 2 <= width:
        return text
    taken = kept = 0
    for index, columns in enumerate(columns_of_characters(text)):
        if taken < width:
            kept = index
        taken += max(0, columns) if text[index] != "\t" else 8 - taken % 8
        if taken > width:
            return text[:kept] + "…"
    return text


def _whole_message(message: bytes) -> list[tuple[int, int]]:
    return [(0, len(message))]


def spans_finder(
    matcher: Matcher | None, *, mark_hits: bool = False
) -> Callable[[bytes], list[tuple[int, int]]]:
    """Return a function that finds what to highlight in a message."""
    if mark_hits:
        return _whole_message
    return highlight_finder(matcher.node) if matcher else no_spans


def no_spans(_: bytes) -> list[tuple[int, int]]:
    """Find nothing to highlight."""
    return []


def render_coloured(
    hit: Hit,
    spans: Callable[[bytes], list[tuple[int, int]]],
    style: LineStyle,
    message: bytes | None = None,
) -> str:
    """Return a line with colours. message: what to show of it; None for all."""
    record = hit.parsed()
    time, source = record.time or "", displayable_text(record.source or "")
    message = record.body if message is None else message
    if style.local:
        time = to_local_time(time)
    head = f"{one_line(time)} {one_line(source)} " if time else ""
    if style.width and len(head) >= style.width:
        # The stamp fills the width: there is no room for the message.
        return f"{DIM}{cut_to_width(head + '…', style.width)}{RESET}\n"
    base = colour_of_level(record)
    width = style.width - len(head) if style.width else 0
    body = highlight_message(message, spans(message), base, width)
    if not head:
        return body + "\n"
    colour = _SOURCES[zlib.crc32(source.encode()) % len(_SOURCES)]
    return f"{DIM}{one_line(time)}{RESET} {colour}{one_line(source)}{RESET} {body}\n"


def colour_of_level(record: ParsedLine) -> str:
    """Return the codes of the colour for a line's level."""
    return _LEVELS.get(record.level or "", "")


def highlight_message(message: bytes, spans: list[tuple[int, int]], base: str, width: int) -> str:
    """Return the message in the colour `base` with the spans highlighted, in `width` columns."""
    pieces: list[tuple[str, str]] = []
    done = 0
    for start, end in spans:
        if start >= done and end > start:
            pieces += (
                ("", _decode_escaped(message[done:start])),
                (_MATCH, _decode_escaped(message[start:end])),
            )
            done = end
    pieces.append(("", _decode_escaped(message[done:])))
    shown = []
    left = width
    for colour, text in pieces:
        text = printable(text)
        if width:
            whole, text = text, cut_to_width(text, left) if left > 0 else ""
            left = left - terminal_columns(text) if text == whole else 0
        if text:
            shown.append(f"{base}{colour}{text}{RESET}" if base or colour else text)
    return "".join(shown)


Cells: TypeAlias = Sequence[str | int | float | None]
_TO_QUOTE = re.compile(r'[",\r\n]')
LINE_COLUMNS = ("position", "time", "source", "level", "message")


def csv_renderer(
    asked: Question,
    columns: Sequence[str] | None = None,
    *,
    escaped: bool = False,
    local_time: bool = False,
    stores: Sequence[str] = (),
) -> tuple[bytes, Callable[[Hit], bytes]]:
    """Return the names of the columns as CSV, and a function: hit → its row as CSV.

    columns: names of fields; None for LINE_COLUMNS and extracted fields. escaped: whether control
    characters are made visible. local_time: whether times are in the local zone, not UTC. stores: the names
    of the stores, if there are several: then `store` is a column.
    """
    first = ("store",) if stores else ()
    names = columns or (*first, *LINE_COLUMNS, *asked.names)
    extracted = extracted_fields(asked.extractions)

    def cell(record: ParsedLine, found: Mapping[str, str], name: str) -> str | int | None:
        if name in first or name in asked.names:
            return found.get(name)
        if name == "time" and local_time and record.time:
            return to_local_time(record.time)
        return getattr(record, name) if name in ALWAYS else _text(record.get(name, as_written=True))

    def render(hit: Hit) -> bytes:
        record = hit.parsed()
        found = extracted(record.body)
        if stores:
            found |= {"store": stores[hit.position.store - 1]}
        return csv_rows([[cell(record, found, name) for name in names]], escaped=escaped)

    return csv_rows([names], escaped=escaped), render


def _text(value: Value | None) -> str | None:
    if value is None:
        return None
    return ",".join(displayable_text(text_of_value(one)) for one in elements_of_value(value))


def csv_rows(rows: Iterable[Cells], *, escaped: bool = False) -> bytes:
    """Return rows as CSV: None is nothing, and an empty text is `""`, as in PostgreSQL and DuckDB.

    escaped: whether control characters are made visible.
    """
    found = "".join([",".join(map(_cell, row)) + "\n" for row in rows])
    return (printable(found) if escaped else found).encode(errors="backslashreplace")


def _cell(value: str | float | None) -> str:
    # Not the standard library's: before Python 3.12 that writes None and the empty text alike.
    if value is None:
        return ""
    text = str(value)
    if not text or _TO_QUOTE.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
