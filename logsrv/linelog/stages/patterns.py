"""`patterns since 1h by app`: what messages have in common, with the number of lines of each.

    patterns = "patterns" [ "since" TIME ] [ "by" FIELD ]

`read/patterns` finds them. Over HTTP they have a document, and on the page a list of their own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from logsrv.errors import UsageError
from logsrv.kit.text.time import rfc3339
from logsrv.kit.text.words import counted
from logsrv.lazy_names import later_module
from logsrv.linelog.query.question import Cell, Question
from logsrv.linelog.query.stage import ANY_FIELD, Completion, Stage
from logsrv.linelog.query.stage_words import StageWords
from logsrv.linelog.query.times import SOME_DAY, parse_moment
from logsrv.linelog.read.answer_kinds import ListBeside, Looks

if TYPE_CHECKING:
    from logsrv.linelog.read import render
    from logsrv.linelog.read.patterns import find, pattern_query, skeletons
    from logsrv.linelog.read.search import Search
    from logsrv.linelog.read.tables import text_table
else:
    render = later_module("logsrv.linelog.read.render")
    text_table = later_module("logsrv.linelog.read.tables.text_table")
    find = later_module("logsrv.linelog.read.patterns.find")
    pattern_query = later_module("logsrv.linelog.read.patterns.pattern_query")
    skeletons = later_module("logsrv.linelog.read.patterns.skeletons")

_TWENTY = 20
"""Patterns in a terminal, unless another number is asked for."""
_COLUMNS = ("count", "share", "app", "level", "first", "position", "pattern")
_TIME = re.compile(r'"(?P<quoted>[^"]*)"|[^\s|]+')


class PatternCounts(ListBeside):
    """The patterns of messages, with the number of lines of each.

    new_since: a time as it was typed; only patterns that no line before it has. "" for all patterns.
    by: a field, of which each value has patterns of its own; "" for none. option: the name of what
    `new_since` was typed behind.
    """

    new_since: str = ""
    by: str = ""
    option: str = "patterns since"

    elsewhere = (
        "patterns are a list of their own: on the page press p, in a terminal logsrv search, "
        "over HTTP /api/patterns"
    )

    def listed(
        self, search: Search, asked: Question, looks: Looks
    ) -> tuple[Sequence[str], list[tuple[Cell, ...]], list[str]]:
        since = self.time_since(utc=looks.utc)
        if search.scope.since and search.scope.since >= since > "":
            raise UsageError(
                f"--since must be before {self.option}, otherwise all patterns are new"
            )
        found = find.find_patterns(search, since, self.by, asked.extractions)
        chosen = found.patterns[: _TWENTY if asked.limit is None else asked.limit]
        notes: list[str] = []
        left = len(found.patterns) - len(chosen)
        if left and asked.limit is None:
            notes.append(f"{counted(left, 'pattern')} more; -n shows more of them")
        if found.forgotten:
            lines = counted(found.forgotten, "line")
            notes.append(
                f"there are too many patterns; the rarest patterns, with {lines}, are left out"
            )
        stores = search.view.names
        columns = _COLUMNS + ("store",) * bool(stores)
        rows = [_row(one, found.lines, looks, stores) for one in chosen]
        if not self.by:
            return columns, rows, notes
        shown = text_table.named_value if looks.output == "text" else (lambda cell: cell)
        by_value = zip(chosen, rows, strict=True)
        return ("value", *columns), [(shown(one.value), *row) for one, row in by_value], notes

    def time_since(self, *, utc: bool = False) -> str:
        """Return the TIME since which patterns are new, or "". Raises UsageError."""
        if not self.new_since:
            return ""
        try:
            return rfc3339(parse_moment(self.new_since, time.time(), utc=utc))
        except ValueError as error:
            raise UsageError(f"{self.option}: {error}") from None

    def document(
        self, search: Search, asked: Question, new_since: str, most: int
    ) -> dict[str, Any]:
        """Return the patterns for JSON. new_since: a TIME, or ""."""
        return pattern_query.patterns_document(search, new_since, most, self.by, asked.extractions)


def _row(
    pattern: find.Pattern, lines: int, looks: Looks, stores: Mapping[int, str]
) -> tuple[Cell, ...]:
    share = pattern.lines / lines
    first = pattern.time
    if first is not None and looks.local:
        first = render.to_local_time(first)
    return (
        pattern.lines,
        skeletons.share_of(share) if looks.output == "text" else round(share, 6),
        *(one or (None if looks.output == "csv" else "") for one in (pattern.app, pattern.level)),
        first,
        str(pattern.position),
        pattern.template,
        *((stores[pattern.position.store],) if stores else ()),
    )


def _patterns(words: StageWords, _: str) -> PatternCounts:
    typed, by = "", tuple[str, ...]()
    for part in words.parts("since", "by"):
        if part == "since":
            typed = _typed_time(words)
        else:
            by = words.grouping_fields()
    if len(by) > 1:
        raise words.wrong("patterns are by one field")
    return PatternCounts(typed, "".join(by))


def _typed_time(words: StageWords) -> str:
    """Take a time. One with a space stands in quotation marks."""
    found = _TIME.match(words.text, words.at)
    typed = (found["quoted"] or found[0]) if found else ""
    try:
        parse_moment(typed, SOME_DAY, utc=False)
    except ValueError as error:
        raise words.wrong(f"since: {error}") from None
    assert found is not None
    words.at = found.end()
    return typed


STAGE = Stage(
    ("patterns",),
    "beside",
    parse_answer=_patterns,
    help=(("patterns, patterns by x", "what messages have in common, for each value of x"),),
    completion=Completion(
        words=("by", "since"), behind={"by": ANY_FIELD, "since": ("1h", "today", "yesterday")}
    ),
)
