"""The stages behind a query: parts of messages as fields, and an answer in columns instead of lines.

    question = filter { "|" stage } [ "|" answer ] [ "|" "limit" N ]
    stage    = "extract" ( "…<name>…" | /…(?P<name>…)…/ ) | "where" filter
    answer   = "sort" FIELD [ "asc" | "desc" ]
             | figure { "," figure } [ "every" STEP ] [ "by" FIELD { "," FIELD } ]
             | "patterns" [ "since" TIME ]
    figure   = "count" | ( "sum" | "avg" | "min" | "max" | "p50" | "p95" | "p99" ) FIELD

A `|` stands alone, between spaces; anywhere else it is a character of a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.quoted_text import pattern_until
from logsrv.kit.text.words import did_you_mean, listed
from logsrv.linelog.query.language.parse import ExtractedNames, parse_filter
from logsrv.linelog.query.language.template import expression_of_template
from logsrv.linelog.query.language.times import parse_moment, parse_step
from logsrv.linelog.query.language.tree import (
    EVERYTHING,
    And,
    Compare,
    Extracted,
    HasField,
    Node,
    Not,
    Or,
)

FUNCTIONS = ("sum", "avg", "min", "max", "p50", "p95", "p99")
"""Functions of a field's numbers in a group of lines; `count` counts the lines."""
STAGES = ("extract", "where", "sort", "patterns", "limit", "count", *FUNCTIONS)
MOST_FIGURES = 20
MOST_FIELDS = 10
"""Figures of an answer, and fields by which it is grouped."""
MOST_STAGES = 20
EACH_POSITION = "each line has another position; group by another field"


_ELSEWHERE = {
    "stats": "count by FIELD, or avg FIELD by FIELD",
    "top": "count by FIELD | limit 10",
    "timechart": "count every 5m by FIELD",
    "json": "nothing: fields of JSON are read by themselves",
    "logfmt": "nothing: its pairs are read by themselves",
    "pattern": 'extract "took <ms> ms"',
    "regexp": "extract /took (?P<ms>[0-9]+)/",
    "parse": 'extract "took <ms> ms"',
    "rex": "extract /took (?P<ms>[0-9]+)/",
    "grep": "the words before the |",
    "filter": "where FIELD>5",
    "head": "limit 10",
    "wc": "count",
}
"""Stages of other tools, and what to write instead."""
_NAME = re.compile(r"[a-z]+[0-9]*")
_FIELD = re.compile(r"[A-Za-z_@][A-Za-z0-9_.@-]*")
_WORD = re.compile(r"[^\s,]+")
_COMMA = re.compile(r"\s*,\s*")
_SPACE = re.compile(r"\s*")
_TEMPLATE = re.compile('"(' + pattern_until('"') + ')"', re.DOTALL)
_EXPRESSION = re.compile("/(" + pattern_until("/") + r")/(?=\s|\Z)", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)
# 2026-11-20. A time is only checked here; what it means depends on when it is asked.
_SOME_DAY = 1_795_132_800.0
_TIME = re.compile(r'"(?P<quoted>[^"]*)"|[^\s|]+')


class Extraction(NamedTuple):
    """Parts of a message as fields: the groups `names` of the expression `pattern`, in its first match."""

    pattern: str
    names: tuple[str, ...]


class Sorting(NamedTuple):
    """The lines with the largest numbers in `field`, or the smallest if `ascending`."""

    field: str
    ascending: bool = False


class Figure(NamedTuple):
    """A column of numbers. function: `count`, or one of FUNCTIONS of the numbers in `field`."""

    function: str
    field: str = ""

    def __str__(self) -> str:
        return f"{self.function} {self.field}".rstrip()


class Grouping(NamedTuple):
    """A table of `figures` with a row for each combination of the values of the fields `by`.

    every: seconds of a step of time, by which rows are parted, too; None for none.
    """

    figures: tuple[Figure, ...]
    by: tuple[str, ...] = ()
    every: float | None = None


class PatternCounts(NamedTuple):
    """The patterns of messages, with the number of lines of each.

    new_since: a time as it was typed; only patterns that no line before it has. "" for all patterns.
    """

    new_since: str = ""


Answer: TypeAlias = Sorting | Grouping | PatternCounts


