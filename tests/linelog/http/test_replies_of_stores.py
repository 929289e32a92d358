"""Each endpoint says of a store with those of rules in it the same as of one store with all lines."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.replies import REPLIES
from logsrv.linelog.http.search_child import answer_request
from logsrv.linelog.read.all_stores import open_all_stores
from logsrv.linelog.read.restrict import restrict
from tests.leaks import killed
from tests.parts.search_orders import order_of, values_of
from tests.parts.stores import line, make_store

TRACE = [
    "app=web ERROR failed",
    "Traceback (most recent call last):",
    "ValueError: x",
    "app=web n=98 INFO well",
]
MAIN = [line(text, 4 * at + step / 8) for at in range(12) for step, text in enumerate(TRACE)]
# A sender's records are in one store, so each store has senders of its own here.
AUDIT = [
    line(f"app=sshd user={'ann' if at % 3 else 'bob'} n={at}", 4 * at + 2, "tcp:10.0.0.1:1")
    for at in range(12)
]
# At times of other lines.
WIDE = [
    line(f"app=wide n={at} level=error", 4 * at + 2 * (at % 2), "tcp:10.0.0.2:2") for at in range(6)
]


def ask(store: Path, name: str, query: str = "", only: str = "", **values: Any) -> bytes:
    asked = values_of(name, query) | values
    # The processes of a search end with its answer.
    with killed(), open_all_stores(str(store), pytest.fail) as view:
        restrict(view, only)
        return b"".join(REPLIES[name](view, asked))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with those of two rules in it."""
    top = make_store(tmp_path / "store", [MAIN[:20], MAIN[20:]])
    (top / "stores").mkdir()
    make_store(top / "stores" / "audit", [AUDIT[:5], AUDIT[5:]])
    make_store(top / "stores" / "fw", [WIDE])
    return top


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A store with all lines."""
    # Of equal times, in the order of the stores: the shorter name is first.
    every = [(text[:27], at, text) for at, of in enumerate((MAIN, WIDE, AUDIT)) for text in of]
    found = [text for _, _, text in sorted(every, key=lambda one: one[:2])]
    return make_store(tmp_path / "whole", [found[:30], found[30:]])


def documents(answer: bytes) -> list[dict[str, Any]]:
    return [json.loads(text) for text in answer.splitlines()]


def shown(answer: bytes) -> list[tuple[str, ...]]:
    """The lines of an answer, without their positions."""
    return [
        (one["time"], one["message"], one["level"], str("continues" in one), str("beyond" in one))
        for one in documents(answer)
    ]


@pytest.mark.parametrize("query", ["", "app=sshd", "level=error", "n<3", "ValueError", "nowhere"])
@pytest.mark.parametrize("join", ["0", "1"])
@pytest.mark.parametrize(
    "more", ["", "&reverse=1", "&limit=7", "&limit=9&newest=1", "&limit=7&reverse=1"]
)
def test_lines_are_those_of_one_store(store, whole, query, join, more):
    asked = f"q={query}&join={join}{more}"
    found, wanted = (shown(ask(one, "search", asked)) for one in (store, whole))
    if join == "1":
        # A record at an edge of the page may end in another place: between lines of other stores.
        found, wanted = ([one for one in of if one[-1] == "False"] for of in (found, wanted))
    assert found == wanted


@pytest.mark.parametrize("query", ["", "app=sshd", "level=error", "n<4", "ERROR ValueError"])
@pytest.mark.parametrize("join", ["0", "1"])
@pytest.mark.parametrize("size", [1, 4, 7])
def test_pages_have_each_line_once(store, query, join, size):
    every = documents(ask(store, "search", f"q={query}&join={join}"))
    positions = [one["position"] for one in every]
    assert len({*positions}) == len(positions) > (0 if join == "1" else -1)
    for way, end in (("&reverse=1", "before"), ("", "after")):
        found: list[str] = []
        while True:
            edge = f"&{end}={found[-1]}" if found else ""
            page = documents(ask(store, "search", f"q={query}&join={join}&limit={size}{way}{edge}"))
            asked = [one["position"] for one in page if not one.get("beyond")]
            found += asked
            if len(asked) < size:
                break
        assert found == (positions[::-1] if way else positions)


def test_pages_from_the_middle_have_all_other_lines(store):
    every = [one["position"] for one in documents(ask(store, "search", ""))]
    for at, position in enumerate(every):
        before, after = (
            [one["position"] for one in documents(ask(store, "search", f"{end}={position}"))]
            for end in ("before", "after")
        )
        assert (before, after) == (every[:at], every[at + 1 :])


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("histogram", "buckets=10"),
        ("histogram", "buckets=10&by=app"),
        ("top", "field=app"),
        ("table", "q=*+|+count+by+app"),
        ("table", "q=level=error+|+count+by+app&progress=1"),
        ("fields", ""),
        ("sources", ""),
        ("search", "q=*+|+sort+n&format=csv&columns=n"),
    ],
)
def test_figures_are_those_of_one_store(store, whole, name, query):
    query = query.replace("q=*+", "q=").replace("=+|", "=%7C").replace("|", "%7C")
    assert ask(store, name, query) == ask(whole, name, query)


def test_a_line_and_its_neighbours_are_of_its_store(store):
    (answer,) = documents(ask(store, "show", "position=audit/2:0&before=1&after=1"))
    assert [one["message"] for one in answer["lines"]] == [
        text.split(b" ", 2)[2][:-1].decode() for text in AUDIT[4:7]
    ]
    assert answer["lines"][1]["position"] == "audit/2:0"
    (answer,) = documents(ask(store, "record", "position=2:0"))
    assert "2:0" in [one["position"] for one in answer["lines"]]
    for nowhere in ("audit/9:0", "other/1:0", "9:0", "audit/1:1"):
        with pytest.raises(Problem, match=f"there is no line at {nowhere}"):
            ask(store, "show", f"position={nowhere}")


@pytest.fixture
def answers(store: Path) -> Iterator[Callable[..., bytes]]:
    """What a searching process answers a reader who sees only some lines."""

    def answer(name: str, query: str, only: str) -> bytes:
        sent: list[bytes] = []
        answer_request(
            order_of(store, name, values_of(name, query), only), sent.append, pytest.fail
        )
        assert sent[0] == b"200"
        return b"".join(sent[1:])

    with killed():
        yield answer


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("search", ""),
        ("search", "join=1"),
        ("search", "join=1&q=ann+OR+bob+OR+level=error"),
        ("search", "reverse=1&before=audit/2:0"),
        ("search", "after=1:0"),
        ("histogram", "by=user"),
        ("histogram", ""),
        ("top", "field=user"),
        ("table", "q=%7C+count+by+user"),
        ("patterns", ""),
        ("fields", ""),
        ("sources", ""),
    ],
)
@pytest.mark.parametrize(
    ("only", "canaries"),
    [
        ("app=web", b"sshd wide ann bob"),
        ("app=wide", b"sshd web ann bob Traceback"),
        ("user=bob", b"wide ann ERROR Traceback"),
    ],
)
def test_a_reader_of_some_lines_sees_no_other_in_any_store(answers, name, query, only, canaries):
    found = answers(name, query, only)
    assert not [one for one in canaries.split() if one in found]


def test_a_reader_of_some_lines_learns_no_time_of_others(answers):
    found = json.loads(answers("histogram", "", "user=bob"))
    assert found["since"] == AUDIT[0][:27].decode() and found["until"] == AUDIT[9][:27].decode()
    assert sum(one["count"] for one in found["buckets"]) == 4
    found = json.loads(answers("histogram", "", "app=nothing"))
    assert found["since"] is None
