"""After a power cut an edge has every line that it has sent, and sends none twice.

    LOGSRV_POWER_CUT_RECORDS=20 pytest tests/powercut/test_shipping.py tests/powercut/test_blocks.py

cuts the power of twenty edges and of twenty centres, each at hundreds of moments.
"""

import json
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from logsrv.clock import Clock
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.testing import wait_until
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.ship.reports import (
    GapFound,
    LinesRefused,
    ShipperStopped,
    StoreForgotten,
    TargetDown,
    TextResent,
    report_sentence,
)
from logsrv.linelog.ship.targets.target import MisplacedBlock
from logsrv.linelog.store.packed_block import PackedBlock, block_from_headers
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.store import Store
from tests.parts.powercut.history import History
from tests.parts.powercut.models import MODELS, image
from tests.parts.powercut.recording import Recording, operations
from tests.parts.powercut.recovery import Turns
from tests.parts.ship_targets import FarSide, Process, text_of
from tests.parts.store_reader import stored_bytes
from tests.parts.waits import join
from tests.powercut.trying import RECORDS, SEED, STATES, choices, different_states, on_disk
from tests.powercut.workloads import STORE, Stage, recorded_stage

pytestmark = pytest.mark.slow


class Receiver(ThreadingHTTPServer):
    """A centre whose power stays on; it adds a mark to the record when it has a block."""

    daemon_threads = True

    def __init__(self, recording: Recording) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.recording = recording
        self.far = FarSide()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/blocks"

    def take(self, block: PackedBlock) -> None:
        """Take a block. Raises MisplacedBlock: several are under way, and a later one may arrive first."""
        with self._lock:
            self.far.take(block)
            # Marked before it is acknowledged: the block has left the edge.
            self.recording.mark(f"sent {len(self.far.blocks)}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_GET(self) -> None:
        if not self.server.far.blocks:
            return self._answer(404, b'{"place": null}')
        return self._answer(200)

    def do_POST(self) -> None:
        packed = self.rfile.read(int(self.headers["Content-Length"]))
        names = {
            f"Logsrv-{name}" for name in ("Format", "Store", "From", "To", "After", "CRC", "Gap")
        }
        headers = {name: self.headers[name] for name in names if name in self.headers}
        try:
            self.server.take(block_from_headers(headers, packed))
        except MisplacedBlock:
            return self._answer(409)
        return self._answer(200)

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        if self.server.far.blocks:
            last = self.server.far.blocks[-1]
            for name in ("Logsrv-From", "Logsrv-To", "Logsrv-CRC"):
                self.send_header(name, last.headers()[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def receiving(recording: Recording) -> Iterator[Receiver]:
    receiver = Receiver(recording)
    thread = threading.Thread(target=receiver.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        join(thread)
        receiver.server_close()


@pytest.fixture(scope="session", params=range(RECORDS))
def recorded(request: pytest.FixtureRequest, place: Path, shim: Path) -> tuple[Path, FarSide]:
    """The record of an edge that ships, is killed and started again; and what it sent."""
    directory = place / f"edge{request.param}"
    chance = random.Random(request.param)
    with recorded_stage(directory, shim) as stage, receiving(stage.recording) as receiver:
        for sync in ("interval", "never", "always"):
            stage.start("--sync", sync, "--rotate-size", "16KiB", "--ship", receiver.url)
            for _ in range(4):
                before = len(receiver.far.blocks)
                stage.send(chance.randint(5, 25))
                wait_until(lambda: len(receiver.far.blocks) > before, "a block")  # noqa: B023
            if sync != "always":
                kill(stage)
        wait_until(lambda: len(receiver.far.text) == len(stored_bytes(stage.store)), "all lines")
        stage.stop()
    assert receiver.far.text == stored_bytes(stage.store)
    return stage.recording.path, receiver.far


def kill(stage: Stage) -> None:
    assert stage.server is not None
    with stage.recording.between_operations():
        stage.server.send_signal(signal.SIGKILL)
        stage.server.wait()


@pytest.mark.parametrize("model", MODELS)
def test_an_edge_ships_each_line_once(recorded, model):
    record, far = recorded
    history = History(operations(record))
    found, make = choices(MODELS[model], history, SEED), partial(image, MODELS[model], history)

    def sent(cut: int) -> int:
        return sum(text.startswith("sent ") and at <= cut for text, at in history.marks.items())

    tried = 0
    for choice, made in different_states(found, make, sent, most=STATES):
        tried += 1
        with on_disk(made) as root:
            wrong = wrongs(root / STORE, far.blocks[: sent(choice.cut)])
        assert not wrong, "\n".join([choice.told(history), *wrong])
    assert tried > 12


def wrongs(directory: Path, sent: list[PackedBlock]) -> list[str]:
    """Start the edge again, let it ship to a centre that has these blocks; return what is wrong then."""
    turns = Turns()
    store = Store(directory, StorePolicy(), reactor=turns, clock=Clock(), metrics=Metrics(METRICS))
    store.open()
    identity = json.loads((directory / "store").read_text())["store"]
    turns.result(store.close(), "the end")
    if sent and sent[0].store != identity:
        return ["lost: it is another store now, and blocks of it have left"]
    far = FarSide(blocks=list(sent), texts=[text_of(block) for block in sent])
    names = [path.stem for path in (directory / "ship").glob("*.lock")] or ["far"]
    process = Process(directory, names[0])
    process.blocks(far, store=identity).start()
    process.run(3.0)
    said = [report_sentence(one) for one in process.reports.all if isinstance(one, WRONG)]
    process.kill()
    if far.text != stored_bytes(directory):
        said.append(f"wrong: {len(far.text)} bytes there, {len(stored_bytes(directory))} here")
    return said


WRONG = StoreForgotten | TextResent | ShipperStopped | LinesRefused | GapFound | TargetDown
