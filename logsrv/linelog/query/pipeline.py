"""Reads a query with its stages: the filter, then what stands behind each `|`.

    question = filter { "|" stage of lines } [ "|" answer { "|" stage of rows } ] [ "|" limit ]

The modules in `linelog/stages` say which stages there are, and what each of them reads. Stages of lines are
`extract` and `where`. Behind an answer that is a table, stages of its rows may stand; behind `sort`, stages
of lines mean the same as before it.

A `|` stands alone, between spaces; anywhere else it is a character of a word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from logsrv.errors import QueryError
from logsrv.lazy_names import later_module
from logsrv.linelog.query.parse import ExtractedNames, LineConditions, parse_filter
from logsrv.linelog.query.question import Column, Question, RowStage, StageAnswer

if TYPE_CHECKING:
    from logsrv.linelog.query import stage, stage_words
    from logsrv.linelog.query.stage import Stage
    from logsrv.linelog.query.stage_words import StageWords
else:
    # Most queries have no stage, and a search for lines starts 2 % sooner without them.
    stage = later_module("logsrv.linelog.query.stage")
    stage_words = later_module("logsrv.linelog.query.stage_words")

MOST_STAGES = 20
_ONLY_LIMIT = "only limit may follow an answer, at the end"


def parse_question(text: str, extracted: ExtractedNames | None = None) -> Question:
    """Return the query `text` with its stages. extracted: notes its names. Raises QueryError."""
    stages = LineStages(text, extracted)
    if stages.end == len(text):
        return Question(stages.lines.node, stages.lines.extractions)
    answer: StageAnswer | None = None
    limit: int | None = None
    row_stages: list[RowStage] = []
    columns: Sequence[Column] = ()
    for name, stage, words in stages.others():
        assert stage is not None
        if limit is not None or (answer and not answer.columns and stage.parse_limit is None):
            raise QueryError(_ONLY_LIMIT, words.begin + 1)
        if stage.parse_limit is not None:
            limit = stage.parse_limit(words)
        elif answer is None:
            if stage.parse_answer is None:
                raise QueryError(f"{name} needs figures before it: {stage.needs}", words.begin + 1)
            answer = stage.parse_answer(words, name)
            columns = answer.columns
        elif stage.parse_rows is None:
            raise QueryError(_only_of_rows(), words.begin + 1)
        else:
            row_stages.append(stage.parse_rows(words, columns))
            columns = row_stages[-1].columns_behind(columns)
    return Question(stages.lines.node, stages.lines.extractions, answer, limit, tuple(row_stages))


def _only_of_rows() -> str:
    names = [name for one in stage.all_stages() if one.parse_rows for name in one.names]
    return f"only {', '.join(sorted(names))} and, at the end, limit may follow figures"


def parse_lines(text: str, what: str) -> Question:
    """Return a query whose answer is lines. Raises QueryError, also for one with another answer.

    what: the thing that takes only lines, for the error's sentence: `an alert`.
    """
    found = parse_question(text)
    if found.answer is not None and found.answer.elsewhere:
        raise QueryError(f"{what} takes lines, and {found.answer.elsewhere}", text.rindex("|") + 1)
    if found.answer is not None or found.limit is not None:
        raise QueryError(
            f"{what} takes lines as they come: after | there may be only extract and where, and no figures",
            text.rindex("|") + 1,
        )
    return found


class LineStages:
    """A query's filter and its stages of lines, as far as they are read.

    lines: their conditions. filter_end, end: the offsets behind the filter and behind these stages.
    """

    def __init__(self, text: str, extracted: ExtractedNames | None = None) -> None:
        """Read the filter. Raises QueryError."""
        self._text = text
        self.lines = LineConditions(extracted)
        node, self.filter_end = parse_filter(text, 0, self.lines.extracted)
        self.lines.add(node)
        self.end = self.filter_end

    def others(
        self, known: Collection[str] | None = None
    ) -> Iterator[tuple[str, Stage | None, StageWords]]:
        """Read all stages; yield the name, the stage and the words of each other one.

        The caller takes these words. known: the names that may stand here, some maybe of no stage; None for
        those of all stages. Raises QueryError.
        """
        at, is_closed = self.end, False
        for number in range(MOST_STAGES + 1):
            if at >= len(self._text):
                return
            if number == MOST_STAGES:
                raise QueryError(f"a query may have {MOST_STAGES} stages; this is one more", at + 1)
            words = stage_words.StageWords(self._text, at + 1, self.lines.extracted)
            name = stage.take_name(words, known)
            found = stage.find_stage(name)
            if is_closed or found is None or found.parse_filter is None:
                is_closed = is_closed or found is None or not found.filters_behind
                yield name, found, words
                at = words.end()
            else:
                found.parse_filter(words, self.lines)
                at = self.end = words.end()
