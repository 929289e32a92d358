"""`sample`: lines at random, each with the same probability, by text and by columns, wherever asked."""

import json
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.replies import REPLIES
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_lines, parse_question
from logsrv.linelog.read.answer_kinds import OrderedLines
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stores_search import StoresSearch, StoresView
from logsrv.linelog.stages.sample import Sample
from tests.leaks import killed
from tests.parts.commands import logsrv
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.search_orders import values_of
from tests.parts.stores import add_columns, lines, make_store, view_of

MESSAGES = [f'{{"n": {number}, "even": {number % 2 ^ 1}}}' for number in range(60)]


@pytest.fixture(scope="module", params=["text", "columns"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sealed segments and an active one, of which each line has its number."""
    every = lines(MESSAGES)
    made = make_store(
        tmp_path_factory.mktemp("sample") / "logs", [every[:25], every[25:50], every[50:]]
    )
    return add_columns(made) if request.param == "columns" else made


def sample(store: Path, query: str, most: int = 1000) -> OrderedLines:
    asked = parse_question(query)
    assert isinstance(asked.answer, Sample)
    with (
        columns_for_few_frames(),
        view_of(store) as view,
        closing(Search(view, make_matcher(asked.node), Scope(), processes=1)) as search,
    ):
        return asked.answer.find(search, asked.extractions, most)


def numbers(found: OrderedLines) -> list[int]:
    return [json.loads(hit.line.split(b" ", 2)[2])["n"] for hit in found.hits]


def test_a_sample_has_so_many_matching_lines_in_the_order_of_the_store(store):
    found = sample(store, "even=1 | sample 12")
    assert numbers(found) == sorted(set(numbers(found))) and len(found.hits) == 12
    assert all(number % 2 == 0 for number in numbers(found))
    assert found.found == 30
    assert numbers(sample(store, "even=1 | sample 40")) == [*range(0, 60, 2)]
    assert sample(store, "nothing | sample 5").hits == []
    assert len(sample(store, "| sample 5", 3).hits) == 3


def test_a_sample_of_a_field_reads_columns_and_the_text_of_its_lines(tmp_path):
    every = lines(MESSAGES)
    made = add_columns(make_store(tmp_path / "logs", [every[:30], every[30:], []]))
    matcher = make_matcher(parse_question("even=1").node)
    with (
        columns_for_few_frames(),
        view_of(made) as view,
        closing(Search(view, matcher, Scope(), processes=1)) as search,
    ):
        assert len(Sample(5).find(search, (), 5).hits) == 5
        assert (search.stats.groups, search.stats.frames) == (2, 0)


@pytest.mark.slow
def test_each_line_is_chosen_with_the_same_probability(store):
    """Each of 30 lines 100 times of 300 on average: a number so far from that comes once in 10^9 tests."""
    chosen: Counter[int] = Counter()
    for _ in range(300):
        chosen.update(numbers(sample(store, "even=1 | sample 10")))
    assert sum(chosen.values()) == 3000 and len(chosen) == 30
    assert 45 < min(chosen.values()) <= 100 <= max(chosen.values()) < 160


def test_lines_of_several_stores_are_merged_by_their_times(tmp_path):
    for name, begin in (("a", 0), ("b", 0.5)):
        every = lines(map(str, range(20)), begin)
        make_store(tmp_path / name, [every[:10], every[10:]])
    names = [str(tmp_path / name) for name in "ab"]
    with (
        StoresView(names, lambda name: view_of(Path(name)), pytest.fail) as view,
        closing(StoresSearch(view, make_matcher(parse_question("").node), Scope())) as search,
    ):
        times = [hit.line[:27] for hit in Sample(30).find(search, (), 30).hits]
    assert len(times) == 30 and times == sorted(times)


def test_the_api_answers_a_sample(store):
    values = values_of("search", "q=%7C+sample+7&limit=100")
    with killed(), view_of(store) as view:
        found = [json.loads(one) for one in b"".join(REPLIES["search"](view, values)).splitlines()]
        times = [one["time"] for one in found]
        assert len(times) == 7 and times == sorted(set(times))
        with pytest.raises(Problem, match="sampled lines cannot be chosen by position"):
            b"".join(REPLIES["search"](view, values | {"reverse": True}))


def test_a_terminal_shows_all_of_a_sample(store):
    def shown(*words: str) -> int:
        done = logsrv("search", "--directory", str(store), *words)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.count(b"\n")

    assert shown("| sample 15") == 15
    assert shown("| sample 15", "-n", "4") == 4
    assert shown("| sample 15 | limit 3") == 3


@pytest.mark.parametrize(
    ("query", "at", "sentence"),
    [
        ("a | sample", 11, "sample needs a number of lines, such as 20, 10,000 at most"),
        ("a | sample ms", 12, "sample needs a number of lines"),
        ("a | sample 10001", 12, "10,000 at most"),
        ("a | sample 5 6", 14, "6 is one word too many"),
        ("a | sample 5 | where b", 16, "only limit may follow an answer"),
        ("a | count | sample 5", 13, "only let, sort, where and, at the end, limit"),
    ],
)
def test_what_is_wrong_with_a_sample(query, at, sentence):
    with pytest.raises(QueryError) as error:
        parse_question(query)
    assert sentence in error.value.sentence and error.value.at == at


def test_a_sample_is_refused_where_lines_are_taken_as_they_come():
    for what in ("a live view", "logsrv tail"):
        with pytest.raises(QueryError, match=f"{what} takes lines as they come"):
            parse_lines("a | sample 5", what)
    with pytest.raises(QueryError, match="sample is no stage of a query"):
        parse_alert("a | sample 5")
