"""A shipper of blocks: whatever fails, the far side has each byte of the store exactly once."""

import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from logsrv.linelog.ship import cut
from logsrv.linelog.ship.block_sender import AHEAD, GROW
from logsrv.linelog.ship.cut import BlockCutter, BlockLimits, CutBlock
from logsrv.linelog.ship.durable import DurableFollower
from logsrv.linelog.ship.reports import (
    AttemptFailed,
    GapFound,
    LinesRefused,
    SegmentPassed,
    ShipperStopped,
    StoreForgotten,
    TargetDown,
    TargetUp,
    TextAcknowledged,
    TextResent,
    Trouble,
)
from logsrv.linelog.ship.send_loop import LONGEST, SETTLED
from logsrv.linelog.ship.targets.target import ANSWER, LEAST, LastBlock, TooMuchAtOnce, Unavailable
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.erased import ErasedNotes, save_erased
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.packed_block import PackedBlock
from logsrv.linelog.store.segment import Position
from tests.parts.ship_targets import FarSide, Process
from tests.parts.stores import Writer, line, make_store, remove_segment

SEGMENTS = [[line(f"{segment} {n}", n) for n in range(3000)] for segment in range(3)]
SECOND = len(SEGMENTS[1][0])
TEXTS = [b"".join(lines) for lines in SEGMENTS]
ALL = b"".join(TEXTS)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return make_store(tmp_path / "logs", SEGMENTS, packed=1)


def cursor(directory: Path) -> str:
    return (directory / "ship" / "far").read_text()


def shipped(directory: Path, far: FarSide, seconds: float = 2.0, **given: Any) -> Process:
    """A process that has worked for some seconds."""
    process = Process(directory)
    process.blocks(far, **given).start()
    process.run(seconds)
    return process


def append(directory: Path, *messages: str) -> bytes:
    text = b"".join(map(line, messages))
    with open(directory / "current.log", "ab") as file:
        file.write(text)
    return text


def test_a_store_arrives_whole(directory):
    far = FarSide()
    process = shipped(directory, far)
    assert far.text == ALL and far.sent == far.blocks
    assert [block.start for block in far.blocks] == [Position(n, 0) for n in (1, 2, 3)]
    assert [block.after for block in far.blocks] == [None, *(block.end for block in far.blocks[:2])]
    assert not any(block.gap for block in far.blocks)
    acknowledged = process.reports.of(TextAcknowledged)
    assert [(one.position, one.bytes, one.lines) for one in acknowledged] == [
        (block.end, block.text_size, 3000) for block in far.blocks
    ]
    assert [one.promise for one in process.reports.of(TargetUp)] == ["exactly once"]
    assert not process.told


def test_what_comes_later_arrives_within_a_blink_and_not_line_by_line(directory):
    far = FarSide()
    process = shipped(directory, far)
    written = b""
    for number in range(20):
        written += append(directory, f"later {number}")
        process.run(0.05)
    process.run(0.25)
    assert far.text == ALL + written
    # For 20 lines in a second.
    assert len(far.blocks) - 3 <= 6


def test_the_place_is_saved_each_second_and_at_the_end(directory):
    far = FarSide()
    process = shipped(directory, far)
    assert f'"position":"{far.place}"' in cursor(directory)
    before = far.place
    append(directory, "one more")
    process.run(0.3)
    assert f'"position":"{before}"' in cursor(directory)
    stopped = process.send_loop.stop()
    assert stopped.called and far.closed == 1
    assert f'"position":"{far.place}"' in cursor(directory)
    assert not process.clock.getDelayedCalls()


@pytest.mark.parametrize("step", ["lose", "answer", "hang", "late"])
def test_after_a_lost_answer_each_block_is_there_once(directory, step):
    far = FarSide(script=[None, step])
    process = shipped(directory, far, 1)
    if step in ("hang", "late"):
        process.run(ANSWER + 1)
    far.late.clear()
    process.run(1)
    assert far.text == ALL
    assert [one.reason for one in process.reports.of(AttemptFailed)] == ["unavailable"]
    assert process.reports.kinds.count(TargetDown) == 1
    assert process.reports.kinds.count(TargetUp) == 2


