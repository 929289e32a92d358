"""A question is put to each source of answers in turn, and to the text where no other can answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.linelog.columns import OnlyTextTells
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.answers.asking import GroupAnswer
from logsrv.linelog.read.answers.sources import ColumnAnswers, TextAnswers
from logsrv.linelog.read.figures.aggregate import add_up
from logsrv.linelog.read.figures.groups import Groups, count_values
from logsrv.linelog.read.plan import ReadTask, Scope
from logsrv.linelog.read.remembered import RememberedParts
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.stages.figures import Figures
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.stores import add_columns, line, make_store, small_frames

LEVELS = ("info", "error")
LINES = [
    line(f'{{"level": "{LEVELS[number % 2]}", "app": "a{number % 3}"}}', number)
    for number in range(3000)
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One segment with frames and columns, and one line that is not sealed."""
    with small_frames(20_000):
        found = make_store(tmp_path_factory.mktemp("store") / "logs", [LINES, LINES[:1]])
        add_columns(found)
    return found


@pytest.fixture(autouse=True)
def few_frames() -> Iterator[None]:
    with columns_for_few_frames():
        yield


def search(
    store: Path,
    query: str,
    told: list[str],
    memory: RememberedParts | None = None,
    *,
    with_index: bool = True,
) -> Search:
    view = View(str(store), told.append)
    view.remembered = memory
    matcher = make_matcher(parse_question(query).node)
    return Search(view, matcher, Scope(), with_index=with_index, processes=1)


def ask(store: Path, query: str, memory: RememberedParts | None = None) -> tuple[object, Search]:
    """Answer a query by groups; return the counts, and the search with its statistics."""
    question = parse_question(query)
    assert isinstance(question.answer, Figures)
    asked = search(store, query, [], memory)
    found = sorted(add_up(asked, Groups(question.answer.grouping)).counts())
    asked.close()
    if memory is not None:
        for note in memory.take_notes():
            memory.keep(note)
    return found, asked


def test_the_index_is_asked_before_columns_and_columns_before_text(store):
    _, by_index = ask(store, "| count by level")
    assert (by_index.stats.groups, by_index.stats.frames) == (0, 1)
    assert by_index.stats.skipped_frames > 1
    _, by_columns = ask(store, "| count by app")
    assert (by_columns.stats.groups, by_columns.stats.frames) == (1, 1)
    found = search(store, "", [], with_index=False)
    count_values(found, "app")
    assert found.stats.groups == 0 and found.stats.frames > 1


def test_a_part_that_is_remembered_is_taken_before_columns_are_read(store, monkeypatch):
    memory = RememberedParts()
    first, _ = ask(store, "| count by app", memory)
    monkeypatch.setattr(ColumnAnswers, "rows", None)
    assert ask(store, "| count by app", memory)[0] == first


@pytest.mark.parametrize(
    ("fault", "sentences"),
    [(OnlyTextTells("a time"), 0), (ValueError("a wrong bit"), 1), (OSError(5, "I/O error"), 1)],
)
@pytest.mark.parametrize("by_frame", [False, True])
def test_where_columns_cannot_answer_the_text_is_asked(store, fault, sentences, by_frame):
    """Of a whole row group, also where a task has only one of its frames."""
    told: list[str] = []
    asked = search(store, "app=a1", told)
    failed: list[int] = []

    def of_columns(task: ReadTask) -> list[bytes]:
        if not failed:
            failed.append(task.group)
            raise fault
        return [b"%d" % asked.columns.rows(task).lines]

    def of_text(task: ReadTask) -> list[bytes]:
        return [b"%d" % asked.count_in_task(task)]

    columns = ColumnAnswers(asked, (), of_columns, by_frame=by_frame)
    found = [one for _, results in asked.ask((columns, TextAnswers(of_text))) for one in results]
    assert sum(map(int, found)) == 1000
    assert failed == [1] and len(told) == sentences
    assert not asked.view.damaged


@pytest.mark.parametrize(
    "answer",
    [
        GroupAnswer([]),
        GroupAnswer([b"", b"text", b"unusable"]),
        GroupAnswer(why="no such file"),
        GroupAnswer(why="b\udcff.parquet is damaged"),
        GroupAnswer(),
    ],
)
def test_the_answer_of_a_process_for_row_groups_is_what_arrives(answer):
    assert GroupAnswer.from_parts(answer.to_parts()) == answer


def test_a_task_that_a_process_could_not_do_is_done_by_the_text():
    assert GroupAnswer.from_parts([]) == GroupAnswer()
