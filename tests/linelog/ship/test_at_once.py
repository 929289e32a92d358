"""Several blocks under way to a target: each byte is there once, whatever becomes of one of them."""

import os
from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.ship.reports import AttemptFailed, GapFound, TargetDown, TextAcknowledged
from logsrv.linelog.ship.send_loop import LAST, SETTLED
from logsrv.linelog.ship.targets.target import ANSWER, RefusedForGood, TooMuchAtOnce
from logsrv.linelog.store.index import indexing
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.packed_block import PackedBlock
from logsrv.linelog.store.segment import segments
from tests.parts.disks import at
from tests.parts.ship_targets import FarSide, Process
from tests.parts.stores import line, make_store

SEGMENTS = [[line(f"{segment} {n}", n) for n in range(3000)] for segment in range(3)]
ALL = b"".join(b"".join(lines) for lines in SEGMENTS)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return make_store(tmp_path / "logs", SEGMENTS, packed=1)


def at_once(directory: Path, **given: Any) -> tuple[FarSide, Process]:
    """A shipper that has several blocks under way, and a far side that takes 0.01 s for each."""
    process = Process(directory)
    far = FarSide(largest=2000, window=3, clock=process.clock, **given)
    process.blocks(far).start()
    return far, process


def test_several_blocks_are_under_way_once_one_was_taken(directory):
    far, process = at_once(directory, delays=[0.5, 2.0, 2.0, 2.0])
    process.run(0.5)
    assert len(far.sent) == 1
    process.run(1.9)
    assert len(far.sent) == 4
    process.run(20)
    assert far.text == ALL
    assert not process.reports.of(AttemptFailed)
    assert [one.position for one in process.reports.of(TextAcknowledged)] == [
        block.end for block in far.blocks
    ]


@pytest.mark.parametrize("step", ["lose", "answer", "hang", TooMuchAtOnce("smaller")])
def test_one_of_several_that_fails_takes_the_others_with_it(directory, step):
    far, process = at_once(directory, script=[None, None, step])
    process.run(ANSWER + 20)
    assert far.text == ALL
    assert len(process.reports.of(AttemptFailed)) == 1
    assert process.reports.kinds.count(TargetDown) == (step in ("lose", "answer", "hang"))


def test_blocks_that_overtake_each_other_are_sent_one_by_one(directory):
    far, process = at_once(directory, delays=[0.1, 1.0, 0.1, 0.1])
    process.run(1.0)
    # Both behind the second were refused; it is waited for, because it may be taken.
    assert len(far.sent) == 4 and not process.reports.of(AttemptFailed)
    process.run(1.0)
    assert [one.reason for one in process.reports.of(AttemptFailed)] == ["misplaced"]
    process.run(20)
    assert far.text == ALL


def test_a_stop_drops_the_blocks_in_flight(directory):
    far, process = at_once(directory, delays=[0.1, 9.0, 9.0, 9.0])
    process.run(1.0)
    stopped = process.send_loop.stop()
    process.run(LAST + 0.1)
    assert stopped.called and len(far.blocks) == 1
    assert f'"position":"{far.place}"' in (directory / "ship" / "far").read_text()


def test_several_for_which_the_network_is_too_slow_are_sent_one_by_one(directory):
    """Each would have its answer in time, if it were alone."""
    far, process = at_once(directory, delays=[0.1, 2 * ANSWER, 2 * ANSWER, 2 * ANSWER])
    process.run(ANSWER + 2)
    assert [one.reason for one in process.reports.of(AttemptFailed)] == ["unavailable"]
    sent = len(far.sent)
    far.delays = [ANSWER / 2] * 9
    process.run(ANSWER / 4)
    assert len(far.sent) <= sent + 1
    process.run(2 * ANSWER)
    assert len(far.sent) - sent <= 6
    assert len(process.reports.of(AttemptFailed)) == 1


@pytest.mark.parametrize("step", ["answer", "lose", "hang"])
def test_a_gap_is_counted_once_whatever_becomes_of_the_answer(tmp_path, step):
    long = line(os.urandom(4000).hex())
    directory = make_store(tmp_path / "logs", [[line("before"), long, line("behind")]])
    far, process = at_once(directory, script=[None, step])
    process.run(ANSWER + 20)
    assert far.text == line("before") + line("behind")
    assert [one.bytes for one in process.reports.of(GapFound)] == [len(long)]


class Checking(FarSide):
    """A far side that says what is wrong with a block."""

    def take(self, block: PackedBlock) -> None:
        try:
            super().take(block)
        except ValueError as error:
            raise RefusedForGood(str(error)) from None


def test_a_frame_whose_sum_lies_is_unpacked_once_it_was_refused(tmp_path):
    """As when a bit turned in memory while the segment was compressed."""
    directory = make_store(tmp_path / "logs", SEGMENTS, packed=2)
    disk = at(directory)
    packed = segments(disk)[1]
    found = index.load(packed, disk)
    assert found.sums
    indexing.save_index(
        found._replace(sums=bytes([found.sums[0] ^ 1]) + found.sums[1:]), packed, disk
    )
    far, process = Checking(window=3), Process(directory)
    process.blocks(far).start()
    process.run(2 * SETTLED)
    assert far.text == ALL
    assert [one.reason for one in process.reports.of(AttemptFailed)] == ["settled"]