def test_a_block_that_arrives_late_and_has_grown_meanwhile(tmp_path):
    """The answer came never, more lines came; then the old block arrives before the new one does."""
    writer = Writer(tmp_path / "logs")
    writer.write()
    far = FarSide(script=["late", "late"])
    shipped(writer.directory, far, 0.2).kill()
    writer.write()
    process = shipped(writer.directory, far, 0.2)
    assert [block.end.offset for block in far.late] == [55, 110]
    far.arrive()
    process.run(ANSWER + 1)
    far.arrive()
    writer.write()
    process.run(1)
    assert far.text == (writer.directory / "current.log").read_bytes()


def test_a_short_block_a_kill_and_more_lines(tmp_path):
    """The same beginning, a longer block: what comes behind the short one is not lost, nor it doubled."""
    writer = Writer(tmp_path / "logs")
    writer.write()
    far = FarSide()
    shipped(writer.directory, far, 0.1).kill()
    assert '"1:0"' in cursor(writer.directory), "the place was saved before the kill"
    assert len(far.blocks) == 1
    writer.write()
    shipped(writer.directory, far)
    assert far.text == (writer.directory / "current.log").read_bytes()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda text: text[:40], "is damaged"),
        (lambda text: text.replace("far:", "fat:"), "is damaged"),
        (None, ""),
    ],
)
def test_a_useless_kept_place_does_not_matter_to_a_target_with_its_own(directory, harm, told):
    far = FarSide()
    shipped(directory, far).kill()
    path = directory / "ship" / "far"
    if harm is None:
        path.unlink()
    else:
        path.write_text(harm(path.read_text()))
    written = append(directory, "one more")
    process = shipped(directory, far)
    # The far side knows.
    assert far.text == ALL + written
    troubles = [one.why for one in process.reports.of(Trouble)]
    assert len(troubles) == bool(told) and all(told in one for one in troubles)


def test_a_warning_that_comes_back_is_reported_again(directory):
    """The stream is full once more: an operator who has made room must hear of it."""
    far = FarSide()
    process = shipped(directory, far)
    for number, warning in enumerate(("full", "full", "", "full")):
        far.warning = warning
        append(directory, f"more {number}")
        process.run(1)
    assert [one.why for one in process.reports.of(Trouble)] == ["full", "full"]


def test_blocks_that_the_target_has_lost_are_sent_again(directory):
    far = FarSide()
    process = shipped(directory, far)
    del far.blocks[1:], far.texts[1:]
    far.script = [Unavailable("restarted")]
    append(directory, "one more")
    process.run(2)
    assert far.text == (TEXTS[0] + TEXTS[1] + (directory / "current.log").read_bytes())
    (resent,) = process.reports.of(TextResent)
    assert resent.bytes == len(TEXTS[1] + TEXTS[2])
    assert "has only 1:" in resent.why


def test_text_lost_there_and_removed_here_is_a_gap(directory):
    far = FarSide()
    shipped(directory, far).kill()
    del far.blocks[1:], far.texts[1:]
    for path in directory.glob("0000000002-*"):
        path.unlink()
    process = shipped(directory, far)
    assert far.texts == [TEXTS[0], TEXTS[2]]
    assert far.blocks[1].after == far.blocks[0].end and far.blocks[1].gap == "unknown"
    assert process.reports.of(TextResent)[0].bytes is None
    assert process.reports.of(GapFound)[0].bytes is None


def _first(directory: Path) -> Any:
    far = FarSide(script=[None, "hang"])
    process = Process(directory, "first")
    process.blocks(far).start()
    process.run(0.2)
    process.kill()
    return far.blocks[0]


@pytest.mark.parametrize("removed", [False, True])
def test_a_target_that_has_lost_all_gets_only_new_lines(directory, removed):
    """A stream that lets go by its limits has lost nothing."""
    far = FarSide(has_removed_blocks=removed)
    shipped(directory, far).kill()
    del far.blocks[:], far.texts[:]
    written = append(directory, "one more")
    process = shipped(directory, far)
    assert far.text == written and far.blocks[0].after is None
    if removed:
        [why] = [one.why for one in process.reports.of(Trouble)]
        assert "removed all lines" in why
    else:
        [why] = [one.why for one in process.reports.of(StoreForgotten)]
        assert "has nothing of this store" in why


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (LastBlock(Position(4, 0)), "up to 4:0, and here it ends at 3:"),
        (LastBlock(Position(2, SECOND + 1)), f"up to 2:{SECOND + 1}, where no line begins here"),
        (
            LastBlock(Position(2, SECOND), Position(2, 0), 7),
            f"from 2:0 to 2:{SECOND} the target has other lines",
        ),
        (LastBlock(Position(3, 1)), "up to 3:1, where no line begins here"),
        (
            LastBlock(Position(2, SECOND + 40), Position(2, SECOND), 7),
            f"from 2:{SECOND} to 2:{SECOND + 40} the target has other lines",
        ),
    ],
)
def test_a_store_that_was_restored_or_copied_stops(directory, last, why):
    far = FarSide(asked=[last])
    process = shipped(directory, far, 100)
    (stopped,) = process.reports.of(ShipperStopped)
    assert why in stopped.why and "logsrv ship --new-identity" in stopped.why
    assert not far.blocks and far.questions == 1
    assert process.send_loop.stop().called


