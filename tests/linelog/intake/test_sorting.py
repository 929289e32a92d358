"""Lines that rules sort into several stores: each once, in its order, with its record."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from logsrv.errors import StoreError
from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.fields.continuations.first_lines import first_lines
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.intake import sorting
from logsrv.linelog.intake.sorting import QueryRule, SortedStores
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.store.blocks import PendingBlock
from logsrv.linelog.store.segment import Position
from tests.parts.sinks import Sink, intake

RULES = (("audit", "app=sudo OR app=sshd"), ("errors", "level>=error -audit"))
MESSAGES = (
    b"hello",
    b"<38>Nov 20 06:18:42 web sshd[7]: accepted",
    b"<86>Nov 20 06:18:42 web sudo: bob",
    b"<30>Nov 20 06:18:42 web cron[1]: ran",
    b"<27>Nov 20 06:18:42 web app[3]: ERROR Traceback (most recent call last):",
    b"Traceback (most recent call last):",
    b'  File "x.py", line 1, in <module>',
    b"ValueError: 3",
    b"java.lang.IllegalStateException: no",
    b"\tat a.b.C.d(C.java:7)",
    b"Caused by: x.Y: z",
    b"",
    b"level=error audit=1",
    b'{"level":"error","app":"sshd"}',
)


class Kept:
    """A store that keeps its text, and is synced when the test says so."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.text = b""
        self.asked: list[int | None] = []
        self.waiting: list[Deferred[None]] = []

    @property
    def appended(self) -> int:
        return len(self.text)

    def append(self, batch: Any) -> int:
        text = b"".join(batch.stored())
        self.text += text
        lines: int = batch.lines(len(text))
        assert lines == text.count(b"\n")
        return lines

    def durable(self, since: int | None = None) -> Deferred[None]:
        self.asked.append(since)
        self.waiting.append(Deferred())
        return self.waiting[-1]


def stores(*rules: tuple[str, str], rest: str = "") -> tuple[dict[str, Any], SortedStores]:
    """The stores by their names, the main one as "", and what sorts lines into them."""
    made: dict[str, Any] = {name: Kept(name) for name in ("", rest, *(name for name, _ in rules))}
    found = SortedStores(made[""])
    found.sort(
        [QueryRule(make_matcher(parse(query)), made[name]) for name, query in rules], made[rest]
    )
    return made, found


def batch(*messages: bytes, source: str = "tcp:10.0.0.1:5", received: float = 1e9) -> Batch:
    return Batch(Block.of(b"".join([one + b"\n" for one in messages])), source, received)


def test_the_first_rule_that_fits_gets_a_line():
    made, found = stores(("a", "one"), ("b", "one OR two"))
    assert found.append(batch(b"one", b"three", b"two", b"one two")) == 4
    texts = {name: [line.rpartition(b"5 ")[2] for line in one.text.splitlines()]
             for name, one in made.items()}  # fmt: skip
    assert texts == {"a": [b"one", b"one two"], "b": [b"two"], "": [b"three"]}


def test_a_rule_by_listener_gets_the_batch_as_it_is():
    made, found = stores(rest="fw")
    sent = batch(b"one", b"two")
    assert found.append(sent) == 2
    assert made["fw"].text == b"".join(sent.stored()) and not made[""].text


def test_blocks_of_other_stores_stay_in_the_main_store():
    """Their places are noted there, so that each comes once, whatever the rules are."""
    sink = Sink()
    way = intake(sink)
    made, way.sink = stores(("a", "one"))
    pending = PendingBlock(32 * "a", Position(1, 0), Position(1, 4), 7, b"one\n", 1)
    way.deposit(pending)
    assert sink.pending_blocks == [pending] and not made["a"].text and not made[""].text


def test_lines_are_kept_though_a_rule_fails(monkeypatch):
    """It is said once, until there are other rules."""
    made, found = stores(("a", "one"))
    with capturedLogs() as events:
        monkeypatch.setattr(Matcher, "find", None)
        for _ in range(2):
            found.append(batch(b"one"))
        assert [event["log_level"].name for event in events] == ["critical"]
        found.sort([QueryRule(make_matcher(parse("two")), made["a"])], made[""])
        found.append(batch(b"two"))
    assert [event["log_level"].name for event in events] == ["critical"] * 2
    assert made[""].text.count(b"\n") == 3 and not made["a"].text


