"""A block on its way in: what is stored of it by the place of its origin, and what its sender hears."""

import random
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from logsrv.errors import StoreError
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.intake.blocks.body import (
    OVERTAKEN,
    BlockBody,
    BlockDecision,
    IncomingBlocks,
    block_body,
    decide_about,
    misplaced_block_refusal,
)
from logsrv.linelog.intake.over_http.body import RequestHead
from logsrv.linelog.lines.bodies import Reply, RequestRefused
from logsrv.linelog.store.blocks import BlockNote, parse_notes_file
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.origins import ENOUGH, Origins
from logsrv.linelog.store.packed_block import LARGEST, LARGEST_TEXT, UNKNOWN, PackedBlock
from logsrv.linelog.store.segment import Position
from tests.parts.blocks import Edge, block_of, blocks, stored_lines
from tests.parts.sinks import Sink, intake, turn

ONE = 32 * "a"
NONE: Mapping[str, str] = MappingProxyType({})
TEXT = stored_lines(ONE, 20)
BLOCK = block_of(ONE, TEXT, Position(1, 0), None)


class Reactor:
    """Where a thread hands in its results; `run` does what they ask for."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)
        self.calls: list[Any] = []

    def callFromThread(self, call: Any, *args: Any) -> None:
        self.calls.append((call, args))
        self.came.release()

    def run(self) -> None:
        assert self.came.acquire(timeout=PATIENCE)
        call, args = self.calls.pop(0)
        call(*args)


class Arrival:
    """A block that has come whole. outcome: its answer or refusal; None before that."""

    def __init__(self, body: BlockBody, block: PackedBlock) -> None:
        self.outcome: Any = None
        self.body = body
        half = len(block.packed) // 2
        body.receive(block.packed[:half])
        body.receive(block.packed[half:])
        Deferred.fromCoroutine(body.finish()).addBoth(self._ended)

    def _ended(self, result: Reply | Failure) -> None:
        self.outcome = result.value if isinstance(result, Failure) else result


class Taking:
    """A centre with nothing in it, and its listener."""

    def __init__(self) -> None:
        self.sink = Sink()
        self.intake = intake(self.sink)
        self.coming = IncomingBlocks()

    def body(self, headers: Mapping[str, str], length: int | None = None) -> BlockBody:
        found = {"Content-Encoding": "zstd", **headers}
        head = RequestHead(self.intake, "tcp:1", found.get, "/blocks", length)
        return block_body(head, self.coming)

    def come(self, block: PackedBlock = BLOCK, headers: Mapping[str, str] = NONE) -> Arrival:
        return Arrival(self.body({**block.headers(), **headers}), block)

    def refused(
        self, block: PackedBlock = BLOCK, headers: Mapping[str, str] = NONE
    ) -> RequestRefused:
        try:
            outcome = self.come(block, headers).outcome
        except RequestRefused as refusal:
            outcome = refusal
        assert isinstance(outcome, RequestRefused) and not self.sink.pending_blocks
        return outcome

    def place(self, end: Position) -> None:
        note = BlockNote(Position(9, 9), ONE, Position(end.segment, 0), end, 7)
        self.sink.origins.record_stored([note])


def test_a_block_is_stored_unchanged_and_answered_when_safe():
    centre = Taking()
    coming = centre.come()
    [pending] = centre.sink.pending_blocks
    assert (pending.text, pending.lines, pending.end) == (TEXT, 20, BLOCK.end)
    assert not coming.outcome
    pending.stored.callback(None)
    assert (coming.outcome.status, coming.outcome.headers) == (200, {"Logsrv-To": str(BLOCK.end)})
    assert centre.intake.received_lines == 20


def cut(number: int) -> list[PackedBlock]:
    """So many blocks, one behind the other."""
    found: list[PackedBlock] = []
    for one in range(number):
        after = found[-1].end if found else None
        text = stored_lines(ONE, 20, first=20 * one)
        found.append(block_of(ONE, text, after or Position(1, 0), after))
    return found


def test_no_block_is_stored_if_a_damaged_file_hides_its_place():
    centre = Taking()
    centre.sink.origins = Origins(Disk(), parse_notes_file(b"what is this\n"))
    refusal = centre.refused()
    assert refusal.status == 503 and "is damaged" in str(refusal)


def test_nobody_waits_for_one_that_hangs_and_has_come_by_another_connection():
    centre = Taking()
    first, second = cut(2)
    hanging = centre.body(first.headers())
    centre.come(second)
    assert not centre.sink.pending_blocks
    centre.come(first)
    centre.come(second)
    assert [pending.end for pending in centre.sink.pending_blocks] == [first.end, second.end]
    hanging.let_go()


FIRST, SECOND, THIRD = cut(3)
LINE = TEXT[: TEXT.index(b"\n") + 1]
PART = block_of(ONE, LINE, Position(1, 0), None)
REST = block_of(ONE, TEXT[len(LINE) :], PART.end, PART.end)
BOTH = block_of(ONE, TEXT + stored_lines(ONE, 20, first=20), Position(1, 0), None)


@pytest.mark.parametrize(
    ("under_way", "sent", "is_stored", "status", "place"),
    [
        ([FIRST], FIRST, True, 200, FIRST.end),
        ([FIRST], PART, True, 200, FIRST.end),
        ([FIRST], REST, True, 200, FIRST.end),
        ([FIRST, SECOND], FIRST, True, 200, SECOND.end),
        ([FIRST, SECOND], SECOND, True, 200, SECOND.end),
        ([FIRST, SECOND], BOTH, True, 200, SECOND.end),
        ([FIRST], BOTH, True, 409, FIRST.end),
        ([FIRST], THIRD, True, 409, FIRST.end),
        ([PART], FIRST, True, 409, PART.end),
        ([FIRST], THIRD, False, 409, None),
        ([FIRST], FIRST, False, 503, None),
        ([FIRST], PART, False, 503, None),
        ([PART], FIRST, False, 503, None),
    ],
)
def test_a_block_that_another_way_brings_too_is_answered_when_that_one_is_stored(
    under_way, sent, is_stored, status, place
):
    centre = Taking()
    for block in under_way:
        centre.come(block)
    coming = centre.come(sent)
    # One whose predecessor does not come waits for that.
    clock: Any = centre.intake.clock
    clock.advance(OVERTAKEN)
    assert not coming.outcome
    if is_stored:
        centre.sink.store_blocks()
    for pending in centre.sink.pending_blocks:
        pending.stored.errback(StoreError("the store is closed"))
        pending.stored.addErrback(lambda _: None)
    told = coming.outcome.headers.get("Logsrv-To")
    assert (coming.outcome.status, told) == (status, None if place is None else str(place))
    assert not centre.sink.pending_blocks or not is_stored


def test_a_block_of_a_stream_that_overlaps_one_from_another_way_is_tried_again():
    centre = Taking()
    centre.come(FIRST)

    def come_by_stream() -> Arrival:
        bodies = centre.intake.unfinished
        return Arrival(BlockBody(centre.intake, "nats", bodies, BOTH.headers(), cuts=True), BOTH)

    coming = come_by_stream()
    centre.sink.store_blocks()
    assert coming.outcome.status == 503
    reactor = centre.intake.clock = Reactor()  # type: ignore[assignment]
    come_by_stream()
    assert not centre.sink.pending_blocks
    reactor.run()
    [rest] = centre.sink.pending_blocks
    assert (rest.start, rest.end) == (FIRST.end, BOTH.end)


def places(centre: Taking) -> list[Position]:
    """Where the blocks end that came in, in their order."""
    return [pending.end for pending in centre.sink.pending_blocks]


def test_a_block_waits_for_the_one_before_it_that_is_under_way():
    """They come over connections of their own."""
    centre = Taking()
    first, second, third = cut(3)
    slow = centre.body(first.headers())
    centre.come(second)
    last = centre.come(third)
    assert places(centre) == []
    Arrival(slow, first)
    assert places(centre) == [first.end, second.end, third.end]
    assert not last.outcome


def test_a_block_is_judged_when_the_one_before_it_has_gone():
    centre = Taking()
    _, second, third = cut(3)
    gone = centre.body(second.headers())
    last = centre.come(third)
    assert not last.outcome
    gone.let_go()
    assert last.outcome.status == 409


def test_a_block_goes_on_waiting_when_only_a_copy_of_the_one_before_it_has_gone():
    """Its sender sent that one again over another connection, which broke off, too."""
    centre = Taking()
    first, second, _ = cut(3)
    slow, copy = (centre.body(first.headers()) for _ in range(2))
    waiting = centre.come(second)
    copy.let_go()
    assert waiting.outcome is None
    Arrival(slow, first)
    assert places(centre) == [first.end, second.end]


def test_a_block_that_overtook_the_one_before_waits_for_it():
    centre = Taking()
    first, second, third = cut(3)
    for block in (third, second):
        centre.come(block)
    assert places(centre) == []
    centre.come(first)
    assert places(centre) == [first.end, second.end, third.end]


def test_hundreds_that_wait_for_each_other_all_come_in():
    """Each lets in the one behind it."""
    centre = Taking()
    line = stored_lines(ONE, 1)
    begins = [Position(1, number * len(line)) for number in range(500)]
    blocks = [block_of(ONE, line, one, one if one.offset else None) for one in begins]
    for block in reversed(blocks):
        centre.come(block)
    assert places(centre) == [block.end for block in blocks]
    under_way = centre.sink.origins.under_way
    for pending in centre.sink.pending_blocks:
        under_way.remove_first_block(ONE, len(pending.text))
    assert under_way.size == 0


def test_a_block_does_not_wait_long_for_one_that_nobody_sent():
    centre = Taking()
    _, second, third = cut(3)
    coming = [centre.come(block) for block in (second, third)]
    assert [one.outcome for one in coming] == [None, None]
    clock: Any = centre.intake.clock
    clock.advance(OVERTAKEN)
    assert coming[0].outcome.status == 409
    # The third waits for the second, which has come.
    assert not coming[1].outcome
    coming[0].body.let_go()
    assert coming[1].outcome.status == 409
    assert not centre.coming.followers
    # Behind the place there is nothing to wait for.
    centre.place(third.end)
    assert centre.come(second).outcome.status == 200


def test_a_block_waits_longer_if_the_one_before_it_begins_to_come_meanwhile():
    """Over a slow link it takes longer; else the sender would send what follows once more."""
    centre = Taking()
    first, second, _ = cut(3)
    waiting = centre.come(second)
    slow = centre.body(first.headers())
    clock: Any = centre.intake.clock
    clock.advance(OVERTAKEN)
    assert waiting.outcome is None
    Arrival(slow, first)
    assert places(centre) == [first.end, second.end]
    assert not centre.coming.followers and not clock.getDelayedCalls()


def test_no_block_waits_for_itself():
    assert Taking().refused(BLOCK, {"Logsrv-After": str(BLOCK.end)}).status == 422


def test_hundreds_that_wait_for_room_are_judged_one_behind_the_other():
    """Each that is refused makes room for the next."""
    centre = Taking()
    under_way = centre.sink.origins.under_way
    under_way.add_block(ONE, Position(1, 5), ENOUGH + 1)
    coming = [
        centre.come(BLOCK, {"Logsrv-Store": f"{number:032x}", "Logsrv-CRC": "0" * 8})
        for number in range(500)
    ]
    assert {one.outcome for one in coming} == {None}
    under_way.remove_first_block(ONE, ENOUGH + 1)
    assert [one.outcome.status for one in coming] == [422] * 500
    assert under_way.size == 0


@pytest.mark.slow
def test_senders_that_come_at_once_do_not_unpack_at_once():
    """A block of 300 bytes may be 8 MiB of text; refused or stored, it makes room for the next."""
    centre = Taking()
    bomb = block_of(ONE, b"\n" * LARGEST_TEXT, Position(1, 0), None)
    coming = [centre.come(bomb, {"Logsrv-Store": f"{number:032x}"}) for number in range(20)]
    assert centre.sink.origins.under_way.size == 5 * LARGEST_TEXT
    while [one for one in coming if one.outcome is None]:
        turn(centre.intake.clock)
    assert all("TIME and a SOURCE" in str(one.outcome) for one in coming)
    assert centre.sink.origins.under_way.size == 0


def test_what_comes_in_parts_is_refused_when_all_keep_too_much():
    centre = Taking()
    centre.intake.unfinished.held = centre.intake.unfinished.most_held - 10
    body = centre.body(BLOCK.headers())
    with pytest.raises(RequestRefused) as caught:
        body.receive(BLOCK.packed)
    assert caught.value.status == 503
    body.let_go()
    assert centre.intake.unfinished.held == centre.intake.unfinished.most_held - 10


def test_a_block_that_is_here_is_forgotten_without_being_unpacked():
    centre = Taking()
    centre.place(Position(1, 50_000))
    coming = centre.come(BLOCK, {"Logsrv-CRC": "00000000"})
    assert (coming.outcome.status, coming.outcome.headers["Logsrv-To"]) == (200, "1:50000")
    assert not centre.sink.pending_blocks


def test_a_block_of_a_stream_that_leaves_a_hole_is_not_stored():
    centre = Taking()
    first, _, third = cut(3)
    centre.place(first.end)
    body = BlockBody(centre.intake, "nats", centre.intake.unfinished, third.headers(), cuts=True)
    coming = Arrival(body, third)
    clock: Any = centre.intake.clock
    clock.advance(OVERTAKEN)
    assert "go on from that place" in str(coming.outcome)
    assert not centre.sink.pending_blocks


def test_the_sender_of_a_misplaced_block_is_told_the_place():
    centre = Taking()
    centre.place(Position(1, 10))
    refusal = centre.refused()
    assert refusal.status == 409
    assert refusal.headers == {
        "Logsrv-To": "1:10",
        "Logsrv-From": "1:0",
        "Logsrv-CRC": "00000007",
    }
    assert misplaced_block_refusal(None).headers == {}


def test_what_is_kept_is_counted_and_let_go_of():
    centre = Taking()
    body = centre.body(BLOCK.headers())
    body.receive(b"x" * 1000)
    assert centre.intake.unfinished.held == 1000
    body.let_go()
    body.let_go()
    assert centre.intake.unfinished.held == 0


def test_a_too_large_block_is_refused_before_it_comes():
    centre = Taking()
    with pytest.raises(RequestRefused) as caught:
        centre.body(BLOCK.headers(), LARGEST + 1)
    assert caught.value.status == 413
    body = centre.body(BLOCK.headers(), None)
    body.receive(bytes(LARGEST))
    with pytest.raises(RequestRefused) as caught:
        body.receive(b"x")
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Encoding": ""}, 415),
        ({"Logsrv-Format": "9"}, 422),
        ({"Logsrv-CRC": "0" * 8}, 422),
        ({"Logsrv-To": "1:7"}, 422),
        ({"Logsrv-Store": "x"}, 422),
        ({"Logsrv-Gap": "some"}, 422),
    ],
)
def test_blocks_with_invalid_headers_are_refused(headers, status):
    assert Taking().refused(BLOCK, headers).status == status


EDGE_TEXT = b"".join(b"line %d\n" % number for number in range(40))


@given(st.integers(1, 60), st.integers(1, 100), st.integers(0, 1000), st.integers(0, 1000))
def test_whatever_comes_in_whatever_order_the_text_is_whole(segment, most, first, seed):
    """Of shippers that begin anywhere, cut as they like, and repeat themselves."""
    edge = Edge(ONE, EDGE_TEXT, segment)
    chance = random.Random(seed)
    shippers = [list(blocks(edge, most, first + one)) for one in range(3)]
    place, stored = None, b""
    for _ in range(200):
        found = chance.choice(shippers)
        block = chance.choice(found)
        if chance.random() < 0.5:
            # One that asks first.
            block = edge.next(place, most, chance) or block
        if decide_about(block, place) is BlockDecision.TAKE:
            at = edge.offset(block.start)
            stored += EDGE_TEXT[at : at + block.text_size]
            place = block.end
        assert stored == EDGE_TEXT[: edge.offset(place)]


def test_gaps_have_to_be_told():
    at = Position(1, 0)
    behind = block_of(ONE, b"abc\n", Position(1, 8), Position(1, 4))
    told = block_of(ONE, b"abc\n", Position(1, 8), Position(1, 4), UNKNOWN)
    assert decide_about(behind, Position(1, 4)) is BlockDecision.REFUSE
    assert decide_about(told, Position(1, 4)) is BlockDecision.TAKE
    assert decide_about(told, None) is BlockDecision.REFUSE
    # Nobody here knows where a segment ends.
    assert (
        decide_about(block_of(ONE, b"abc\n", Position(2, 0), Position(1, 4)), Position(1, 4))
        is BlockDecision.TAKE
    )
    assert decide_about(block_of(ONE, b"abc\n", at, None), None) is BlockDecision.TAKE
    assert decide_about(block_of(ONE, b"abc\n", at, None), Position(1, 2)) is BlockDecision.REFUSE
    assert decide_about(block_of(ONE, b"abc\n", at, None), Position(1, 4)) is BlockDecision.FORGET
