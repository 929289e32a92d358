"""Far sides in memory, a clock that is driven, and what shippers report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import attrs
import zstandard
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from logsrv.linelog.read.view import View
from logsrv.linelog.ship.block_sender import BlockSender
from logsrv.linelog.ship.line_sender import LineSender
from logsrv.linelog.ship.progress import Progress
from logsrv.linelog.ship.reports import PlaceSaved, ShipReport
from logsrv.linelog.ship.send_loop import SendLoop, SendSteps
from logsrv.linelog.ship.ship_place import ShipPlace
from logsrv.linelog.ship.targets.target import (
    LastBlock,
    LineBatch,
    MisplacedBlock,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.store.packed_block import LARGEST, PackedBlock, check_block_text
from logsrv.linelog.store.segment import Position

STORE = "ab" * 16
T = TypeVar("T")
LF = b"\n"


def text_of(block: PackedBlock) -> bytes:
    """The text of a block, which is checked."""
    text = b""
    left = block.packed
    while left:
        one = zstandard.ZstdDecompressor().decompressobj()
        text += one.decompress(left)
        assert one.eof
        left = one.unused_data
    check_block_text(block, text)
    return text


@attrs.define
class FarSide:
    """A far side that keeps blocks, as a receiver does: what it has outlives its targets.

    script: what happens to the next sendings, one word each: `lose` (nothing arrives), `answer` (it
    arrives, the answer is lost), `late` (it arrives at `arrive`), `hang` (no answer, nothing arrives), or
    an exception. `asked` is the same for questions. takes: packed bytes that it really takes. clock: by
    which sendings take as long as `delays` say, one each. speed: of the link, in bytes a second.
    """

    largest: int = LARGEST
    promise: str = "exactly once"
    window: int = 1
    blocks: list[PackedBlock] = attrs.field(factory=list)
    texts: list[bytes] = attrs.field(factory=list)
    script: list[Any] = attrs.field(factory=list)
    asked: list[Any] = attrs.field(factory=list)
    takes: int = LARGEST
    sent: list[PackedBlock] = attrs.field(factory=list)
    late: list[PackedBlock] = attrs.field(factory=list)
    questions: int = 0
    closed: int = 0
    has_removed_blocks: bool = False
    warning: str = ""
    missing: str = ""
    clock: Clock | None = None
    delays: list[float] = attrs.field(factory=list)
    speed: float = 0.0

    @property
    def place(self) -> Position | None:
        return self.blocks[-1].end if self.blocks else None

    @property
    def text(self) -> bytes:
        return b"".join(self.texts)

    def fetch_last_block(self) -> Deferred[LastBlock | None]:
        self.questions += 1
        step = self.asked.pop(0) if self.asked else None
        if isinstance(step, Exception):
            return fail(step)
        if step == "hang":
            return Deferred()
        if step is not None:
            return succeed(step)
        if not self.blocks:
            return succeed(None)
        block = self.blocks[-1]
        return succeed(LastBlock(block.end, block.start, block.crc))

    def take(self, block: PackedBlock) -> None:
        """Take a block as the contract says. Raises MisplacedBlock."""
        place = self.place
        if place is not None and block.end <= place:
            return
        assert block.after is None or block.after <= block.start
        if block.after != place:
            raise MisplacedBlock(place)
        self.texts.append(text_of(block))
        self.blocks.append(block)

    def arrive(self) -> None:
        """Let a block arrive that was under way; nobody waits for its answer any more."""
        try:
            self.take(self.late.pop(0))
        except MisplacedBlock:
            pass

    def send(self, block: PackedBlock) -> Deferred[None]:
        assert len(block.packed) <= self.largest
        self.sent.append(block)
        if self.clock is None:
            return self._arrived(block)
        delay = self.delays.pop(0) if self.delays else 0.01
        if self.speed:
            delay = len(block.packed) / self.speed
        # The rest of a block that is given up never leaves.
        sent: Deferred[None] = Deferred(lambda _: call.cancel() if self.speed else None)
        call = self.clock.callLater(delay, self._arrive, block, sent)
        return sent

    def _arrive(self, block: PackedBlock, sent: Deferred[None]) -> None:
        """Take it whether or not its answer is waited for."""
        answer = self._arrived(block)
        answer.addErrback(lambda failure: None if sent.called else failure)
        if not sent.called:
            answer.chainDeferred(sent)

    def _arrived(self, block: PackedBlock) -> Deferred[None]:
        if len(block.packed) > self.takes:
            return fail(TooMuchAtOnce(f"at most {self.takes} bytes"))
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            return fail(step)
        if step == "lose":
            return fail(Unavailable("the connection was lost"))
        if step == "hang":
            return Deferred()
        if step == "late":
            self.late.append(block)
            return Deferred()
        try:
            self.take(block)
        except MisplacedBlock as error:
            return fail(error)
        if step == "answer":
            return fail(Unavailable("the connection was lost"))
        return succeed(None)

    def close(self) -> Deferred[None]:
        self.closed += 1
        return succeed(None)


@attrs.define
class LineFarSide:
    """A far side that takes lines. script: an exception each, `hang`, `wait` for `answer`, or a judge."""

    most_lines: int = 1000
    most_bytes: int = 1 << 16
    ahead: int = 0
    promise: str = "at least once"
    lines: list[bytes] = attrs.field(factory=list)
    sent: list[LineBatch] = attrs.field(factory=list)
    script: list[Any] = attrs.field(factory=list)
    judge: Callable[[LineBatch], Exception | str | None] = lambda _: None
    closed: int = 0
    held: list[Deferred[None]] = attrs.field(factory=list)

    def answer(self) -> None:
        """Answer the first that waits for it."""
        self.held.pop(0).callback(None)

    def send(self, lines: LineBatch) -> Deferred[None]:
        self.sent.append(lines)
        step = self.script.pop(0) if self.script else self.judge(lines)
        if step == "hang":
            return Deferred()
        if isinstance(step, Exception):
            return fail(step)
        self.lines += lines.lines
        if step == "wait":
            self.held.append(Deferred())
            return self.held[-1]
        return succeed(None)

    def close(self) -> Deferred[None]:
        self.closed += 1
        return succeed(None)


@attrs.define
class Reports:
    """What was reported."""

    all: list[ShipReport] = attrs.field(factory=list)

    def of(self, kind: type[T]) -> list[T]:
        return [one for one in self.all if isinstance(one, kind)]

    @property
    def kinds(self) -> list[type[ShipReport]]:
        """The classes of what happened; each second's saving of the place is no news."""
        return [type(one) for one in self.all if not isinstance(one, PlaceSaved)]


