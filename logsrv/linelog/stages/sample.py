"""`sample 20`: so many of the lines, each with the same probability, in the order of the store.

Each line gets a random number, and the lines with the largest numbers are kept. So each process of a search
chooses among its own lines in bounded memory, and the best of all choices are a choice among all lines.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from heapq import merge, nlargest
from itertools import groupby
from random import random
from typing import TYPE_CHECKING

from logsrv.lazy_names import later_module
from logsrv.linelog.fields.stored_line import STAMP, TIME_LENGTH
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.stage import Completion, Stage
from logsrv.linelog.query.stage_words import StageWords
from logsrv.linelog.read.answer_kinds import MOST_ORDERED, LinesAnswer, OrderedLines

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows
    from logsrv.linelog.read.figures import chosen_lines
    from logsrv.linelog.read.hits import Hit
    from logsrv.linelog.read.search import Search
else:
    chosen_lines = later_module("logsrv.linelog.read.figures.chosen_lines")

_NUMBER = re.compile(r"[0-9]{1,5}(?![0-9])", re.ASCII)


class Sample(LinesAnswer):
    """Lines chosen at random, `number` of them."""

    number: int

    adjective = "sampled"

    @property
    def usual(self) -> int:
        return self.number

    def find(self, search: Search, extractions: Sequence[Extraction], most: int) -> OrderedLines:
        # The first ones of a larger sample would be old ones.
        found = chosen_lines.choose_lines(search, _RandomNumbers(), min(self.number, most))
        return OrderedLines(_as_stored(found.hits), (), found.lines)


class _RandomNumbers:
    """A random number for each line. A forked process has other ones than its parent."""

    # A field of the query is read by columns; for the numbers nothing is.
    columns: Collection[str] | None = ()
    # Parts are not remembered: asked again, the lines are others.
    identity = ""
    sign = 1

    def number_hits(self, hits: Sequence[Hit], most: int) -> chosen_lines.Numbered:
        return self._number(len(hits), most)

    def number_rows(self, rows: ColumnRows, most: int) -> chosen_lines.Numbered:
        return self._number(rows.lines, most)

    def _number(self, lines: int, most: int) -> chosen_lines.Numbered:
        numbers = [(random(), row) for row in range(lines)]  # noqa: S311  no secret
        return lines, [(row, number) for number, row in nlargest(most, numbers)]


def _as_stored(hits: Iterable[Hit]) -> list[Hit]:
    """Return lines in the order of their store; those of several stores merged by their times."""
    by_store = groupby(sorted(hits), key=lambda hit: hit.position.store)
    return [*merge(*[[*some] for _, some in by_store], key=_time)]


def _time(hit: Hit) -> bytes:
    return hit.line[:TIME_LENGTH] if STAMP.match(hit.line) else b""


def _sample(words: StageWords, _: str) -> Sample:
    missing = f"sample needs a number of lines, such as 20, {MOST_ORDERED:,} at most"
    begin = words.at
    number = int(words.take(_NUMBER, missing))
    if number > MOST_ORDERED:
        raise words.wrong(missing, begin)
    return Sample(number)


STAGE = Stage(
    ("sample",),
    "ordered",
    parse_answer=_sample,
    help=(("sample 20", "so many of the lines, chosen at random"),),
    examples=(("… | sample 20", "some of the lines, chosen at random"),),
    completion=Completion(takes="number"),
    order="Chosen at random:",
)
