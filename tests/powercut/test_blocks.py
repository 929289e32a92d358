"""After a power cut a centre has every block that it acknowledged, and has none twice."""

import random
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from logsrv.clock import Clock
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.store.blocks import PendingBlock
from logsrv.linelog.store.packed_block import PackedBlock
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.segment import NOWHERE, Position
from logsrv.linelog.store.store import Store
from tests.parts.blocks import Edge, Sender, stored_lines
from tests.parts.powercut.history import History
from tests.parts.powercut.models import MODELS, image
from tests.parts.powercut.recording import operations
from tests.parts.powercut.recovery import Turns
from tests.parts.store_reader import stored_bytes
from tests.powercut.trying import RECORDS, SEED, STATES, choices, different_states, on_disk
from tests.powercut.workloads import STORE, Stage, recorded_stage

pytestmark = pytest.mark.slow

ORIGINS = (32 * "a", 32 * "b")
EDGES = {one: Edge(one, stored_lines(one, 700, size=200), 20_000) for one in ORIGINS}
AT_ONCE = 3
"""Blocks of an origin that are under way at once."""
OPTIONS = ("--listen", "blocks:tcp:0:interface=127.0.0.1", "--input-token", "geheim")


class Centre:
    """A daemon that takes blocks beside lines, recorded."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self._stage = stage
        self._chance = random.Random(seed)
        self._places: dict[str, Position | None] = dict.fromkeys(ORIGINS)

    def start(self, *options: str) -> None:
        self._stage.start(*OPTIONS, *options)

    def send(self, count: int, *, kill: bool = False) -> None:
        """Send `count` times some blocks of each origin at once, and lines of other senders between them.

        kill: kill the daemon at the first answer of the last time, before the other blocks are on the disk.
        """
        server = self._stage.server
        assert server is not None
        with ExitStack() as ended:
            senders = {
                origin: [
                    ended.enter_context(closing(Sender(server.ports()[1]))) for _ in range(AT_ONCE)
                ]
                for origin in ORIGINS
            }
            for number in range(count):
                last = kill and number == count - 1
                for posted in [self._post(origin, senders[origin]) for origin in ORIGINS]:
                    for origin, block, sender in posted[: 1 if last else None]:
                        self._answered(origin, block, sender)
                if last:
                    self._kill()
                else:
                    self._stage.send(2)

    def _post(
        self, origin: str, senders: Sequence[Sender]
    ) -> list[tuple[str, PackedBlock, Sender]]:
        posted, place = [], self._places[origin]
        for sender in senders:
            block = EDGES[origin].next(place, 9000, self._chance)
            if block is None:
                break
            sender.post(block)
            posted.append((origin, block, sender))
            place = block.end
        return posted

    def _answered(self, origin: str, block: PackedBlock, sender: Sender) -> None:
        if sender.answered().status == 200:
            self._places[origin] = block.end
            self._stage.recording.mark(f"block {origin} {block.end}")

    def _kill(self) -> None:
        server = self._stage.server
        assert server is not None
        with self._stage.recording.between_operations():
            server.send_signal(signal.SIGKILL)
            server.wait()


@pytest.fixture(scope="session", params=range(RECORDS))
def record(request: pytest.FixtureRequest, place: Path, shim: Path) -> Path:
    """The record of a centre that is killed and started again."""
    directory = place / f"centre{request.param}"
    with recorded_stage(directory, shim) as stage:
        centre = Centre(stage, 11 + request.param)
        for count in 4, 3:
            centre.start("--rotate-size", "40KiB")
            centre.send(count, kill=True)
        centre.start("--sync", "never", "--rotate-size", "40KiB")
        centre.send(3)
        stage.stop()
    return stage.recording.path


@pytest.mark.parametrize("model", MODELS)
def test_a_centre_has_each_acknowledged_block_once(record, model, tmp_path):
    history = History(operations(record))
    found, make = choices(MODELS[model], history, SEED), partial(image, MODELS[model], history)
    tried = 0
    for choice, made in different_states(found, make, most=STATES):
        tried += 1
        with on_disk(made) as root:
            wrong = wrongs(root / STORE, promised(history.marks, choice.cut))
        assert not wrong, "\n".join([choice.told(history), *wrong])
    assert tried > 12


def promised(marks: Mapping[str, int], cut: int) -> dict[str, Position]:
    """Return the last position of each origin that was acknowledged before a cut."""
    places = dict.fromkeys(ORIGINS, NOWHERE)
    for text, at in marks.items():
        kind, *words = text.split()
        if kind == "block" and at <= cut:
            segment, offset = map(int, words[1].split(":"))
            places[words[0]] = max(places[words[0]], Position(segment, offset))
    return places


def wrongs(directory: Path, promises: Mapping[str, Position]) -> list[str]:
    """Start the centre again, let both origins send the rest, and return what is wrong then."""
    turns = Turns()
    store = Store(directory, StorePolicy(), reactor=turns, clock=Clock(), metrics=Metrics(METRICS))
    store.open()
    found = []
    for origin, edge in EDGES.items():
        note = store.origins.last_block(origin)
        place = note.end if note else None
        if (place or NOWHERE) < promises[origin]:
            found.append(f"lost: {origin} is at {place}, and {promises[origin]} was acknowledged")
        chance = random.Random(3)
        while (block := edge.next(place, 30_000, chance)) is not None:
            at = edge.offset(block.start)
            text = edge.text[at : at + block.text_size]
            pending = PendingBlock(
                origin, block.start, block.end, block.crc, text, text.count(b"\n")
            )
            turns.result(store.deposit(pending), "a block to be on the medium")
            place = block.end
    turns.result(store.close(), "the end")
    text = stored_bytes(directory)
    for origin, edge in EDGES.items():
        mark = b" <" + origin[:4].encode() + b" "
        lines = b"".join(line for line in text.splitlines(keepends=True) if mark in line)
        if lines != edge.text:
            numbers = [line.split(mark)[1].split(b">")[0] for line in lines.splitlines()]
            twice = sorted({one for one in numbers if numbers.count(one) > 1})
            found.append(f"wrong: {origin} has {len(numbers)} lines, twice {twice[:10]!r}")
    return found
