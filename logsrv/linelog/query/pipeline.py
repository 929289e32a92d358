"""The stages behind a query: parts of messages as fields, and an answer in columns instead of lines.

    question = filter { "|" stage } [ "|" answer ] [ "|" "limit" N ]
    stage    = "extract" ( "…<name>…" | /…(?P<name>…)…/ ) | "where" filter
    answer   = sort
             | figure { "," figure } [ "every" STEP ] [ "by" FIELD { "," FIELD } ] [ "compare" STEP ]
               { "|" of_rows }
             | "patterns" [ "since" TIME ] [ "by" FIELD ]
    figure   = "count" | ( "sum" | "avg" | "min" | "max" | "p50" | "p95" | "p99" ) FIELD
             | ( "count_distinct" | "first" | "last" ) FIELD | ( "min" | "max" ) "time"
    sort     = "sort" [ "by" ] FIELD [ "asc" | "desc" ]
    of_rows  = sort | "where" filter, both of columns (row_words.py)

The direction may stand before the field, and `every`, `by` and `compare` in any order. Behind `sort`,
`extract` and `where` mean the same as before it.

A `|` stands alone, between spaces; anywhere else it is a character of a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from logsrv.errors import QueryError
from logsrv.linelog.query.parse import ExtractedNames, parse_filter
from logsrv.linelog.query.question import (
    STAGES,
    Answer,
    Extraction,
    Grouping,
    Node,
    PatternCounts,
    Question,
    RowStage,
    all_of,
)

if TYPE_CHECKING:
    from logsrv.linelog.query.stage_words import StageWords

MOST_STAGES = 20
_ONLY_LIMIT = "only limit can stand behind an answer, at the end"
_OF_ROWS = "only where, sort and, at the end, limit can stand behind figures"
Words = TypeVar("Words", bound="StageWords")


def parse_question(text: str) -> Question:
    """Return the query `text` with its stages. Raises QueryError."""
    stages = LineStages(text)
    if stages.end == len(text):
        return Question(stages.node, stages.extractions)
    # Imported here: most queries have no stage, and a search for lines starts 2 % sooner without it.
    from logsrv.linelog.query.stage_words import StageWords

    answer: Answer | None = None
    limit: int | None = None
    of_rows: list[RowStage] = []
    for name, words in stages.others(StageWords, STAGES):
        is_table = isinstance(answer, Grouping)
        if limit is not None or (answer is not None and name != "limit" and not is_table):
            raise QueryError(_ONLY_LIMIT, words.begin + 1)
        if name == "limit":
            limit = words.limit()
        elif isinstance(answer, Grouping):
            if name not in ("where", "sort"):
                raise QueryError(_OF_ROWS, words.begin + 1)
            of_rows.append(words.of_rows(name, answer.columns))
        elif name == "sort":
            answer = words.sorting()
        elif name == "patterns":
            answer = words.patterns()
        else:
            answer = words.grouping(name)
    return Question(stages.node, stages.extractions, answer, limit, tuple(of_rows))


def parse_lines(text: str, what: str) -> Question:
    """Return a query whose answer is lines. Raises QueryError, also for one with another answer.

    what: the thing that takes only lines, for the error's sentence: `an alert`.
    """
    found = parse_question(text)
    if isinstance(found.answer, PatternCounts):
        raise QueryError(
            f"{what} takes lines, and patterns are a list of their own: on the page press p, in a terminal "
            "logsrv search, over HTTP /api/patterns",
            text.rindex("|") + 1,
        )
    if found.answer is not None or found.limit is not None:
        raise QueryError(
            f"{what} takes lines as they come: extract and where may stand behind | here, and no figures",
            text.rindex("|") + 1,
        )
    return found


class LineStages:
    """A query's filter and its stages of lines, `extract` and `where`, as far as they are read.

    filter_end, end: the offsets behind the filter and behind these stages.
    """

    def __init__(self, text: str) -> None:
        """Read the filter. Raises QueryError."""
        self._text = text
        self._extracted = ExtractedNames()
        node, self.filter_end = parse_filter(text, 0, self._extracted)
        self.end = self.filter_end
        self._nodes = [node]

    @property
    def node(self) -> Node:
        """The conditions on a line."""
        return all_of(self._nodes)

    @property
    def extractions(self) -> tuple[Extraction, ...]:
        by_pattern: dict[str, list[str]] = {}
        for name, pattern in self._extracted.patterns.items():
            by_pattern.setdefault(pattern, []).append(name)
        return tuple(Extraction(pattern, tuple(names)) for pattern, names in by_pattern.items())

    def others(self, kind: type[Words], known: Sequence[str]) -> Iterator[tuple[str, Words]]:
        """Read all stages; yield the name and the words of each other one, which the caller takes.

        known: the names of all stages. Behind one that is not `sort`, no stage is one of lines. Raises
        QueryError.
        """
        at, is_closed = self.end, False
        for number in range(MOST_STAGES + 1):
            if at >= len(self._text):
                return
            if number == MOST_STAGES:
                raise QueryError(f"a query may have {MOST_STAGES} stages; this is one more", at + 1)
            words = kind(self._text, at + 1)
            name = words.name(known)
            if is_closed or name not in ("extract", "where"):
                is_closed = is_closed or name != "sort"
                yield name, words
                at = words.end()
                continue
            if name == "where":
                node, at = parse_filter(self._text, words.at, self._extracted)
                self._nodes.append(node)
            else:
                words.extract(self._extracted)
                at = words.end()
            self.end = at
