"""Records of several lines for people and programs: unfolded below their first line, or folded to `+12`.

Only a first line stands at the left edge; all others are indented, so no message can forge a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from logsrv.linelog.fields.continuations.joiner import text_of_record
from logsrv.linelog.fields.continuations.parts import join_parts
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.record_match import level_of_lines
from logsrv.linelog.query.text_search.expression import ExtractedFields, extracted_fields
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.render import (
    DIM,
    RESET,
    LineStyle,
    colour_of_level,
    highlight_message,
    hit_document,
    make_renderer,
    no_spans,
    render_coloured,
    render_text,
    safe_json,
    spans_finder,
)

_INDENTATION = "    "
# The page's text.js has the same rule.
_BREAK = re.compile(rb"(?<!\\)(?:\\x0d)?\\x0a|\r?\n")
_TAB = re.compile(rb"(?<!\\)\\x09")
# In JSON a program's last LF is no break, as in Docker's objects.
_BREAK_IN_JSON = re.compile(rb'(?<!\\)(?:\\r)?\\n(?!")')
_TAB_IN_JSON = re.compile(rb"(?<!\\)\\t")


def _whole_lines(hits: Sequence[Hit]) -> list[Hit]:
    """Return the lines of a record with the parts of each line that a container's runtime cut joined.

    A line has the position of its first part.
    """
    positions = {str(hit.position): hit.position for hit in hits}
    records = join_parts(ParsedLine(hit.line, str(hit.position)) for hit in hits)
    return [Hit(positions[record.position or ""], record.line) for record in records]


def make_record_renderer(
    style: LineStyle,
    matcher: Matcher | None = None,
    extractions: Sequence[Extraction] = (),
    *,
    fold: bool = False,
    mark_hits: bool = False,
) -> Callable[[Sequence[Hit], bool], bytes]:
    """Return a function: lines of a record, whether it is only a neighbour → what to print.

    fold: whether to print only the first line and the number of further ones; raw messages are all printed.
    The others are as for `make_renderer`.
    """
    if style.output == "json":
        extracted = extracted_fields(extractions) if extractions else None
        return lambda hits, context: _object(hits, extracted, context)
    plain = make_renderer(style, matcher, mark_hits=mark_hits)
    if style.output == "raw":
        return lambda hits, context: b"".join([plain(hit, context) for hit in hits])
    marked = spans_finder(matcher, mark_hits=mark_hits) if style.color else no_spans

    def render(lines: Sequence[Hit], context: bool) -> bytes:
        hits = _whole_lines(lines)
        shown = _shown_lines(hits)
        if len(shown) == 1:
            return plain(hits[0], context)
        spans = no_spans if context else marked
        further = shown[1:]
        end = f" +{len(further)}" if fold else ""
        first = _first_line(hits[0], shown[0], spans, _narrower(style, len(end)))
        if fold:
            number = f"{DIM}{end}{RESET}" if style.color else end
            return f"{first}{number}\n".encode()
        base = colour_of_level(ParsedLine(hits[0].line)) if style.color else ""
        width = _narrower(style, len(_INDENTATION)).width
        rows = [highlight_message(text, spans(text), base, width) for text in further]
        return f"\n{_INDENTATION}".join([first, *rows]).encode() + b"\n"

    return render


def _object(lines: Sequence[Hit], extracted: ExtractedFields | None, context: bool) -> bytes:
    hits = _whole_lines(lines)
    found = hit_document(hits[0], extracted, context=context)
    texts = (found["message"].encode(), *(_text_to_show(hit) for hit in hits[1:]))
    message = b"\n".join(_TAB.sub(b"\t", _BREAK.sub(b"\n", text)) for text in texts)
    found["message"] = message.decode("utf-8", "backslashreplace")
    found["level"] = level_of_lines([ParsedLine(hit.line) for hit in hits])
    return safe_json(found | {"lines": len(lines)}).encode() + b"\n"


def _first_line(
    hit: Hit, message: bytes, spans: Callable[[bytes], list[tuple[int, int]]], style: LineStyle
) -> str:
    if style.color:
        return render_coloured(hit, spans, style, message).removesuffix("\n")
    return render_text(hit.line[: ParsedLine(hit.line).start] + message, style)


def _narrower(style: LineStyle, columns: int) -> LineStyle:
    return style._replace(width=max(1, style.width - columns)) if style.width else style


def _shown_lines(hits: Sequence[Hit]) -> list[bytes]:
    """Return the lines that a person sees: the first message, and the texts of the further lines."""
    record = ParsedLine(hits[0].line)
    breaks, tab = _BREAK, _TAB
    if b"\\n" in record.body and record.content.startswith(b"{") and record.kind == "json":
        breaks, tab = _BREAK_IN_JSON, _TAB_IN_JSON
    shown = breaks.split(tab.sub(b"\t", record.body))
    for hit in hits[1:]:
        shown += _BREAK.split(_TAB.sub(b"\t", _text_to_show(hit)))
    return shown


def _text_to_show(hit: Hit) -> bytes:
    """Return the text of a line without its header; a whole message keeps its colours."""
    record = ParsedLine(hit.line)
    whole = record.header is None and record.kind != "json"
    return record.body if whole else text_of_record(record)