class Process:
    """A process that ships a store: its clock, its view and its reports; `kill` ends it as -9 does.

    made: all there were, until `end_all`.
    """

    made: ClassVar[list[Process]] = []
    send_loop: SendLoop

    def __init__(self, directory: Path, name: str = "far") -> None:
        self.made.append(self)
        self.killed = False
        self.reports = Reports()
        self.clock = Clock()
        self.told: list[str] = []
        self.view = View(str(directory), self.told.append)
        self.kept = ShipPlace(str(directory), name, target="far:", clock=lambda: 1e9)

    def ship(
        self,
        make: Callable[[Progress], SendSteps],
        ship_from: str = "beginning",
        store: str = STORE,
    ) -> SendLoop:
        """A shipper in it, with the sender that `make` returns."""
        progress = Progress(
            view=self.view,
            kept=self.kept,
            store=store,
            ship_from=ship_from,
            clock=self.clock,
            report=lambda one: None if self.killed else self.reports.all.append(one),
        )
        self.send_loop = SendLoop(make(progress), progress, lambda: 1.0)
        return self.send_loop

    def blocks(self, target: FarSide, ship_from: str = "beginning", store: str = STORE) -> SendLoop:
        """A shipper of blocks in it."""
        return self.ship(partial(BlockSender, target), ship_from, store)

    def lines(
        self, target: LineFarSide, query: str | None = None, ship_from: str = "beginning"
    ) -> SendLoop:
        """A shipper of lines in it."""
        return self.ship(lambda progress: LineSender(target, progress, query), ship_from)

    @property
    def position(self) -> Position:
        return self.send_loop.progress.position

    def run(self, seconds: float = 1.0) -> None:
        """Let so much time pass."""
        step = 0.05 if seconds <= 10 else 0.5
        self.clock.pump([step] * round(seconds / step))

    def kill(self) -> None:
        """End it as -9 does: nothing is saved or reported, the lock is free, no file is open."""
        if self.killed:
            return
        self.killed = True
        for call in self.clock.getDelayedCalls():
            call.cancel()
        if hasattr(self, "send_loop"):
            self.send_loop.sender.close()
        self.kept.close()
        self.view.close()

    @classmethod
    def end_all(cls) -> None:
        """End all of them."""
        while cls.made:
            cls.made.pop().kill()