@pytest.mark.parametrize("last", [LastBlock(Position(2, SECOND)), LastBlock(Position(3, 0)), "crc"])
def test_sending_goes_on_at_a_place_of_the_target_that_is_ours(directory, last):
    if last == "crc":
        block = _first(directory)
        last = LastBlock(block.end, block.start, block.crc)
    far = FarSide(asked=[last], script=["lose"] * 1000)
    shipped(directory, far, 0.2)
    sent = far.sent
    assert sent[0].after == last.position
    assert sent[0].start in (last.position, Position(last.position.segment + 1, 0))


def test_sending_goes_on_after_lines_of_the_last_block_were_erased(directory):
    """The target has them, and here are others: that is no copy of the store."""
    last = LastBlock(Position(2, SECOND), Position(2, 0), 7)
    disk = Disk().open_directory(directory)
    save_erased(ErasedNotes().with_segment(2, SECOND - 5, SECOND), disk)
    disk.close()
    far = FarSide(asked=[last], script=["lose"] * 1000)
    process = shipped(directory, far, 0.2)
    assert far.sent[0].after == last.position
    assert not process.reports.of(ShipperStopped)


def test_pauses_grow_and_a_target_that_asks_for_one_gets_it(directory):
    far = FarSide(asked=[Unavailable("no")] * 10)
    process = shipped(directory, far, 300)
    assert far.text == ALL
    assert process.reports.kinds.count(TargetDown) == 1
    far.script = [Unavailable("busy", after=7.0), Unavailable("401", settled=True)]
    written = append(directory, "one more")
    process.run(90)
    assert [(one.seconds, one.reason) for one in process.reports.of(AttemptFailed)][9:] == [
        (LONGEST, "unavailable"),
        (7.0, "unavailable"),
        (SETTLED, "settled"),
    ]
    assert far.text == ALL + written


def test_blocks_that_are_too_large_are_halved_and_grow_again(directory):
    far = FarSide(script=[TooMuchAtOnce("max_payload"), TooMuchAtOnce("max_payload")])
    process = shipped(directory, far, 5)
    assert far.text == ALL
    sizes = [len(block.packed) for block in far.blocks]
    assert len(sizes) > 8
    assert [one.reason for one in process.reports.of(AttemptFailed)] == ["too-large"] * 2
    assert not process.reports.of(TargetDown)
    for number in range(GROW):
        append(directory, str(number))
        process.run(0.3)
    append(directory, *map(str, range(4000)))
    process.run(1)
    assert len(far.blocks[-1].packed) > max(sizes)


def test_a_target_may_learn_its_largest_block_later(directory):
    far = FarSide(asked=[Unavailable("not there yet")])
    process = shipped(directory, far, 0.05)
    far.largest = far.takes = 2000
    process.run(5)
    assert far.text == ALL and not process.reports.of(LinesRefused)
    assert [one.reason for one in process.reports.of(AttemptFailed)] == ["unavailable"]


def test_a_line_that_is_too_large_is_kept_and_passed_over(tmp_path):
    long = line(os.urandom(4000).hex())
    text = [line("before"), long, line("behind")]
    directory = make_store(tmp_path / "logs", [text])
    far = FarSide(largest=2000, script=[None, "lose"])  # The block behind it is cut twice.
    process = shipped(directory, far, 100)
    assert far.texts == [text[0], text[2]]
    assert [block.gap for block in far.blocks] == ["", str(len(long))]
    (refused,) = process.reports.of(LinesRefused)
    assert (refused.bytes, refused.lines) == (len(long), 1)
    assert (directory / "ship" / "far.refused").read_bytes() == long
    assert process.reports.of(GapFound)[0].bytes == len(long)