def pieces(sent: list[bytes], cuts: list[int]) -> list[list[bytes]]:
    bounds = [0, *sorted({cut % (len(sent) + 1) for cut in cuts}), len(sent)]
    return [sent[one:other] for one, other in pairwise(bounds) if one < other]


@given(
    st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=40),
    st.lists(st.integers(0, 40), max_size=8),
    st.booleans(),
)
@example([MESSAGES[1], MESSAGES[5], MESSAGES[6], MESSAGES[7]], [1, 2, 3], True)
def test_all_stores_together_have_what_was_sent_each_in_its_order(sent, cuts, few):
    """A line is where a search of one store with all lines finds it, wherever batches are cut.

    few: whether first lines are looked for one by one, as in small batches.
    """
    whole = b"".join(batch(*sent).stored())
    told = first_lines(StampedLines(whole))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sorting, "SMALL_TEXT", 1 << 20 if few else 0)
        made, found = stores(*RULES)
        for some in pieces(sent, cuts):
            assert found.append(batch(*some)) == len(some)
    wanted: dict[str, list[bytes]] = {"audit": [], "errors": [], "": []}
    spans = [
        (name, dict(make_matcher(parse(query)).find(whole, None, told))) for name, query in RULES
    ]
    start = 0
    for line in whole.splitlines(keepends=True):
        name = next((name for name, starts in spans if start in starts), "")
        wanted[name].append(line)
        start += len(line)
    assert {name: one.text.splitlines(keepends=True) for name, one in made.items()} == wanted


def test_a_trace_goes_with_the_record_of_its_own_source():
    """Lines of another source come in between, in batches of their own."""
    made, found = stores(("errors", "level>=error"))
    first, other = "tcp:10.0.0.1:5", "tcp:10.0.0.2:5"
    found.append(batch(b"2026-11-20 06:18:42 ERROR it failed", source=first))
    found.append(batch(b"Traceback (most recent call last):", source=first))
    found.append(batch(b"hello", source=other))
    found.append(batch(b'  File "x.py", line 1, in <module>', source=first))
    found.append(batch(b"ValueError: 3", source=first))
    assert made["errors"].text.count(b"\n") == 4
    assert made[""].text.count(b"\n") == 1


def test_only_the_last_text_of_few_sources_is_kept(monkeypatch):
    monkeypatch.setattr(sorting, "MOST_KEPT", 10_000)
    before = sorting.EarlierBatches()
    for number in range(300):
        before.first_lines(b"x" * 99 + b"\n", f"tcp:10.0.0.{number}:5")
    assert before.size <= 10_000


def test_a_source_that_sends_much_takes_no_room_of_others(monkeypatch):
    """Its own earlier texts go first: a trace still goes with its record."""
    made, found = stores(("errors", "level>=error"))
    first = "tcp:10.0.0.1:5"
    monkeypatch.setattr(sorting, "MOST_KEPT", 3000)
    monkeypatch.setattr(sorting, "MOST_BYTES", 1000)
    found.append(batch(b"2026-11-20 06:18:42 ERROR it failed", source=first))
    for _ in range(20):
        found.append(batch(b"x" * 500, source="tcp:10.0.0.2:5"))
    found.append(batch(b'  File "x.py", line 1, in <module>', source=first))
    assert made["errors"].text.count(b"\n") == 2


def test_the_source_that_was_silent_for_the_longest_time_is_forgotten_first(monkeypatch):
    """A trace goes with its record, however many others have begun to talk meanwhile."""
    made, found = stores(("errors", "level>=error"))
    first = "tcp:10.0.0.1:5"
    monkeypatch.setattr(sorting, "MOST_KEPT", 2000)
    found.append(batch(b"2026-11-20 06:18:42 ERROR it failed", source=first))
    for number in range(60):
        found.append(batch(b"hello", source=f"tcp:10.0.0.2:{1000 + number}"))
        if number % 10 == 0:
            found.append(batch(b'  File "x.py", line 1, in <module>', source=first))
    assert made["errors"].text.count(b"\n") == 1 + 6


