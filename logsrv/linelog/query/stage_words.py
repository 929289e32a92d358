"""Reads the words of one stage of a query: the tools of which each stage makes its grammar.

Each method takes what stands at the offset `at`, and moves it behind that. What a stage is, says
`stage.py`; which words it has, says its module in `linelog/stages`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import did_you_mean, listed
from logsrv.linelog.query.field_names import EACH_POSITION, field_as_written, read_field
from logsrv.linelog.query.parse import PIPE, SPACE, ExtractedNames, parse_brackets, parse_filter
from logsrv.linelog.query.question import Column, Node
from logsrv.linelog.query.times import parse_step, parse_steps
from logsrv.linelog.steps.steps import Steps

MOST_FIELDS = 10
"""Fields by which an answer is grouped."""

_WORD = re.compile(r"[^\s,]+")
_UNTIL_ORDER = re.compile(r"[^\s,<>]+")
_WORD_OR_COMMA = re.compile(r"[^\s,]+|,")
_COMMA = re.compile(r"\s*,\s*")
Parsed = TypeVar("Parsed")


class StageWords:
    """The words of a stage of the query `text`, from the offset `at` on. begin: of the first one.

    extracted: the names that the query has given so far.
    """

    def __init__(self, text: str, at: int, extracted: ExtractedNames) -> None:
        self.text = text
        self.extracted = extracted
        self.at = at
        self.skip_space()
        self.begin = self.at

    def wrong(self, sentence: str, at: int | None = None) -> QueryError:
        """Return the error at an offset; None for where the reading has come to."""
        return QueryError(sentence, min(self.at if at is None else at, len(self.text)) + 1)

    def end(self) -> int:
        """Return the offset of the `|` behind this stage, or of the end. Raises QueryError for words."""
        self.skip_space()
        if self.at < len(self.text) and not PIPE.match(self.text, self.at):
            word = _WORD_OR_COMMA.match(self.text, self.at)
            assert word is not None
            raise self.one_too_many(word[0])
        return self.at

    def one_too_many(self, word: str) -> QueryError:
        return self.wrong(f"{one_line(word, 60)} is one word too many here")

    def filter(self) -> Node:
        """Take a filter. Raises QueryError."""
        node, self.at = parse_filter(self.text, self.at, self.extracted)
        return node

    def filter_in_brackets(self, missing: str) -> Node:
        """Take a filter in brackets. Raises QueryError, with the sentence `missing` if there is none."""
        if not self.text.startswith("(", self.at):
            raise self.wrong(missing)
        node, self.at = parse_brackets(self.text, self.at, self.extracted)
        self.skip_space()
        return node

    def parts(self, *words: str, symbol: re.Pattern[str] | None = None) -> Iterator[str]:
        """Take these words in any order, each once; yield each, and the caller takes what follows it.

        symbol: begins another part, which is yielded as "" and is left to the caller.
        """
        left = list(words)
        while True:
            self.skip_space()
            if symbol is not None and symbol.match(self.text, self.at):
                symbol = None
                yield ""
            elif found := self.keyword(*left):
                left.remove(found)
                yield found
            else:
                return

    def step(self, name: str) -> float:
        """Take a step of time; return its seconds. name: the word before it."""
        return self._step(name, parse_step)

    def steps(self, name: str) -> Steps:
        """Take the length of steps by which rows are parted. name: the word before it."""
        return self._step(name, parse_steps)

    def _step(self, name: str, parse: Callable[[str], Parsed]) -> Parsed:
        word = _WORD.match(self.text, self.at)
        try:
            found = parse(word[0] if word else "")
        except ValueError as error:
            raise self.wrong(f"{name}: {error}") from None
        assert word is not None
        self.at = word.end()
        self.skip_space()
        return found

    def step_if_any(self, usual: float) -> float:
        """Take a step of time if one stands here; return its seconds, or the usual ones."""
        word = _UNTIL_ORDER.match(self.text, self.at)
        try:
            found = parse_step(word[0] if word else "")
        except ValueError:
            return usual
        assert word is not None
        self.at = word.end()
        self.skip_space()
        return found

    def grouping_fields(self) -> tuple[str, ...]:
        """Take the fields behind `by`."""
        by = [self.field("by needs a field, such as by app")]
        while self.comma():
            by.append(self.field("a field is missing after the comma"))
        self.require_few(by, MOST_FIELDS, "fields")
        if "position" in by:
            raise self.wrong(EACH_POSITION)
        return tuple(dict.fromkeys(by))

    def require_few(self, found: Sequence[object], most: int, what: str) -> None:
        if len(found) > most:
            raise self.wrong(f"an answer may have {most} {what}; these are {len(found)}")

    def take(self, pattern: re.Pattern[str], missing: str) -> str:
        """Take the text that `pattern` finds here. Raises QueryError with the sentence `missing`."""
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self.wrong(missing)
        self.at = found.end()
        return found[0]

    def read(self, parse: Callable[[str, int], tuple[Parsed, int]]) -> Parsed:
        """Take what a function reads: it returns the value, and the offset behind it."""
        found, self.at = parse(self.text, self.at)
        return found

    def field(self, missing: str) -> str:
        """Take a name of a field. Raises QueryError with the sentence `missing`."""
        found = read_field(self.text, self.at)
        if found is None or not found[0]:
            raise self.wrong(missing)
        name, self.at = found
        return name

    def keyword(self, *words: str) -> str:
        """Take one of these words if it stands here; return it, or the empty text."""
        found = _WORD.match(self.text, self.at)
        if found is None or found[0] not in words:
            return ""
        self.at = found.end()
        self.skip_space()
        return found[0]

    def comma(self) -> bool:
        """Take a comma if one stands here, with spaces around it."""
        found = _COMMA.match(self.text, self.at)
        if found is None:
            return False
        self.at = found.end()
        return True

    def skip_space(self) -> None:
        self.take(SPACE, "")


def find_column(name: str, columns: Sequence[Column], at: int) -> Column:
    """Return the column that `name` means, at offset `at` of a query. Raises QueryError."""
    named = [one for one in columns if one.name == name]
    found = named or [one for one in columns if one.field == name]
    if len(found) == 1:
        return found[0]
    shown = one_line(field_as_written(name), 60)
    if found:
        each = [one_line(field_as_written(one.name), 60) for one in found]
        raise QueryError(f"{shown} may be each of {listed(each)}", at + 1)
    names = [one_line(field_as_written(one.name), 60) for one in columns]
    hint = did_you_mean(shown, names) or f"; these are: {listed(names)}"
    raise QueryError(f"{shown} is no column of these figures{hint}", at + 1)
