"""Every order of what may happen: nothing is missing at the far end, nothing is there twice.

A store is written, rotated, sealed and cut down, while the far side loses questions, blocks and answers,
gets blocks late, forgets some, and the shipper is killed at any moment and started again.
"""

import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from logsrv.linelog.ship.reports import ShipperStopped
from logsrv.linelog.ship.send_loop import QUIET
from logsrv.linelog.ship.targets.target import ANSWER, Unavailable
from logsrv.linelog.store.segment import NOWHERE, Position
from tests.parts.examples import more
from tests.parts.ship_targets import FarSide, LineFarSide, Process
from tests.parts.stores import Writer

pytestmark = pytest.mark.slow


class Shipped(RuleBasedStateMachine):
    """A store of small segments, a far side that takes small blocks, and the shipper between them."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.writer = Writer(self.folder / "logs")
        self.random = random.Random(1)
        # The text of each segment, whatever is gone meanwhile.
        self.texts = {1: b""}
        self.removed: set[int] = set()
        self.begin_far()
        self.start()

    def begin_far(self) -> None:
        self.far = FarSide(largest=600)

    def start(self) -> None:
        self.process = Process(self.writer.directory)
        self.process.blocks(self.far).start()

    @rule(lines=st.integers(1, 12), size=st.sampled_from([10, 100, 900]), half=st.booleans())
    def write(self, lines: int, size: int, half: bool) -> None:
        for _ in range(lines):
            self.writer.write(half, self.random.randbytes(size // 2).hex())
        self.texts[self.writer.number] = (self.writer.directory / "current.log").read_bytes()

    @precondition(lambda self: self.texts[self.writer.number])
    @rule()
    def rotate(self) -> None:
        self.writer.rotate()
        self.texts[self.writer.number] = b""

    @rule()
    def seal(self) -> None:
        self.writer.seal()

    @rule()
    def remove(self) -> None:
        """Retention, which does not ask whether it was shipped."""
        if self.writer.packed:
            self.removed.add(self.writer.packed[0].number)
            self.writer.remove()

    @rule(seconds=st.sampled_from([0.05, 0.1, 0.3, 1.0, ANSWER]))
    def wait(self, seconds: float) -> None:
        self.process.run(seconds)

    @rule(steps=st.lists(st.sampled_from([None, "lose", "answer", "hang", "late"]), max_size=4))
    def fail(self, steps: list[str | None]) -> None:
        self.far.script[:] = steps

    @rule(number=st.integers(0, 2))
    def fail_questions(self, number: int) -> None:
        self.far.asked[:] = [Unavailable("it restarts")] * number

    @precondition(lambda self: self.far.late)
    @rule()
    def arrive(self) -> None:
        self.far.arrive()

    @rule(number=st.integers(1, 3))
    def forget(self, number: int) -> None:
        """A far side that acknowledged, and has lost its last blocks."""
        if len(self.far.blocks) > number:
            del self.far.blocks[-number:], self.far.texts[-number:]

    @rule(sleep=st.booleans())
    def kill(self, sleep: bool) -> None:
        self.process.kill()
        self.start()

    def teardown(self) -> None:
        self.far.script.clear()
        self.far.asked.clear()
        # What is gone in front of it is told with the next line.
        self.write(1, 10, half=False)
        # A connection that is cut brings nothing any more, once a new one was made.
        self.far.late.clear()
        self.process.run(ANSWER * 2 + QUIET + 1)
        try:
            self.check()
        finally:
            self.process.kill()
            self.writer.disk.close()
            shutil.rmtree(self.folder)

    def check(self) -> None:
        assert not self.process.reports.of(ShipperStopped)
        place = NOWHERE
        for block, text in zip(self.far.blocks, self.far.texts, strict=True):
            assert text == self.texts[block.start.segment][block.start.offset : block.end.offset]
            assert block.start >= place
            missing = self.between(place, block.start)
            assert not missing or block.gap in (str(len(missing)), "unknown") or place == NOWHERE
            if missing:
                self.require_reason(place, block.start)
            place = block.end
        assert place == Position(self.writer.number, len(self.texts[self.writer.number]))

    def between(self, start: Position, end: Position) -> bytes:
        """The text that is between two places."""
        if start.segment == end.segment:
            return self.texts[start.segment][start.offset : end.offset]
        found = self.texts.get(start.segment, b"")[start.offset :]
        for number in range(start.segment + 1, end.segment):
            found += self.texts.get(number, b"")
        return found + self.texts[end.segment][: end.offset]

    def require_reason(self, start: Position, end: Position) -> None:
        """What is missing is of segments that were removed, or a line larger than a block."""
        for number in range(max(start.segment, 1), end.segment + 1):
            first = start.offset if number == start.segment else 0
            last = end.offset if number == end.segment else len(self.texts[number])
            gone = self.texts[number][first:last]
            assert number in self.removed or self.may_be_missing(gone), number

    def may_be_missing(self, text: bytes) -> bool:
        return all(len(line) > 600 for line in text.splitlines())


Shipped.TestCase.settings = more(
    1.6, stateful_step_count=30, suppress_health_check=list(HealthCheck)
)
TestBlocks = Shipped.TestCase


class ShippedAtOnce(Shipped):
    """The same with several blocks under way, which may come in another order."""

    def begin_far(self) -> None:
        self.far = FarSide(largest=600, window=3)

    def start(self) -> None:
        self.process = Process(self.writer.directory)
        self.far.clock = self.process.clock
        self.process.blocks(self.far).start()

    @rule(delays=st.lists(st.sampled_from([0.0, 0.02, 0.3, ANSWER]), max_size=6))
    def delay(self, delays: list[float]) -> None:
        self.far.delays[:] = delays

    def teardown(self) -> None:
        self.far.delays.clear()
        self.process.run(ANSWER * 2 + 1)
        super().teardown()


ShippedAtOnce.TestCase.settings = Shipped.TestCase.settings
TestBlocksAtOnce = ShippedAtOnce.TestCase


class ShippedLines(Shipped):
    """The same with a far side that keeps no place: nothing is missing."""

    def begin_far(self) -> None:
        super().begin_far()
        self.lines = LineFarSide(most_lines=5, most_bytes=700)

    def start(self) -> None:
        self.process = Process(self.writer.directory)
        self.process.lines(self.lines).start()

    @rule(steps=st.lists(st.sampled_from([None, Unavailable("busy"), "hang"]), max_size=4))
    def fail(self, steps: list[object]) -> None:
        self.lines.script[:] = steps

    def check(self) -> None:
        self.lines.script.clear()
        self.process.run(ANSWER * 2 + 2)
        there = set(self.lines.lines)
        for number, text in self.texts.items():
            missing = [line for line in text.splitlines() if line not in there]
            assert not missing or number in self.removed, number


ShippedLines.TestCase.settings = settings(
    Shipped.TestCase.settings, max_examples=more(0.8).max_examples
)
TestLines = ShippedLines.TestCase
