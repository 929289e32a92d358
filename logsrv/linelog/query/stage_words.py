"""The words of one stage of a query: each method takes what a stage of its name has behind it.

A template of `extract`, such as `took <ms> ms`, becomes an expression with a named group for each part in
`<…>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import did_you_mean, listed
from logsrv.linelog.query.field_names import read_field
from logsrv.linelog.query.parse import (
    EXPRESSION,
    PIPE,
    QUOTED,
    SPACE,
    ExtractedNames,
)
from logsrv.linelog.query.question import (
    EACH_POSITION,
    FUNCTIONS,
    OF_TIME,
    PERCENTILES,
    STAGES,
    Column,
    Figure,
    Grouping,
    PatternCounts,
    RowFilter,
    RowStage,
    Sorting,
)
from logsrv.linelog.query.row_words import find_column, parse_row_filter
from logsrv.linelog.query.times import SOME_DAY, check_shift, parse_moment, parse_step

MOST_FIGURES = 20
MOST_FIELDS = 10
"""Figures of an answer, and fields by which it is grouped."""

_ELSEWHERE = {
    "compare": "count compare 1d",
    "timewrap": "count every 1h compare 1d",
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
    "uniq": "count_distinct FIELD",
    "dedup": "count by FIELD",
    "dc": "count_distinct FIELD",
    "earliest": "first FIELD",
    "latest": "last FIELD",
    "wc": "count",
}
"""Stages of other tools, and what to write instead."""
_NAME = re.compile(r"[a-z_]+[0-9]*")
_PERCENTILE = re.compile(r"median|p([0-9]{2,6})", re.ASCII)
_WORD = re.compile(r"[^\s,]+")
_WORD_OR_COMMA = re.compile(r"[^\s,]+|,")
_COMMA = re.compile(r"\s*,\s*")
_NUMBER = re.compile(r"[0-9]{1,12}(?![0-9])", re.ASCII)
_TIME = re.compile(r'"(?P<quoted>[^"]*)"|[^\s|]+')


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
            if instead := _ELSEWHERE.get(word[0]) or _nearest_percentile(word[0], known):
                raise self.wrong(f"{word[0]} is no stage here: write {instead}")
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
        if self.at < len(self._text) and not PIPE.match(self._text, self.at):
            word = _WORD_OR_COMMA.match(self._text, self.at)
            assert word is not None
            raise self.wrong(f"{one_line(word[0], 60)} is one word too many here")
        return self.at

    def extract(self, extracted: ExtractedNames) -> None:
        """Take the pattern of `extract`."""
        at = self.at + 1
        if found := QUOTED.match(self._text, self.at):
            try:
                pattern = expression_of_template(found[1])
            except ValueError as error:
                raise QueryError(str(error), at + 1) from None
        elif found := EXPRESSION.match(self._text, self.at):
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
        missing = "limit needs a number of lines or rows, such as 10, with at most 12 digits"
        return int(self._take(_NUMBER, missing))

    def sorting(self) -> Sorting:
        """Take the field of `sort`, with or without `by`, and its direction, before or behind it."""
        return self._sorting()[0]

    def _sorting(self) -> tuple[Sorting, int]:
        """Take what `sorting` takes; return where its field begins, too."""
        # The words as they are written: `desc` in backticks is a field.
        words: list[str] = []
        fields: list[tuple[str, int]] = []
        while len(words) < 3 and (found := read_field(self._text, self.at)):
            name, end = found
            words.append(self._text[self.at : end])
            fields.append((name, self.at))
            self.at = end
            self._skip_space()
        match words:
            case ["by", _, "asc" | "desc" as direction] | [_, "asc" | "desc" as direction]:
                name, at = fields[-2]
            case ["by", "asc" | "desc" as direction, _] | ["asc" | "desc" as direction, _]:
                name, at = fields[-1]
            case ["by", _] | [_]:
                direction = "desc"
                name, at = fields[-1]
            case []:
                raise self.wrong("sort needs a field with numbers, such as sort ms")
            case _:
                self.at = fields[-1][1]
                raise self.wrong(f"{one_line(words[-1], 60)} is one word too many here")
        return Sorting(name, direction == "asc"), at

    def of_rows(self, name: str, columns: Sequence[Column]) -> RowStage:
        """Take `where` or `sort` behind figures. columns: those of their table."""
        if name == "sort":
            sorting, at = self._sorting()
            return sorting._replace(field=find_column(sorting.field, columns, at).name)
        node, self.at = parse_row_filter(self._text, self.at, columns)
        return RowFilter(node)

    def patterns(self) -> PatternCounts:
        """Take the time since which patterns are new, and a field."""
        typed, by = "", tuple[str, ...]()
        for part in self._parts("since", "by"):
            if part == "since":
                typed = self._typed_time()
            else:
                by = self._grouping_fields()
        if len(by) > 1:
            raise self.wrong("patterns are by one field")
        return PatternCounts(typed, "".join(by))

    def _typed_time(self) -> str:
        """Take a time. One with a space stands in quotation marks."""
        found = _TIME.match(self._text, self.at)
        typed = (found["quoted"] or found[0]) if found else ""
        try:
            parse_moment(typed, SOME_DAY, utc=False)
        except ValueError as error:
            raise self.wrong(f"since: {error}") from None
        assert found is not None
        self.at = found.end()
        return typed

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
        every = compare = None
        by: tuple[str, ...] = ()
        at = 0
        for part in self._parts("every", "by", "compare"):
            if part == "every":
                every = self._step(part)
            elif part == "compare":
                at, compare = self.at, self._step(part)
            else:
                by = self._grouping_fields()
        try:
            check_shift(compare, every)
        except ValueError as error:
            raise QueryError(str(error), at + 1) from None
        return Grouping(tuple(figures), by, every, compare)

    def _parts(self, *words: str, symbol: re.Pattern[str] | None = None) -> Iterator[str]:
        """Take these words in any order, each once; yield each, and the caller takes what follows it.

        symbol: begins another part, which is yielded as "" and is left to the caller.
        """
        left = list(words)
        while True:
            self._skip_space()
            if symbol is not None and symbol.match(self._text, self.at):
                symbol = None
                yield ""
            elif found := self._keyword(*left):
                left.remove(found)
                yield found
            else:
                return

    def _step(self, name: str) -> float:
        """Take a step of time; return its seconds. name: the word before it."""
        word = _WORD.match(self._text, self.at)
        try:
            found = parse_step(word[0] if word else "")
        except ValueError as error:
            raise self.wrong(f"{name}: {error}") from None
        assert word is not None
        self.at = word.end()
        self._skip_space()
        return found

    def _grouping_fields(self) -> tuple[str, ...]:
        """Take the fields behind `by`."""
        by = [self._field("by needs a field, such as by app")]
        while self._comma():
            by.append(self._field("there is no field behind the comma"))
        self._require_few(by, MOST_FIELDS, "fields")
        if "position" in by:
            raise self.wrong(EACH_POSITION)
        return tuple(dict.fromkeys(by))

    def _figure(self, function: str) -> Figure:
        if function == "count":
            return Figure(function)
        self._skip_space()
        needs_numbers = Figure(function, "f").kind.needs_numbers
        like, kind = ("ms", "a field with numbers") if needs_numbers else ("user", "a field")
        begin = self.at
        field = self._field(f"{function} needs {kind}, such as {function} {like}")
        figure = Figure(function, field)
        if field == "time" and figure.kind.needs_numbers:
            raise QueryError(f"time has no {function}; it has {listed(OF_TIME)}", begin + 1)
        if field == "position":
            raise QueryError(f"position has no {function}: each line has another", begin + 1)
        return figure

    def _require_few(self, found: Sequence[object], most: int, what: str) -> None:
        if len(found) > most:
            raise self.wrong(f"an answer may have {most} {what}; these are {len(found)}")

    def _take(self, pattern: re.Pattern[str], missing: str) -> str:
        """Take the text that `pattern` finds here. Raises QueryError with the sentence `missing`."""
        found = pattern.match(self._text, self.at)
        if found is None:
            raise self.wrong(missing)
        self.at = found.end()
        return found[0]

    def _field(self, missing: str) -> str:
        """Take a name of a field. Raises QueryError with the sentence `missing`."""
        found = read_field(self._text, self.at)
        if found is None or not found[0]:
            raise self.wrong(missing)
        name, self.at = found
        return name

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

    def _skip_space(self) -> None:
        self._take(SPACE, "")


def _nearest_percentile(word: str, known: Sequence[str]) -> str:
    """Return what to write for `median` or another percentile, such as `p90`; nothing for other words."""
    found = _PERCENTILE.fullmatch(word)
    if not found or not PERCENTILES.keys() <= {*known}:
        return ""
    part = float(f"0.{found[1] or 5}")
    return f"{min(PERCENTILES, key=lambda name: abs(PERCENTILES[name] - part))} FIELD"


_PART = re.compile(r"\\(?P<escaped>.)|<(?P<name>[A-Za-z_][A-Za-z0-9_]*)>|(?P<text>.)", re.DOTALL)
_SPECIAL = re.compile(r"[^A-Za-z0-9_\s]", re.ASCII)
SKIPPED = "_"
"""The name of a part that becomes no field."""


def expression_of_template(template: str) -> str:
    r"""Return the expression of a template.

    A part `<name>` takes as little as possible up to the text behind it; at the end it takes a word, up to
    white space. White space stands for any white space. `\<` is the character.
    Raises ValueError with a sentence.
    """
    found: list[str] = []
    names = 0
    was_name = ""
    parts = [*_PART.finditer(template)]
    for number, part in enumerate(parts):
        name = part["name"]
        if name is None:
            text = part["escaped"] or part["text"]
            if not text.isspace():
                found.append(_SPECIAL.sub(r"\\\g<0>", text) if text.isascii() else text)
            elif not found or found[-1] != r"\s+":
                found.append(r"\s+")
            was_name = ""
            continue
        if was_name:
            raise ValueError(
                f"nothing stands between <{was_name}> and <{name}>: where does one end?"
            )
        was_name = name
        taken = r"\S+" if number == len(parts) - 1 else ".+?"
        names += name != SKIPPED
        found.append(f"(?:{taken})" if name == SKIPPED else f"(?P<{name}>{taken})")
    if not names:
        raise ValueError(
            f'no <name> stands in "{one_line(template, 60)}"; write such as "took <ms> ms"'
        )
    return "".join(found)
