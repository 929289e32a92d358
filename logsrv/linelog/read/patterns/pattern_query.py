"""The query that finds the lines of a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from logsrv.errors import QueryError
from logsrv.kit.text.colours import has_colours
from logsrv.linelog.fields.forms.json.one import parse_json
from logsrv.linelog.fields.parsed_line import ALWAYS, ParsedLine
from logsrv.linelog.query.field_names import field_as_written
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse, phrase_of
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.read.patterns.find import Pattern, find_patterns
from logsrv.linelog.read.patterns.line_patterns import MESSAGE_KEYS
from logsrv.linelog.read.patterns.skeletons import ANY, PLACEHOLDERS
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines

MOST_LINES = 100_000
"""Of more lines, the patterns of a document are those of about as many of the newest."""
_LONGEST = 200
"""Characters of a template that become an expression."""
_MOST_KEYS = 8
_MOST_WORDS = 5
_EXPRESSIONS = {
    "<n>": "-?[0-9][0-9.,]*",
    "<quoted>": "[\"'].*[\"']",
    "<time>": ".*[0-9](Z| ?UTC)?",
    **dict.fromkeys(("<hex>", "<uuid>", "<ip>", ANY), r"\S+"),
}
_PLACEHOLDER = re.compile("(" + "|".join(map(re.escape, PLACEHOLDERS)) + ")")
_BETWEEN_WORDS = re.compile(r"[^\w.@+%-]+")
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$/]")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def patterns_document(
    search: Search, new_since: str, most: int, by: str, extractions: Sequence[Extraction]
) -> dict[str, Any]:
    """Return the `most` frequent patterns of the lines that a search finds, for JSON. new_since: a TIME.

    by: a field of which each value has patterns of its own; "" for none. Of too many lines, the newest are
    read, but for new patterns all, or each might have an earlier line.
    """
    found = find_patterns(search, new_since, by, extractions, None if new_since else MOST_LINES)
    with closing(StoredLines(search.view)) as lines:
        return {
            "lines": found.lines,
            "forgotten": found.forgotten,
            "since": found.since,
            "total": len(found.patterns),
            "patterns": [_document(one, lines, by) for one in found.patterns[:most]],
        }


def _document(pattern: Pattern, lines: StoredLines, by: str) -> dict[str, Any]:
    """Return a pattern for JSON, with the query that finds its lines; null if its line is no more."""
    hit = lines.line_at(pattern.position)
    query = query_of_pattern(pattern, hit.line, hit.first_line) if hit else None
    if by and query is not None and hit:
        value = pattern.value
        name = field_as_written(by)
        of_value = f"-{name}=*" if value is None else f"{name}={phrase_of(value)}"
        query = f"{of_value} {query}" if _finds(of_value, hit.line, hit.first_line) else query
    return {
        **({"value": pattern.value} if by else {}),
        "pattern": pattern.template,
        "app": pattern.app,
        "level": pattern.level or None,
        "count": pattern.lines,
        "first": pattern.time,
        "position": str(pattern.position),
        "query": query,
    }


def query_of_pattern(pattern: Pattern, line: bytes, first_line: bytes | None = None) -> str:
    """Return a query that finds the lines of a pattern, and few others. line: one of them, as stored.

    first_line: of its record, if it goes on with one.

    It surely finds `line`; it is empty, for all lines, if no expression does.
    """
    record = ParsedLine(line)
    app = f"app={pattern.app}" if _PLAIN_NAME.fullmatch(pattern.app) else ""
    level = ""
    if pattern.is_text_shared:
        level = f"level={pattern.level}" if pattern.level else "-level=*"
    for condition in _conditions(pattern.template, record):
        for parts in ((app, level, condition), (level, condition)):
            query = " ".join(filter(None, parts))
            if _finds(query, line, first_line):
                return query
    return app if app and _finds(app, line, first_line) else ""


def _finds(query: str, line: bytes, first_line: bytes | None) -> bool:
    try:
        return make_matcher(parse(query)).matches(line, None, first_line)
    except QueryError:
        return False


def _conditions(template: str, record: ParsedLine) -> Iterator[str]:
    """Yield conditions on a message, the most exact first."""
    field = ""
    if record.kind == "json":
        parsed = parse_json(record.content) or {}
        key = next((one for one in MESSAGE_KEYS if isinstance(parsed.get(one), str)), "")
        if not key:
            yield " ".join(f"{_name_in_query(name)}=*" for name in sorted(parsed)[:_MOST_KEYS])
            return
        field = f"{_name_in_query(key)}~"
    for space in (" ", r"\s+"):
        expression = _expression(template, space)
        if len(template) <= _LONGEST:
            yield f"{field}/{expression}$/"
        yield f"{field}/{expression}/"
    texts = _PLACEHOLDER.split(template)[::2]
    yield phrase_of(max(texts, key=len).strip())
    # Beside other characters than these, a colour may stand in the line.
    split = _BETWEEN_WORDS.split if has_colours(record.body) else str.split
    words = sorted((word for text in texts for word in split(text) if word), key=len)
    yield " ".join(map(phrase_of, words[-_MOST_WORDS:]))


def _name_in_query(name: str) -> str:
    return f"fields.{name}" if name in ALWAYS else field_as_written(name)


def _expression(template: str, space: str) -> str:
    parts = _PLACEHOLDER.split(template)
    while sum(map(len, parts)) > _LONGEST and len(parts) > 2:
        del parts[-2:]
    parts[-1] = parts[-1][:_LONGEST]
    texts = [
        _EXPRESSIONS[part] if index % 2 else _SPECIAL.sub(r"\\\g<0>", part).replace(" ", space)
        for index, part in enumerate(parts)
    ]
    # A number in brackets may be padded.
    return "".join(texts).replace(f"\\[{_EXPRESSIONS['<n>']}", f"\\[ *{_EXPRESSIONS['<n>']}")
