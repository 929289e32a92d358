"""`sort time`: lines by their times, also with a clock set back, by text, columns and several stores."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.answer_kinds import OrderedLines
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stores_search import StoresSearch, StoresView
from logsrv.linelog.read.view import View
from logsrv.linelog.stages.sort import Sorting
from tests.parts.commands import logsrv
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.stores import add_columns, line, make_store, view_of

# The clock was set back between the second and the third.
SECONDS = [0, 10, 5, 20, 15, 30]


@pytest.fixture(scope="module", params=["text", "columns"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    every = [line(f'{{"n": {second}}}', second) for second in SECONDS]
    made = make_store(tmp_path_factory.mktemp("sort") / "logs", [every[:2], every[2:4], every[4:]])
    return add_columns(made) if request.param == "columns" else made


def ask(view: View, query: str, most: int) -> OrderedLines:
    asked = parse_question(query)
    assert isinstance(asked.answer, Sorting)
    kind = StoresSearch if isinstance(view, StoresView) else Search
    with (
        columns_for_few_frames(),
        closing(kind(view, make_matcher(asked.node), Scope(), processes=1)) as search,  # type: ignore[arg-type]
    ):
        return asked.answer.find(search, asked.extractions, most)


def numbers(found: OrderedLines) -> list[int]:
    return [json.loads(hit.line.split(b" ", 2)[2])["n"] for hit in found.hits]


@pytest.mark.parametrize(
    ("query", "most", "wanted"),
    [
        ("| sort time", 3, [30, 20, 15]),
        ("| sort time asc", 9, sorted(SECONDS)),
        ("n<20 | sort by time desc", 2, [15, 10]),
        # Such a field hides the line's own time.
        (r'| extract "n\": <n>}" | where n<20 | sort time', 2, [15, 10]),
    ],
)
def test_lines_are_sorted_by_their_times(store, query, most, wanted):
    with view_of(store) as view:
        found = ask(view, query, most)
    assert numbers(found) == wanted
    assert not found.members and not found.note


def test_lines_of_several_stores_are_sorted_together(tmp_path):
    names = [
        str(make_store(tmp_path / name, [[line(f'{{"n": {at}}}', at) for at in some]]))
        for name, some in (("a", [0, 30]), ("b", [10, 20]))
    ]

    def open_view(name: str) -> View:
        return View(name, pytest.fail, away=True)

    with StoresView(names, open_view, pytest.fail) as view:
        assert numbers(ask(view, "| sort time", 3)) == [30, 20, 10]


def test_a_line_without_a_time_is_not_among_them(tmp_path):
    store = make_store(tmp_path / "logs", [[line('{"n": 1}'), b"no time\n", line('{"n": 2}', 5)]])
    with view_of(store) as view:
        assert numbers(ask(view, "| sort time", 5)) == [2, 1]


def test_the_command_prints_them(store):
    done = logsrv("search", "--directory", str(store), "--output=raw", "| sort time | limit 2")
    assert done.stdout.splitlines() == [b'{"n": 30}', b'{"n": 20}']


@pytest.mark.parametrize(
    ("texts", "field", "unit"),
    [
        (["took=8.551s", "took=900ms"], "took", "s"),
        (["took=8.551", "took=1"], "took", "s"),
        (["wait=3ms", "wait=2s"], "wait", "s"),
        (["wait=3", "wait=2s"], "wait", None),
        (["took_ms=3", "took_ms=4"], "took_ms", "ms"),
        (["size=3kB"], "size", "B"),
        (["n=3"], "n", None),
    ],
)
def test_the_number_of_a_sorted_line_has_the_unit_of_its_field(tmp_path, texts, field, unit):
    made = make_store(
        tmp_path / "logs", [[line(f"level=info {one}", at) for at, one in enumerate(texts)]]
    )
    with view_of(made) as view:
        found = ask(view, f"| sort {field}", 9)
    assert [one.get("unit") for one in found.members] == [unit] * len(texts)
    assert all("number" in one for one in found.members)
