"""Several nodes as one: what comes is what one store of all lines would give, by time."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import closing
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from logsrv.linelog.http.nodes import gather
from logsrv.linelog.http.nodes.answer import NodeLine, time_of
from logsrv.linelog.http.nodes.client import NodeQuestion, Room, TooMany
from logsrv.linelog.http.nodes.gather import NodeSearch
from logsrv.linelog.http.nodes.spans import EARLIEST, LATEST, TimeSpan
from tests.linelog.http.nodes.samples import BEGIN, ListedNode, node_line

EVERYTHING = TimeSpan(EARLIEST, LATEST)
LINES = st.builds(
    node_line,
    st.one_of(st.integers(BEGIN, BEGIN + 5), st.integers(BEGIN, BEGIN + 10**9)),
    st.sampled_from("ab"),
)


def gathering(
    nodes: list[ListedNode], said: list[str], most: int, *, reverse: bool = False
) -> NodeSearch:
    return NodeSearch(
        nodes,
        NodeQuestion("", reverse=reverse),
        EVERYTHING,
        lambda name, sentence: said.append(f"{name}: {sentence}"),
        now=BEGIN,
        room=Room(most, 10**6),
    )


@given(st.lists(st.lists(LINES, max_size=20), min_size=1, max_size=3), st.booleans())
def test_lines_are_those_of_all_by_time(stores: list[list[NodeLine]], reverse: bool) -> None:
    said: list[str] = []
    nodes = [ListedNode(store) for store in stores]
    with closing(gathering(nodes, said, 4, reverse=reverse)) as asked:
        found = [one for lines in asked.spans() for one in lines]
    most: Counter[bytes] = Counter()
    for store in stores:
        most |= Counter(one.line for one in store)
    assert Counter(one.line for one in found) == most
    moments = [one.moment for one in found]
    assert moments == sorted(moments, reverse=reverse)
    assert not said and asked.is_whole and all(node.stopped for node in nodes)


def test_no_answer_is_larger_than_its_room() -> None:
    nodes = [ListedNode([node_line(BEGIN + number, "x") for number in range(3000)])]
    with closing(gathering(nodes, [], 100)) as asked:
        assert sum(len(lines) for lines in asked.spans()) == 3000
    assert nodes[0].largest <= 100


def test_a_node_that_fails_is_named_and_the_others_go_on() -> None:
    said: list[str] = []
    stored = [node_line(BEGIN + number, "x") for number in range(300)]
    nodes = [ListedNode(stored), ListedNode([], fails_after=0), ListedNode(stored, fails_after=4)]
    with closing(gathering(nodes, said, 100)) as asked:
        found = [one for lines in asked.spans() for one in lines]
    assert len(found) == 300 and asked.failed == {1, 2}
    whole, later = said
    assert whole.endswith("it cannot be reached: no route to host; its lines are missing")
    assert "; its lines from 2025-" in later and later.endswith(" on are missing")


def test_when_all_have_failed_it_is_over() -> None:
    said: list[str] = []
    with closing(gathering([ListedNode([], fails_after=0)], said, 100)) as asked:
        assert [lines for lines in asked.spans() if lines] == [] and len(said) == 1
        assert asked.times() == ("", "")


def test_times_are_those_of_all() -> None:
    nodes = [ListedNode([node_line(BEGIN + 5, "x")]), ListedNode([node_line(BEGIN, "x")])]
    with closing(gathering(nodes, [], 100)) as asked:
        assert asked.times() == (time_of(BEGIN), time_of(BEGIN + 5))


def test_few_lines_are_asked_for_where_few_are_wanted() -> None:
    nodes = [ListedNode([node_line(BEGIN + number, "x") for number in range(30_000)])]
    with closing(
        NodeSearch(
            nodes, NodeQuestion("", reverse=True), EVERYTHING, print, now=BEGIN + 10**6, most=10
        )
    ) as asked:
        newest = next(lines for lines in asked.spans() if lines)
    assert newest[0].moment == BEGIN + 29_999 and nodes[0].largest <= 1000


def test_more_lines_of_a_moment_than_fit_are_told_and_the_rest_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gather, "ROOM_OF_A_MOMENT", Room(150, 10**6))
    said: list[str] = []
    stored = [
        node_line(BEGIN, "before"),
        *[node_line(BEGIN + 7, "x")] * 200,
        node_line(BEGIN + 9, "y"),
    ]
    others = [node_line(BEGIN + 7, "x")] * 120
    with closing(gathering([ListedNode(stored), ListedNode(others)], said, 100)) as asked:
        found = [one.line.split()[-1] for lines in asked.spans() for one in lines]
    assert found == [b"before", *[b"x"] * 120, b"y"]
    assert said == [f"localhost:1: it has too many lines of {time_of(BEGIN + 7)}: they are missing"]
    assert not asked.is_whole and not asked.failed


def test_many_nodes_share_the_room_of_all() -> None:
    stored = [node_line(BEGIN + number, "x") for number in range(5000)]
    nodes = [ListedNode(stored) for _ in range(32)]
    with closing(NodeSearch(nodes, NodeQuestion(""), EVERYTHING, print, now=BEGIN)) as asked:
        assert sum(len(lines) for lines in asked.spans()) == 5000
    assert max(node.largest for node in nodes) <= 100_000 // 32


def hurried(nodes: list[ListedNode], said: list[str], **how: object) -> NodeSearch:
    return NodeSearch(
        nodes,
        NodeQuestion(""),
        EVERYTHING,
        lambda name, sentence: said.append(f"{name}: {sentence}"),
        now=BEGIN,
        **how,  # type: ignore[arg-type]
    )


class Prompt(threading.Thread):
    """A thread that is done when it has begun, unless its node hangs; however busy the machine."""

    def start(self) -> None:
        super().start()
        if not self.name.endswith(" hanging"):
            self.join(60)


def test_who_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However it hangs: its socket is closed, and the lines of the others are there."""
    monkeypatch.setattr(gather, "Thread", Prompt)
    ended = threading.Event()

    class Hanging(ListedNode):
        def lines(self, *_: object) -> list[NodeLine]:
            ended.wait(60)
            return []

        def stop(self) -> None:
            ended.set()

    said: list[str] = []
    others = ListedNode([node_line(BEGIN, "x")])
    with closing(hurried([Hanging([], name="hanging"), others], said, longest=0.2)) as asked:
        assert [one.line[-1:] for lines in asked.spans() for one in lines] == [b"x"]
        assert asked.failed == {0} and ended.is_set()
    assert said == ["hanging: its answer takes longer than 0.2 s; its lines are missing"]


