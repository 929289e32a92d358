"""Several nodes as one: what comes is what one store of all lines would give, by time."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.text.time import exact_rfc3339
from logsrv.linelog.http.nodes import gather
from logsrv.linelog.http.nodes.answer import Body, fetch_object
from logsrv.linelog.http.nodes.gather import AskedNodes
from logsrv.linelog.http.nodes.merge import MergedLine
from logsrv.linelog.http.nodes.spans import AnswerSize, NodeQuestion
from tests.linelog.http.nodes.samples import BEGIN, EVERYTHING, ListedNode, node_line

LINES = st.builds(
    node_line,
    st.one_of(st.integers(BEGIN, BEGIN + 5), st.integers(BEGIN, BEGIN + 10**9)),
    st.sampled_from("ab"),
)


@attrs.define
class Asked:
    """Nodes, and what is said of those that fail."""

    nodes: list[ListedNode]
    longest: float = 60.0
    said: list[str] = attrs.Factory(list)
    asked: AskedNodes = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        def tell(name: str, sentence: str) -> None:
            self.said.append(f"{name}: {sentence}")

        self.asked = AskedNodes(self.nodes, tell, self.longest)

    def lines(
        self, most: int | None = None, *, room: int = 100, reverse: bool = False
    ) -> Iterator[MergedLine]:
        question = NodeQuestion("", EVERYTHING, reverse=reverse)
        for moment in self.asked.merged_lines(question, most, AnswerSize(room, 10**6)):
            yield from moment


@pytest.mark.slow
@given(st.lists(st.lists(LINES, max_size=20), min_size=1, max_size=3), st.booleans())
def test_lines_of_all_nodes_come_by_time(stores, reverse):
    asked = Asked([ListedNode(store) for store in stores])
    found = [*asked.lines(room=4, reverse=reverse)]
    most: Counter[bytes] = Counter()
    for store in stores:
        most |= Counter(one.line for one in store)
    assert Counter(one.line for one in found) == most
    moments = [one.moment for one in found]
    assert moments == sorted(moments, reverse=reverse)
    assert not asked.said and not asked.asked.failed


@pytest.mark.slow
def test_no_answer_is_larger_than_its_room():
    node = ListedNode([node_line(BEGIN + number, "x") for number in range(3000)])
    assert len([*Asked([node]).lines(room=100)]) == 3000
    assert node.largest <= 101


def test_a_node_that_fails_is_named_and_the_others_go_on():
    stored = [node_line(BEGIN + number, "x") for number in range(300)]
    nodes = [
        ListedNode(stored),
        ListedNode([], fails_after=0, name="down"),
        ListedNode(stored, fails_after=4, name="later"),
    ]
    for reverse in (False, True):
        asked = Asked([attrs.evolve(node, spans=[]) for node in nodes])
        assert len([*asked.lines(reverse=reverse)]) == 300
        assert asked.asked.failed == {"down", "later"}
        whole, later = asked.said
        assert whole == "down: it cannot be reached: no route to host; its lines are missing"
        since = "; its lines before 2025-" if reverse else "; its lines from 2025-"
        assert since in later and later.endswith(" are missing" if reverse else " on are missing")


def test_a_failed_node_is_not_asked_again():
    asked = Asked([ListedNode([], fails_after=0)])
    assert asked.asked.ask_oldest_and_newest() == ("", "") and len(asked.said) == 1
    assert [*asked.lines()] == [] and len(asked.said) == 1
    assert asked.asked.ask_each(lambda node: node.name) == {}


def test_the_times_are_those_of_all_nodes():
    nodes = [
        ListedNode([node_line(BEGIN + 5, "x")], name="a"),
        ListedNode([node_line(BEGIN, "x")], name="b"),
        ListedNode([], name="c"),
    ]
    assert Asked(nodes).asked.ask_oldest_and_newest() == (
        exact_rfc3339(BEGIN),
        exact_rfc3339(BEGIN + 5),
    )


def test_few_lines_are_asked_for_where_few_are_wanted():
    node = ListedNode([node_line(BEGIN + number, "x") for number in range(30_000)])
    newest = next(Asked([node]).lines(10, room=20_000, reverse=True))
    assert newest.moment == BEGIN + 29_999 and node.largest <= 1001


def test_more_lines_of_a_moment_than_fit_are_told_and_the_rest_is_shown(monkeypatch):
    monkeypatch.setattr(gather, "ROOM_OF_A_MOMENT", AnswerSize(150, 10**6))
    stored = [
        node_line(BEGIN, "before"),
        *[node_line(BEGIN + 7, "x")] * 200,
        node_line(BEGIN + 9, "y"),
    ]
    asked = Asked([ListedNode(stored), ListedNode([node_line(BEGIN + 7, "x")] * 120)])
    found = [one.line.split()[-1] for one in asked.lines()]
    assert found == [b"before", *[b"x"] * 151, b"y"]
    assert asked.said == [
        f"localhost:1: it has more than 150 lines of {exact_rfc3339(BEGIN + 7)}: the others are missing"
    ]
    assert asked.asked.failed


@pytest.mark.slow
def test_many_nodes_share_the_room_of_all():
    stored = [node_line(BEGIN + number, "x") for number in range(2000)]
    nodes = [ListedNode(stored) for _ in range(32)]
    assert len([*Asked(nodes).lines(room=20_000)]) == 2000
    assert max(node.largest for node in nodes) <= 100_000 // 32


class Prompt(threading.Thread):
    """A thread that is done when it has begun, unless its node hangs; however busy the machine."""

    def start(self) -> None:
        super().start()
        if not self.name.endswith(" hanging"):
            self.join(PATIENCE)


@attrs.define
class Hanging(ListedNode):
    """A node that never answers, until it is stopped."""

    name: str = "hanging"
    ended: threading.Event = attrs.Factory(threading.Event)

    def answer_pieces(self, endpoint: str, asked: Mapping[str, Any]) -> Body:
        self.ended.wait(PATIENCE)
        yield b""

    def stop_request(self) -> None:
        self.ended.set()


@pytest.mark.parametrize(
    ("is_alive", "longest", "said"),
    [
        (True, 0.2, "its answer takes longer than 0.2 s"),
        (True, 0.9, "its answer takes longer than 0.9 s"),
        (False, 60.0, "it said nothing for 0.2 s"),
    ],
)
def test_who_never_ends_is_not_waited_for(monkeypatch, is_alive, longest, said):
    """However it hangs: its socket is closed, and the lines of the others are there."""
    monkeypatch.setattr(gather, "Thread", Prompt)
    monkeypatch.setattr(gather, "CHECK_AFTER", 0.1)
    hanging = Hanging([], is_alive=is_alive)
    asked = Asked([hanging, ListedNode([node_line(BEGIN, "x")])], longest)
    assert [one.line[-1:] for one in asked.lines()] == [b"x"]
    assert asked.asked.failed == {"hanging"} and hanging.ended.is_set()
    assert asked.said == [f"hanging: {said}; its lines are missing"]


def test_a_node_that_does_not_answer_healthz_is_given_up(monkeypatch):
    class Mute(Hanging):
        def is_responding(self) -> bool:
            return self.ended.wait(PATIENCE)

    monkeypatch.setattr(gather, "CHECK_AFTER", 0.1)
    asked = Asked([Mute([])])
    assert [*asked.lines()] == []
    assert asked.said == ["hanging: it said nothing for 0.2 s; its lines are missing"]


def test_who_reads_slowly_loses_nothing(monkeypatch):
    """In a pager, or by a slow connection: that is no time of the nodes."""
    clock = Clock()
    monkeypatch.setattr(gather, "time", SimpleNamespace(monotonic=clock.seconds))
    asked = Asked([ListedNode([node_line(BEGIN + number, "x") for number in range(300)])])
    lines = asked.lines()
    next(lines)
    clock.advance(61)
    assert len([*lines]) == 299 and asked.said == []


def test_who_has_too_much_for_every_span_is_left_out(monkeypatch):
    """It would let each span be cut for ever."""
    monkeypatch.setattr(gather, "Thread", Prompt)
    monkeypatch.setattr(gather, "CHECK_AFTER", 0.1)

    class Endless(ListedNode):
        def answer_pieces(self, endpoint: str, asked: Mapping[str, Any]) -> Body:
            self.stored = [node_line(BEGIN + number, "x") for number in range(3)]
            while not self.stopped:
                yield from super().answer_pieces(
                    endpoint, {**asked, "since": "", "until": "", "limit": 3}
                )

    others = ListedNode([node_line(BEGIN + number, "x") for number in range(50)])
    asked = Asked([others, Endless([], name="hanging")], 0.5)
    monkeypatch.setattr(gather, "ROOM_OF_A_MOMENT", AnswerSize(10**9, 10**12))
    assert len([*asked.lines()]) >= 50
    assert asked.asked.failed == {"hanging"}
    assert asked.said[0].endswith("are missing")


def test_an_answer_for_which_there_is_no_memory_is_missing():
    class Large(ListedNode):
        def answer_pieces(self, endpoint: str, asked: Mapping[str, Any]) -> Body:
            raise MemoryError

    asked = Asked([Large([]), ListedNode([node_line(BEGIN, "x")])])
    assert len([*asked.lines()]) == 1
    assert asked.said == [
        "localhost:1: its answer needs more memory than there is; its lines are missing"
    ]


def test_each_node_is_asked_for_its_numbers():
    nodes = [ListedNode([node_line(BEGIN, "x")], name="a"), ListedNode([], name="b")]
    found = Asked(nodes).asked.ask_each(lambda node: fetch_object(node, "stats", {})["oldest"])
    assert found == {"a": exact_rfc3339(BEGIN), "b": None}
