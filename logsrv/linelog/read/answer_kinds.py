"""The kinds of answers other than lines as they come. Terminal, API and page know these.

They know no stage, but for three: options such as `--sort` make a stage (commands/search_command.py),
/api/patterns asks for patterns, and an alert's condition has the words of figures (alerts/grammar.py).

A stage (`linelog/stages`) makes an object of one of these kinds. It imports its machine when an answer is
asked for: a server checks queries, and answers them in another process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from logsrv.linelog.query.question import Cell, Extraction, Question, RowStage, StageAnswer

if TYPE_CHECKING:
    from logsrv.linelog.read.figures.group_table import Rows
    from logsrv.linelog.read.hits import Hit
    from logsrv.linelog.read.search import Search
    from logsrv.linelog.steps.steps import Steps

MOST_ORDERED = 10_000
"""Lines of an answer in an order of its own."""


class OrderedLines(NamedTuple):
    """The lines in their order. members: what each has in JSON besides; empty for nothing.

    found: how many lines there were to choose from. note: a sentence on what is missing, or "".
    """

    hits: Sequence[Hit]
    members: Sequence[Mapping[str, Any]]
    found: int
    note: str = ""


class LinesAnswer(StageAnswer):
    """Lines in an order of their own: all at once, and none of them is the newest.

    adjective: of such lines.
    """

    is_lines = True
    adjective = ""

    @property
    def usual(self) -> int:
        """The number of them in a terminal unless another one is asked for."""
        return 10

    def find(self, search: Search, extractions: Sequence[Extraction], most: int) -> OrderedLines:
        """Return at most `most` lines, which is no more than MOST_ORDERED."""
        raise NotImplementedError


class TableAnswer(StageAnswer):
    """A table with `columns`, of rows for groups of lines.

    by: the fields that make the groups. every: the steps of time by which they are parted, too.
    """

    @property
    def by(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def every(self) -> Steps | None:
        raise NotImplementedError

    def rows(
        self, search: Search, extractions: Sequence[Extraction], most: int | None = None
    ) -> Rows:
        """Return the rows of the lines that a search finds.

        most: of more rows over time, only those of the groups with most lines. Raises QueryError.
        """
        raise NotImplementedError

    def as_text(self, found: Rows) -> Rows:
        """Return these rows as people read them."""
        raise NotImplementedError

    def in_steps(self, steps: Steps) -> TableAnswer:
        """Return the same table by steps of time."""
        raise NotImplementedError

    def for_reader(self, search: Search, zone: str) -> TableAnswer:
        """Return the same table by steps in the time of a zone, which have a length.

        zone: "" for UTC. Raises ValueError with a sentence for an unknown one.
        """
        raise NotImplementedError


class Looks(NamedTuple):
    """The looks of a list in a terminal. output: `text` for people, `csv`, `json`.

    local: show local times. utc: read times without a zone as UTC.
    """

    output: str = "text"
    local: bool = False
    utc: bool = False


class ListBeside(StageAnswer):
    """A list beside the lines. Alone it is a table.

    Over HTTP it has an endpoint of its own, which knows its stage: `/api/patterns` the one of `patterns`.
    """

    def listed(
        self, search: Search, asked: Question, looks: Looks
    ) -> tuple[Sequence[str], list[tuple[Cell, ...]], list[str]]:
        """Return columns, rows, and sentences on what is left out. Raises UsageError."""
        raise NotImplementedError


def after_stages(
    found: Rows, answer: StageAnswer, stages: Sequence[RowStage], *, utc: bool = False
) -> Rows:
    """Return the rows of a table after stages. utc: whether times without a zone in these are UTC."""
    rows = found.rows
    columns = [
        one._replace(unit=unit) for one, unit in zip(answer.columns, found.units, strict=True)
    ]
    for one in stages:
        rows = one.apply(rows, columns, utc=utc)
        columns = [*one.columns_behind(columns)]
    names, kinds, units = zip(*((one.name, one.kind, one.unit) for one in columns), strict=True)
    units = tuple(one or None for one in units)
    return found._replace(rows=rows, columns=names, kinds=kinds, units=units)
