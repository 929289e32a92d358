"""What is said about an answer that is made of two parts: it follows from both, however they are read."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.figures.group_table import Rows
from logsrv.linelog.read.figures.time_buckets import histogram_by
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.remembered import RememberedParts
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stores_search import StoresSearch, StoresView
from logsrv.linelog.read.view import View
from logsrv.linelog.stages.figures import Figures
from logsrv.linelog.steps.steps import Steps
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.stores import add_columns, line, make_store, view_of

MANY, FEW = range(100), (7,)
Ask = Callable[[Search], Rows]


def lines_of(values: "range | tuple[int, ...]", begin: int = 0) -> list[bytes]:
    return [line(f'{{"ms": {ms}}}', begin + at) for at, ms in enumerate(values)]


def question(query: str) -> Ask:
    asked = parse_question(query)
    answer = asked.answer
    assert isinstance(answer, Figures)
    return lambda search: answer.rows(search, asked.extractions)


def ask_view(view: View, ask: Ask, make: type[Search] = Search) -> Rows:
    with closing(make(view, make_matcher(parse_question("").node), Scope(), processes=1)) as one:
        return ask(one)


def of_text(directory: Path, first: list[bytes], second: list[bytes], ask: Ask) -> Rows:
    """Of a sealed segment and the active one."""
    with view_of(make_store(directory / "logs", [first, second])) as view:
        return ask_view(view, ask)


def of_columns_and_text(directory: Path, first: list[bytes], second: list[bytes], ask: Ask) -> Rows:
    with view_of(add_columns(make_store(directory / "logs", [first, second]))) as view:
        return ask_view(view, ask)


def of_remembered_and_new(
    directory: Path, first: list[bytes], second: list[bytes], ask: Ask
) -> Rows:
    store, memory = make_store(directory / "logs", [first, []]), RememberedParts()
    for more in ([], second):
        (store / "current.log").write_bytes(b"".join(more))
        with view_of(store) as view:
            view.remembered = memory
            found = ask_view(view, ask)
        for note in memory.take_notes():
            memory.keep(note)
    return found


def of_two_stores(directory: Path, first: list[bytes], second: list[bytes], ask: Ask) -> Rows:
    stores = {
        name: make_store(directory / name, [part]) for name, part in (("a", first), ("b", second))
    }
    with StoresView(list(stores), lambda name: view_of(stores[name]), pytest.fail) as view:
        return ask_view(view, ask, StoresSearch)


WAYS = pytest.mark.parametrize(
    "read", [of_text, of_columns_and_text, of_remembered_and_new, of_two_stores]
)


@pytest.fixture(autouse=True)
def _few_frames() -> Iterator[None]:
    with columns_for_few_frames():
        yield


@WAYS
@pytest.mark.parametrize("bound", ["none", "first", "second", "both"])
@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("| p50 ms", "groups.MOST_NUMBERS"),
        ("| count by ms", "frequent_keys.MOST_KEYS"),
        ("| count_distinct ms", "kept_values.MOST_DISTINCT"),
    ],
)
def test_a_bound_that_one_part_reaches_is_told_of_the_whole(
    tmp_path, monkeypatch, read, bound, query, most
):
    first = lines_of(MANY if bound in ("first", "both") else FEW)
    second = lines_of(MANY if bound in ("second", "both") else FEW, 1000)
    monkeypatch.setattr(f"logsrv.linelog.read.figures.{most}", 10)
    found = read(tmp_path, first, second, question(query))
    estimates = {
        "groups.MOST_NUMBERS": not found.exact,
        "frequent_keys.MOST_KEYS": bool(found.missed and found.left_out),
        "kept_values.MOST_DISTINCT": bool(found.at_least),
    }
    assert [one for one, is_told in estimates.items() if is_told] == [most] * (bound != "none")
    assert found.lines == len(first) + len(second)


@WAYS
def test_two_parts_that_reach_a_bound_only_together_tell_of_it(tmp_path, monkeypatch, read):
    monkeypatch.setattr("logsrv.linelog.read.figures.frequent_keys.MOST_KEYS", 10)
    first, second = lines_of(range(15)), lines_of(range(15, 30), 1000)
    found = read(tmp_path, first, second, question("| count by ms"))
    assert found.missed == 1
    assert found.left_out == found.lines - sum(int(str(count)) for _, count in found.rows) > 0


@WAYS
@pytest.mark.parametrize("first_has", [True, False])
def test_a_field_that_one_part_has_is_not_told_to_be_missing(tmp_path, read, first_has):
    having, lacking = lines_of(FEW), [line("plain", 2000)]
    parts = (having, lacking) if first_has else (lacking, having)
    found = read(tmp_path, *parts, question("| p50 ms"))
    assert (found.without, found.absent) == ((), ())
    (tmp_path / "neither").mkdir()
    neither = read(tmp_path / "neither", lacking, lacking, question("| p50 ms"))
    assert neither.without == ("ms",)


@pytest.mark.parametrize("most", [10, 1000])
def test_bars_by_value_tell_how_much_they_may_lack(tmp_path, monkeypatch, most):
    monkeypatch.setattr("logsrv.linelog.read.figures.frequent_keys.MOST_KEYS", most)
    with view_of(make_store(tmp_path / "logs", [lines_of(MANY), lines_of(FEW, 1000)])) as view:
        search = Search(view, make_matcher(parse_question("").node), Scope(), processes=1)
        with closing(search):
            bars, by_step, missed = histogram_by(search, Steps(86400.0), "ms")
    [bar], [counts] = bars, by_step.values()
    assert bar.lines == 101
    assert missed == (1 if most == 10 else 0)
    assert counts.total() == 101 if most == 1000 else counts.total() < 101