class Question(NamedTuple):
    """A query with its stages.

    node: the conditions on a line, those of `where` included. extractions: fields that its messages have in
    addition. answer: None for the lines themselves. limit: the most lines or rows; None for the usual.
    """

    node: Node = EVERYTHING
    extractions: tuple[Extraction, ...] = ()
    answer: Answer | None = None
    limit: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all extracted fields, in order."""
        return tuple(name for one in self.extractions for name in one.names)

    def narrowed(self, node: Node) -> Node:
        """Return the question's conditions and those of `node`, in which its extracted fields are known."""
        patterns = {name: one.pattern for one in self.extractions for name in one.names}
        parts = [one for one in (self.node, _with_extracted(node, patterns)) if one != EVERYTHING]
        return parts[0] if len(parts) == 1 else And(tuple(parts))


def parse_question(text: str) -> Question:
    """Return the query `text` with its stages. Raises QueryError."""
    extracted = ExtractedNames()
    node, at = parse_filter(text, 0, extracted)
    nodes = [node]
    answer: Answer | None = None
    limit: int | None = None
    stages = 0
    while at < len(text):
        words = StageWords(text, at + 1)
        stages += 1
        if stages > MOST_STAGES:
            raise QueryError(f"a query may have {MOST_STAGES} stages; this is one more", at + 1)
        name = words.name()
        if limit is not None or (answer is not None and name != "limit"):
            raise QueryError("only limit can stand behind an answer, at the end", words.begin + 1)
        if name == "where":
            node, at = parse_filter(text, words.at, extracted)
            nodes.append(node)
            continue
        if name == "extract":
            words.extract(extracted)
        elif name == "limit":
            limit = words.limit()
        elif name == "sort":
            answer = words.sorting()
        elif name == "patterns":
            answer = words.patterns()
        else:
            answer = words.grouping(name)
        at = words.end()
    conditions = tuple(one for one in nodes if one != EVERYTHING)
    joined = conditions[0] if len(conditions) == 1 else And(conditions)
    return Question(joined, extractions_of(extracted), answer, limit)


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


def extractions_of(extracted: ExtractedNames) -> tuple[Extraction, ...]:
    """Return the extractions of a query, in its order."""
    by_pattern: dict[str, list[str]] = {}
    for name, pattern in extracted.patterns.items():
        by_pattern.setdefault(pattern, []).append(name)
    return tuple(Extraction(pattern, tuple(names)) for pattern, names in by_pattern.items())


def _with_extracted(node: Node, patterns: Mapping[str, str]) -> Node:
    """Return `node` with tests of the fields named in `patterns` as tests of extracted fields."""
    if isinstance(node, (Compare, HasField)):
        pattern = patterns.get(node.field)
        return node if pattern is None else Extracted(pattern, node)
    if isinstance(node, (And, Or)):
        return type(node)(tuple(_with_extracted(part, patterns) for part in node.parts))
    return Not(_with_extracted(node.part, patterns)) if isinstance(node, Not) else node