def test_a_target_may_refuse_a_line_as_too_large_only_when_it_is_sent(tmp_path):
    long = line(os.urandom(1000).hex())
    directory = make_store(tmp_path / "logs", [[line("before"), long, line("behind")]])
    far = FarSide(takes=500)
    shipped(directory, far)
    assert far.texts == [line("before"), line("behind")]
    assert (directory / "ship" / "far.refused").read_bytes() == long


def test_two_shippers_of_one_name_never_run_at_once(directory):
    far = FarSide()
    first = shipped(directory, far)
    process = Process(directory)
    process.blocks(far).start()
    questions = far.questions
    process.run(20)
    assert far.questions == questions
    assert "another process ships as far" in process.reports.of(Trouble)[0].why
    assert len(process.reports.all) == 1
    first.kill()
    process.run(2)
    assert far.questions == questions + 1
    assert Process(directory, "else").kept.lock()


def test_a_removed_store_is_reported(directory):
    far = FarSide()
    process = shipped(directory, far)
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    directory.rmdir()
    process.run(3)
    why = "the store was removed; a restart of the server makes another one"
    assert {one.why for one in process.reports.of(AttemptFailed)} == {why}
    assert not process.reports.of(ShipperStopped), "it was neither restored nor copied"


class SlowFarSide(FarSide):
    """A far side that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Deferred[None]] = []

    def send(self, block: PackedBlock) -> Deferred[None]:
        self.sent.append(block)
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def answer(self) -> None:
        self.take(self.sent[-1])
        self.waiting.pop().callback(None)


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The places behind which blocks were cut; an exception that is put there is raised by the next."""
    found: list[Any] = []
    cut = BlockCutter.cut_block

    def noted(self: BlockCutter, after: Position | None, limits: BlockLimits) -> CutBlock | None:
        if found and isinstance(found[-1], Exception):
            raise found.pop()
        found.append(after)
        return cut(self, after, limits)

    monkeypatch.setattr(BlockCutter, "cut_block", noted)
    return found


def test_the_next_block_is_cut_while_one_is_under_way(directory, cuts):
    far = SlowFarSide()
    process = Process(directory)
    process.blocks(far).start()
    process.clock.advance(AHEAD)
    assert len(far.sent) == 1 and len(cuts) == 2
    far.answer()
    process.clock.advance(0)
    assert len(far.sent) == 2 and len(cuts) == 2
    # What is wrong is told when it is needed.
    cuts.append(OSError("not now"))
    process.clock.advance(AHEAD)
    far.answer()
    process.clock.advance(0)
    assert len(far.sent) == 3 and len(cuts) == 3
    far.answer()
    assert far.text == ALL
    assert not process.reports.of(AttemptFailed)


def test_a_disk_error_in_the_middle_of_a_block_that_is_cut_ahead_loses_no_text(
    directory, monkeypatch
):
    """What was read of that block before the error is read again, when the block is due."""
    monkeypatch.setattr(cut, "PIECE", 1 << 16)
    read, errors = DurableFollower.read, [None, OSError("not now")]

    def failing(*arguments: Any, **more: Any) -> Any:
        if errors and (error := errors.pop(0)) is not None:
            raise error
        return read(*arguments, **more)

    far = SlowFarSide()
    process = Process(directory)
    process.blocks(far).start()
    monkeypatch.setattr(DurableFollower, "read", failing)
    process.clock.advance(AHEAD)
    assert not errors
    for _ in range(3):
        far.answer()
        process.clock.advance(0)
    assert far.text == ALL
    assert not process.reports.of(AttemptFailed)


def test_what_was_cut_ahead_is_forgotten_with_what_was_lost(directory, cuts):
    far = SlowFarSide()
    process = Process(directory)
    process.blocks(far).start()
    process.clock.advance(AHEAD)
    far.waiting.pop().errback(Unavailable("the connection was lost"))
    process.run(0.2)
    assert far.sent[1] == far.sent[0] and len(cuts) >= 3
    while far.waiting:
        far.answer()
        process.run(0.5)
    assert far.text == ALL