def fired(waiting: Deferred[None]) -> list[object]:
    done: list[object] = []
    waiting.addBoth(done.append)
    return done


def test_an_acknowledgement_waits_for_each_store():
    made, found = stores(("a", "one"))
    found.append(batch(b"one", b"two"))
    done = fired(found.durable())
    made["a"].waiting[0].callback(None)
    assert not done
    made[""].waiting[0].callback(None)
    assert done == [None]


def test_lines_that_one_store_may_have_lost_are_not_acknowledged():
    """And not before the others have answered: no answer overtakes an earlier one."""
    made, found = stores(("a", "one"))
    found.append(batch(b"one", b"two"))
    done = fired(found.durable())
    made["a"].waiting[0].errback(StoreError("no space"))
    assert not done
    made[""].waiting[0].callback(None)
    [failure] = done
    assert getattr(failure, "value", None).args == ("no space",)  # type: ignore[union-attr]


def test_an_earlier_fault_of_a_store_is_not_that_of_lines_in_another():
    """Its last bytes may be lost for ever: only a wait from behind them can succeed."""
    made, found = stores(("a", "one"))
    found.append(batch(b"one"))
    fired(found.durable())
    for _ in range(2):
        found.append(batch(b"two"))
        fired(found.durable())
    assert made["a"].asked == [0, 0, made["a"].appended]
    size = len(b"".join(batch(b"two").stored()))
    assert made[""].asked == [0, 0, 0] and made[""].appended == 2 * size


@pytest.mark.parametrize("rest", ["", "fw"])
@pytest.mark.parametrize("rules", [(), (("a", "one"),)])
def test_lines_are_acknowledged_when_they_are_safe_in_the_store_that_has_them(rules, rest):
    """Of each store, from the first line since the last acknowledgement on, also over a reload."""
    made, found = stores(*rules, rest=rest)
    for _ in range(2):
        begins: Mapping[Any, int] = found.appended
        found.append(batch(b"one"))
        [taken] = [one for one in begins if one.appended > begins[one]]
        # The rules go that chose this store.
        found.sort((), made[""])
        done = fired(found.durable())
        assert taken.asked[-1] <= begins[taken]
        for one in begins:
            assert not done
            one.waiting[-1].callback(None)
        assert done == [None]
        stored = {**made, "": made[""]}
        found.sort(
            [QueryRule(make_matcher(parse(query)), stored[name]) for name, query in rules],
            stored[rest],
        )


def test_a_moment_is_of_every_store_also_after_a_reload():
    made, found = stores(("a", "one"))
    found.append(batch(b"one", b"two"))
    moment = found.appended
    later: Any = Kept("later")
    found.sort([QueryRule(make_matcher(parse("three")), later)], made[""])
    found.append(batch(b"one", b"three"))
    fired(found.durable(moment))
    assert (made["a"].asked, later.asked) == ([made["a"].appended], [0])
    assert made[""].asked == [moment[made[""]]]


def test_no_line_after_a_reload_is_acknowledged_before_those_of_a_removed_rule():
    """Some senders take an acknowledgement for all that they sent before, and forget it."""
    made, found = stores(("a", "one"))
    found.append(batch(b"one"))
    acknowledged = [fired(found.durable())]
    found.sort([], made[""])
    for _ in range(3):
        found.append(batch(b"one"))
        acknowledged.append(fired(found.durable()))
    for waiting in made[""].waiting:
        waiting.callback(None)
    assert acknowledged == [[]] * 4
    for waiting in made["a"].waiting:
        waiting.callback(None)
    assert acknowledged == [[None]] * 4


def test_a_moment_from_before_the_first_rule_is_of_the_main_store():
    made, found = stores(("a", "one"))
    found.append(batch(b"two"))
    fired(found.durable(3))
    assert (made[""].asked, made["a"].asked) == ([3], [0])
