"""Answers from columns: the same as from the text, for less; without usable columns the text is read."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.columns import groups, layout
from logsrv.linelog.columns.child_process import ColumnsProcess
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.answers import sources
from logsrv.linelog.read.answers.sources import ColumnAnswers, TextAnswers
from logsrv.linelog.read.figures.compared_groups import group
from logsrv.linelog.read.figures.grouping import Figure, Grouping
from logsrv.linelog.read.figures.groups import count_lines, count_values
from logsrv.linelog.read.figures.tallies import count_sources
from logsrv.linelog.read.figures.time_buckets import histogram
from logsrv.linelog.read.plan import ReadTask, Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stores_search import StoresSearch, StoresView
from logsrv.linelog.read.view import View
from logsrv.linelog.stages.sort import Sorting
from logsrv.linelog.steps.steps import Steps
from logsrv.linelog.store.index import segment_index
from logsrv.linelog.store.index.indexing import save_index
from logsrv.linelog.store.segment import Form, sealed_segments
from tests.parts.disks import at
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.stores import add_columns, line, make_store, small_frames, view_of

WORDS = ["order paid", "order late", "cart lost"]
MESSAGES = [
    f'{{"app": "{"shop" if number % 3 else "mail"}", "ms": {number % 70}.5, "n": {number},'
    f' "level": "{"info" if number % 5 else "error"}", "tags": ["a", "t{number % 2}"],'
    f' "text": "{WORDS[number % 3]}"}}'
    for number in range(3000)
]


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return [line(one, number, f"tcp:10.0.0.{number % 4}:1") for number, one in enumerate(MESSAGES)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> Path:
    """Two sealed segments with columns, and an active one."""
    directory = tmp_path_factory.mktemp("columns") / "logs"
    make_store(directory, [lines[:1400], lines[1400:2800], lines[2800:]])
    return add_columns(directory)


@pytest.fixture(autouse=True)
def _few_frames() -> Iterator[None]:
    with columns_for_few_frames():
        yield


def search(store: Path, query: str, scope: Scope = Scope(), **options: bool) -> Search:  # noqa: B008
    node = parse_question(query).node
    return Search(view_of(store), make_matcher(node), scope, processes=2, **options)


def answers(store: Path, query: str, scope: Scope, **options: bool) -> list[object]:
    """Every kind of answer to one query, figures and lines."""
    figures = (Figure("count"), Figure("sum", "n"), Figure("p95", "ms"))
    grouping = Grouping(figures, ("app", "tags"), Steps(300.0))

    def asked() -> Search:
        return search(store, query, scope, **options)

    return [
        count_lines(asked()),
        count_values(asked(), "tags"),
        histogram(asked(), Steps(60.0), levels=True),
        group(asked(), grouping, ()),
        Sorting("ms").find(asked(), (), 20),
        count_sources(asked()),
        list(asked().hits()),
        list(asked().hits(reverse=True)),
        b"".join(asked().render_frames(bytes)),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "", "app=shop", "NOT app=shop", "ms>30", "level>=error n<2000", "order app=mail", "lost OR n=7",
        "-order OR (tags=t1 late)", "position=2:0", "source:10.0.0.2", "n=1 OR n=2 OR n=2999", "nosuch=*",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "scope",
    [
        Scope(),
        Scope(since="2026-11-20T06:10:00.000000Z", until="2026-11-20T06:40:00.000000Z"),
        Scope(source="*:10.0.0.[13]:*"),
    ],
)
def test_every_answer_is_that_of_the_text(store, query, scope):
    assert answers(store, query, scope) == answers(store, query, scope, with_index=False)


@pytest.mark.slow
def test_columns_that_are_found_late_are_read_by_processes_that_began_before(tmp_path, lines):
    """The columns of the newest segments are made first."""
    with small_frames(1000):
        store = add_columns(make_store(tmp_path / "logs", [lines[:1400], lines[1400:], []]))
    min(store.glob("*.parquet")).unlink()
    asked = search(store, "app=shop")
    assert count_values(asked, "tags").total == 2000
    assert asked.stats.groups == 1
    assert answers(store, "app=shop", Scope()) == answers(
        store, "app=shop", Scope(), with_index=False
    )


@pytest.mark.slow
def test_of_frames_without_a_line_the_text_is_not_read(tmp_path, lines):
    rare = [line('{"app": "rare"}', number) for number in (700, 2100)]
    with small_frames(1000), patch.object(groups, "GROUP_LINES", 400):
        store = add_columns(
            make_store(tmp_path / "logs", [[*lines[:700], rare[0], *lines, rare[1]], []])
        )
    node = parse_question("app=rare").node
    asked = Search(view_of(store), make_matcher(node), Scope(), processes=1)
    with patch.object(asked, "task_texts", side_effect=asked.task_texts) as read:
        assert [hit.line + b"\n" for hit in asked.hits()] == rare
    assert read.call_count == 2


def test_the_statistics_say_what_came_from_columns(store):
    asked = search(store, "app=shop")
    assert count_lines(asked) == 2000
    assert asked.stats.groups == 2
    assert asked.stats.frames == 1
    assert "by columns:" in str(asked.stats)
    ignored = search(store, "app=shop", with_index=False)
    assert count_lines(ignored) == 2000
    assert "by columns:" not in str(ignored.stats)


def test_unusable_columns_are_told_of_once_and_the_text_is_read(tmp_path, lines):
    store = add_columns(make_store(tmp_path / "logs", [lines, []]))
    [columns] = store.glob("*.parquet")
    data = bytearray(columns.read_bytes())
    data[len(data) // 3] ^= 1
    columns.write_bytes(data)
    told: list[str] = []
    asked = Search(
        View(str(store), told.append), make_matcher(parse_question("app=shop").node), Scope()
    )
    assert count_values(asked, "n").total == 2000
    assert len(told) == 1
    assert told[0].startswith("the columns of segment 1 are not used: ")
    assert not asked.view.damaged


def test_columns_wait_silently_while_only_their_index_is_made_again(tmp_path, lines):
    """`logsrv reindex` replaces the index of a segment, and then its columns: nothing is wrong between."""
    store = add_columns(make_store(tmp_path / "logs", [lines, []]))
    disk = at(store)
    [packed] = [one for one in sealed_segments(disk) if one.form is Form.PACKED]
    save_index(segment_index.load(packed, disk)._replace(continuations=()), packed, disk)
    told: list[str] = []
    asked = Search(
        View(str(store), told.append), make_matcher(parse_question("app=shop").node), Scope()
    )
    assert count_values(asked, "n").total == 2000
    assert asked.stats.groups == 0 and told == []
    # It is said where somebody asks for damage, as a repair makes them again.
    process = ColumnsProcess(is_wanted_now=True)
    found = process.check(packed, disk)
    assert found.why == "these columns belong to another index of the segment"
    assert not found.is_outdated
    process.end()


def test_a_directory_instead_of_columns_is_called_one(tmp_path, lines):
    """Whoever reads that reindex makes them again would try it in vain."""
    store = add_columns(make_store(tmp_path / "logs", [lines, []]))
    [columns] = store.glob("*.parquet")
    columns.unlink()
    columns.mkdir()
    told: list[str] = []
    view = View(str(store), told.append)
    asked = Search(view, make_matcher(parse_question("app=shop").node), Scope())
    assert count_values(asked, "n").total == 2000
    assert told == [f"{columns} is not used: Is a directory"]


@pytest.mark.slow
def test_the_statistics_of_damaged_columns_are_those_of_the_text(tmp_path, lines):
    rare = line('{"app": "shop", "text": "zebra"}', 700)
    some = [*lines[:700], rare, *lines[700:1000], rare]
    with small_frames(3000), patch.object(groups, "GROUP_LINES", 400):
        store = add_columns(make_store(tmp_path / "logs", [some, []]))
    [columns] = store.glob("*.parquet")
    data = columns.read_bytes()
    footer = len(data) - layout.TAIL - int.from_bytes(data[-layout.TAIL : -4], "little")

    def count(query: str, since: str) -> tuple[object, str]:
        view = View(str(store), lambda _: None)
        asked = Search(view, make_matcher(parse_question(query).node), Scope(since))
        return count_values(asked, "n"), str(asked.stats)

    for query in ("app=shop", "zebra app=shop", "zebra", "NOT ms<5 order"):
        for since in ("", "2026-11-20T06:10:00Z"):
            columns.unlink(missing_ok=True)
            as_text = count(query, since)
            columns.write_bytes(data)
            assert "by columns" in count(query, since)[1]
            columns.write_bytes(bytes(footer) + data[footer:])
            assert count(query, since) == as_text, query


def test_of_several_stores_each_tells_of_its_own_unusable_columns(tmp_path, lines):
    told: list[str] = []
    for name in ("a", "b"):
        store = add_columns(make_store(tmp_path / name, [lines[:100], []]))
        [columns] = store.glob("*.parquet")
        columns.write_bytes(b"")

    def opened(name: str) -> View:
        return View(str(tmp_path / name), lambda sentence: told.append(f"{name}: {sentence}"))

    node = parse_question("app=shop").node
    with StoresView(("a", "b"), opened, told.append) as view:
        assert count_lines(StoresSearch(view, make_matcher(node), Scope())) == 132
    assert [one[:31] for one in told] == [
        "a: the columns of segment 1 are",
        "b: the columns of segment 1 are",
    ]


def test_columns_that_were_removed_after_the_plan_leave_the_text_to_be_read(tmp_path, lines):
    store = add_columns(make_store(tmp_path / "logs", [lines, []]))
    [columns] = store.glob("*.parquet")
    asked = search(store, "app=shop")
    planned: list[int] = []

    def work(task: ReadTask) -> list[bytes]:
        planned.append(task.group)
        columns.unlink(missing_ok=True)
        asked.close()
        return [
            b"%d" % (asked.columns.rows(task).lines if task.group else asked.count_in_task(task))
        ]

    found = [
        int(one)
        for _, results in asked.ask([ColumnAnswers(asked, (), work), TextAnswers(work)])
        for one in results
    ]
    assert sum(found) == 2000
    assert planned == [1, 0] and (asked.stats.groups, asked.stats.frames) == (0, 1)


def test_after_an_upgrade_the_text_is_read_without_a_complaint(tmp_path, lines, monkeypatch):
    store = add_columns(make_store(tmp_path / "logs", [lines, []]))
    monkeypatch.setattr(layout, "VERSIONS", [layout.FORMAT + 1, *layout.VERSIONS[1:]])
    asked = search(store, "app=shop")
    assert count_lines(asked) == 2000
    assert asked.stats.groups == 0


def test_a_time_that_no_clock_shows_is_read_from_the_text_without_a_complaint(tmp_path, lines):
    odd = lines[0].replace(b"2026-11-20", b"2026-13-20", 1)
    store = add_columns(make_store(tmp_path / "logs", [[*lines[:50], odd], []]))
    [last] = [one.last for one in count_sources(search(store, "")) if one.lines == 14]
    assert last.startswith("2026-13-20")


def test_columns_that_do_not_know_a_field_leave_its_questions_to_the_text(tmp_path):
    odd = [line(f'{{"k": "{number}", "id": "\\ud800{number}"}}', number) for number in range(50)]
    store = add_columns(make_store(tmp_path / "logs", [odd, []]))
    asked = search(store, "")
    assert count_values(asked, "id").total == 50
    assert asked.stats.groups == 0


def test_a_search_for_words_alone_loads_no_arrow(store):
    program = (
        "import sys; from logsrv.cli.main import main\n"
        f"main(['search', '-d', {str(store)!r}, '-c', 'order'])\n"
        "print({'numpy', 'pyarrow'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout.splitlines()[-1] == "set()", done.stderr


def test_little_text_is_read_as_fast_as_before(store, monkeypatch):
    monkeypatch.setattr(sources, "WITHOUT_COLUMNS", 100)
    asked = search(store, "app=shop")
    assert count_lines(asked) == 2000
    assert asked.stats.groups == 0


def test_sources_that_nearly_all_differ_are_told_by_the_text(tmp_path):
    """As those of datagrams, each from a new port. They have no values in the columns."""
    lines = [
        line(f'{{"n": {number % 3}}}', number, f"udp:10.0.0.{number % 7}:{20_000 + number}")
        for number in range(2500)
    ]
    made = add_columns(make_store(tmp_path / "logs", [lines, []]))
    of_host = search(made, "n=0", Scope(source="udp:10.0.0.3:*"))
    assert count_lines(of_host) == sum(
        number % 7 == 3 and number % 3 == 0 for number in range(2500)
    )
    assert count_lines(search(made, "source=*")) == 2500
    assert count_lines(search(made, "-source=*")) == 0
    assert len(count_sources(search(made, "n=0"))) == 834
    by_columns = search(made, "n=0 host=10.0.0.3")
    assert count_lines(by_columns) == count_lines(of_host) and by_columns.stats.groups