def test_a_segment_that_has_ended_is_not_kept_for_the_target(tmp_path):
    writer = Writer(tmp_path / "logs")
    writer.write()
    writer.rotate()
    far = FarSide()
    process = shipped(writer.directory, far)
    assert process.reports.of(SegmentPassed)[0].position == Position(2, 0)
    process.kill()
    # The far side is at the end of the first, which is the same place.
    again = shipped(writer.directory, far)
    assert again.reports.kinds == [SegmentPassed, TargetUp]
    writer.write()
    again.run(1)
    assert len(far.blocks) == 2 and not far.blocks[1].gap


@pytest.mark.parametrize(("size", "gap"), [(len(TEXTS[1]), ""), (len(TEXTS[1]) + 7, "7")])
def test_a_segment_that_was_sent_and_removed_is_no_gap(directory, size, gap):
    far = FarSide()
    shipped(directory, far).kill()
    del far.blocks[2:], far.texts[2:]
    remove_segment(directory, 2, size, 300)
    process = shipped(directory, far)
    assert far.text == ALL and far.blocks[2].gap == gap
    assert [one.bytes for one in process.reports.of(GapFound)] == ([7] if gap else [])


@pytest.mark.parametrize("killed", [False, True])
def test_a_gap_that_grows_after_it_was_counted_is_not_counted_twice(tmp_path, killed):
    """Retention goes on while a target is away that has not taken the block behind the gap."""
    directory = make_store(tmp_path / "logs", [*SEGMENTS, [line("newest")]])
    far = FarSide(script=[None, "lose"], asked=[None, *[Unavailable("away")] * 4])
    remove_segment(directory, 2, len(TEXTS[1]), 3000)
    process = shipped(directory, far)
    assert [one.lines for one in process.reports.of(GapFound)] == [3000]
    remove_segment(directory, 3, len(TEXTS[2]), 3000)
    if killed:
        process.kill()
        process = shipped(directory, far, 10)
    process.run(10)
    assert far.text == TEXTS[0] + line("newest")
    assert far.blocks[1].gap == str(len(TEXTS[1] + TEXTS[2]))
    assert process.kept.gone == MissingText(len(TEXTS[1] + TEXTS[2]), 6000)
    assert [one.lines for one in process.reports.of(GapFound)] == [3000] * (1 if killed else 2)


def test_a_gap_is_counted_although_the_target_takes_what_follows_and_the_process_is_killed(
    tmp_path,
):
    """The answer is lost, too: the next process goes on after the gap, and does not find it."""
    directory = make_store(tmp_path / "logs", SEGMENTS)
    away = [Unavailable("away")] * 4
    far = FarSide(script=[None, "lose", "answer"], asked=[None, *away, None, *away, *away])
    process = shipped(directory, far, 0.5)
    remove_segment(directory, 2, len(TEXTS[1]), 3000)
    process.run(10)
    assert len(far.blocks) == 2
    process.kill()
    far.asked.clear()
    process = shipped(directory, far)
    assert far.text == TEXTS[0] + TEXTS[2]
    assert process.kept.gone == MissingText(len(TEXTS[1]), 3000)


def test_text_between_two_gaps_that_goes_before_it_is_taken_is_counted_too(tmp_path):
    """The blocks before and after the first gap were in flight when the target went."""
    directory = make_store(tmp_path / "logs", [*SEGMENTS, TEXTS[:1], [line("newest")]])
    remove_segment(directory, 3, len(TEXTS[2]), 3000)
    far = FarSide(window=3, script=[None, *["hang"] * 3])
    process = shipped(directory, far)
    assert [block.start.segment for block in far.sent] == [1, 2, 4, 5]
    assert process.kept.gone == MissingText(len(TEXTS[2]), 3000)
    for number, text in ((2, TEXTS[1]), (4, TEXTS[0])):
        remove_segment(directory, number, len(text), 3000)
    process.run(2 * ANSWER)
    assert far.text == TEXTS[0] + line("newest")
    assert process.kept.gone == MissingText(len(ALL), 9000)


def test_blocks_become_smaller_on_a_slow_link(tmp_path):
    store = [[line(os.urandom(1000).hex(), n) for n in range(600)]]
    process = Process(make_store(tmp_path / "logs", store))
    # What one answer may take is a quarter of the text.
    far = FarSide(clock=process.clock, speed=5000.0)
    process.blocks(far).start()
    process.run(400)
    assert far.text == b"".join(store[0])
    assert 1 <= len(process.reports.of(AttemptFailed)) <= 5
    # Halved as often as needed, not at once to the least.
    assert min(len(block.packed) for block in far.blocks[:-1]) > LEAST