class StageWords:
    """The words of a stage, from offset `at` on."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self.at = at
        self._skip_space()
        self.begin = self.at

    def name(self, known: Sequence[str] = STAGES) -> str:
        """Take the name of the stage. Raises QueryError if it is none of `known`."""
        found = _NAME.match(self._text, self.at)
        name = found[0] if found else ""
        end = found.end() if found else self.at
        if name not in known or (end < len(self._text) and self._text[end] not in " \t\r\n,|<>"):
            word = _WORD.match(self._text, self.at)
            if word is None or word[0] == "|":
                raise self.wrong(
                    'there is nothing behind |; "|" in quotation marks is the character'
                )
            if word[0] in _ELSEWHERE:
                raise self.wrong(f"{word[0]} is no stage here: write {_ELSEWHERE[word[0]]}")
            hint = did_you_mean(word[0], known) or f"; these are: {listed(known)}"
            raise self.wrong(f"{one_line(word[0], 60)} is no stage of a query{hint}")
        self.at = end
        self._skip_space()
        return name

    def wrong(self, sentence: str) -> QueryError:
        return QueryError(sentence, min(self.at, len(self._text)) + 1)

    def end(self) -> int:
        """Return the offset of the `|` behind this stage, or of the end. Raises QueryError for words."""
        self._skip_space()
        if self.at < len(self._text) and not self._is_pipe():
            word = _WORD.match(self._text, self.at) or re.compile(",").match(self._text, self.at)
            assert word is not None
            raise self.wrong(f"{one_line(word[0], 60)} is one word too many here")
        return self.at

    def extract(self, extracted: ExtractedNames) -> None:
        """Take the pattern of `extract`."""
        at = self.at + 1
        if found := _TEMPLATE.match(self._text, self.at):
            try:
                pattern = expression_of_template(found[1])
            except ValueError as error:
                raise QueryError(str(error), at + 1) from None
        elif found := _EXPRESSION.match(self._text, self.at):
            pattern = found[1]
        else:
            raise self.wrong(
                'extract needs a text with names in quotation marks, such as "took <ms> ms", or an '
                "expression such as /took (?P<ms>[0-9]+)/"
            )
        if not extracted.add(pattern, at):
            raise self.wrong("there is no name in this: write /took (?P<ms>[0-9]+)/")
        self.at = found.end()

    def limit(self) -> int:
        """Take the number of `limit`."""
        found = _NUMBER.match(self._text, self.at)
        if found is None:
            raise self.wrong("limit needs a number of lines or rows, such as 10")
        self.at = found.end()
        return int(found[0])

    def sorting(self) -> Sorting:
        """Take the field of `sort` and its direction."""
        field = self._field("sort needs a field with numbers, such as sort ms")
        self._skip_space()
        direction = self._keyword("asc", "desc")
        return Sorting(field, direction == "asc")

    def patterns(self) -> PatternCounts:
        """Take the time since which patterns are new. A time with a space stands in quotation marks."""
        if not self._keyword("since"):
            return PatternCounts()
        found = _TIME.match(self._text, self.at)
        typed = (found["quoted"] or found[0]) if found else ""
        try:
            parse_moment(typed, _SOME_DAY, utc=False)
        except ValueError as error:
            raise self.wrong(f"since: {error}") from None
        assert found is not None
        self.at = found.end()
        return PatternCounts(typed)

    def grouping(self, function: str) -> Grouping:
        """Take the figures, the step of time and the fields of a table. function: of the first figure."""
        figures = [self._figure(function)]
        while self._comma():
            found = self._keyword("count", *FUNCTIONS)
            if not found:
                known = listed(("count", *FUNCTIONS))
                raise self.wrong(f"behind the comma one of these is missing: {known}")
            figures.append(self._figure(found))
        self._require_few(figures, MOST_FIGURES, "figures")
        self._skip_space()
        every = None
        if self._keyword("every"):
            word = _WORD.match(self._text, self.at)
            try:
                every = parse_step(word[0] if word else "")
            except ValueError as error:
                raise self.wrong(f"every: {error}") from None
            assert word is not None
            self.at = word.end()
            self._skip_space()
        by: list[str] = []
        if self._keyword("by"):
            by.append(self._field("by needs a field, such as by app"))
            while self._comma():
                by.append(self._field("there is no field behind the comma"))
            self._require_few(by, MOST_FIELDS, "fields")
            if "position" in by:
                raise self.wrong(EACH_POSITION)
        return Grouping(tuple(figures), tuple(dict.fromkeys(by)), every)

    def _figure(self, function: str) -> Figure:
        if function == "count":
            return Figure(function)
        self._skip_space()
        return Figure(
            function, self._field(f"{function} needs a field with numbers, such as {function} ms")
        )

    def _require_few(self, found: Sequence[object], most: int, what: str) -> None:
        if len(found) > most:
            raise self.wrong(f"an answer may have {most} {what}; these are {len(found)}")

    def _field(self, missing: str) -> str:
        found = _FIELD.match(self._text, self.at)
        if found is None:
            raise self.wrong(missing)
        self.at = found.end()
        return found[0]

    def _keyword(self, *words: str) -> str:
        """Take one of these words if it stands here; return it, or the empty text."""
        found = _WORD.match(self._text, self.at)
        if found is None or found[0] not in words:
            return ""
        self.at = found.end()
        self._skip_space()
        return found[0]

    def _comma(self) -> bool:
        found = _COMMA.match(self._text, self.at)
        if found is None:
            return False
        self.at = found.end()
        return True

    def _is_pipe(self) -> bool:
        return self._text[self.at] == "|" and self._text[self.at + 1 : self.at + 2] in (
            "",
            *" \t\r\n",
        )

    def _skip_space(self) -> None:
        found = _SPACE.match(self._text, self.at)
        assert found is not None
        self.at = found.end()