def test_who_reads_slowly_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pager, or by a slow connection: that is no time of the nodes."""
    clock = Clock()
    monkeypatch.setattr(gather, "time", SimpleNamespace(monotonic=clock.seconds))
    said: list[str] = []
    node = ListedNode([node_line(BEGIN + number, "x") for number in range(300)])
    with closing(hurried([node], said, longest=60.0, room=Room(100, 10**6))) as asked:
        spans = asked.spans()
        found = len(next(lines for lines in spans if lines))
        assert found < 300
        clock.advance(61)
        found += sum(map(len, spans))
    assert (found, said) == (300, [])


def test_who_has_too_much_for_every_span_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "Thread", Prompt)

    class Endless(ListedNode):
        def lines(self, question: NodeQuestion, span: TimeSpan, room: Room) -> list[NodeLine]:
            raise TooMany([span.begin] * room.lines)

    said: list[str] = []
    others = ListedNode([node_line(BEGIN + number, "x") for number in range(50)])
    with closing(hurried([others, Endless([])], said, longest=0.0)) as asked:
        assert sum(len(lines) for lines in asked.spans()) == 50
        assert asked.failed == {1}
    assert said == ["localhost:1: it has too much for 0 s; its lines are missing"]


def test_who_has_too_many_lines_of_every_moment_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gather, "ROOM_OF_A_MOMENT", Room(3, 10**6))
    stored = [node_line(BEGIN + number, "x") for number in range(40) for _ in range(9)]
    said: list[str] = []
    nodes = [ListedNode(stored), ListedNode(stored[:1])]
    with closing(hurried(nodes, said, room=Room(3, 10**6))) as asked:
        assert sum(len(lines) for lines in asked.spans()) == 1
    assert len(said) == gather.CROWDED and asked.failed == {0}
    assert "as of others; its lines from 2025-" in said[-1]


def test_an_answer_for_which_there_is_no_memory_is_missing() -> None:
    class Large(ListedNode):
        def lines(self, *_: object) -> list[NodeLine]:
            raise MemoryError

    said: list[str] = []
    with closing(hurried([Large([]), ListedNode([node_line(BEGIN, "x")])], said)) as asked:
        assert sum(len(lines) for lines in asked.spans()) == 1
    assert said == [
        "localhost:1: its answer needs more memory than there is; its lines are missing"
    ]


def test_numbers_are_asked_of_each() -> None:
    nodes = [ListedNode([node_line(BEGIN, "x")]), ListedNode([])]
    with closing(hurried(nodes, [])) as asked:
        found = asked.of_each(lambda node: node.numbers("histogram", {}))
    assert found == {0: {"lines": 1}, 1: {"lines": 0}}


@pytest.mark.parametrize("reverse", [False, True])
def test_few_questions_lead_to_the_first_lines(reverse: bool) -> None:
    """Also where each node has lines of other seconds, many of a moment: 31 were asked before."""
    nodes = []
    for part in range(3):
        moments = [BEGIN + part * 3_000_000 + number // 200 * 6000 for number in range(9000)]
        nodes.append(ListedNode([node_line(moment, "x") for moment in moments]))
    with closing(
        NodeSearch(
            nodes,
            NodeQuestion("", reverse=reverse),
            EVERYTHING,
            print,
            now=BEGIN + 60_000_000,
            most=200,
        )
    ) as asked:
        assert len(next(lines for lines in asked.spans() if lines)) >= 200
    assert len(nodes[0].spans) <= 4
