"""Copies over HTTP: who is let in, what may be asked for, and how the disk is read."""

import threading
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.framing.bodies.bodies import Reply, RequestRefused
from logsrv.linelog.inputs.blocks.blocks import BlockFactory, block_routes
from logsrv.linelog.inputs.blocks.copy_body import MOST, CopyBody, is_for_copies
from logsrv.linelog.inputs.blocks.state import PIECE, decode_state
from logsrv.linelog.inputs.http.body import RequestHead
from logsrv.linelog.inputs.http.routes import find_route
from logsrv.linelog.inputs.intake.options import InputSecrets
from tests.parts.sinks import Sink, intake
from tests.parts.stores import lines, make_store

TEXT = b"".join(lines(["one", "two"]))


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


@pytest.fixture
def into(tmp_path: Path) -> Any:
    """The intake of a centre with two lines, which gives copies."""
    sink = Sink()
    sink.disk.open_directory(make_store(tmp_path / "store", [lines(["one", "two"])]))
    made = intake(sink)
    made.secrets = InputSecrets("sends", None, "reads")
    made.clock = Reactor()  # type: ignore[assignment]
    return made


def begun(into: Any, path: str, part: str | None = None) -> Any:
    """The body of a question."""
    head = RequestHead(into, "tcp:1", {"Range": part}.get, path, None)
    return find_route(b"GET", path, block_routes()).own(head)


def answered(into: Any, body: CopyBody) -> Reply:
    with pytest.raises(StopIteration):
        next(body.finish())
    found: list[Reply] = []
    stored = body.stored()
    assert stored is not None
    stored.addCallback(found.append)
    into.clock.run()
    return found[0]


def test_the_state_and_parts_are_given(into):
    state = answered(into, begun(into, "/blocks/store"))
    assert (state.status, decode_state(state.body).store) == (200, 32 * "c")
    part = answered(into, begun(into, "/blocks/store/1", "bytes=4-9"))
    assert (part.status, part.body) == (206, TEXT[4:10])
    assert part.headers["Content-Range"] == "bytes 4-9/*"
    assert len(part.headers["Logsrv-CRC"]) == 8
    assert answered(into, begun(into, "/blocks/store/1", f"bytes=0-{PIECE}")).body == TEXT
    for path, first in (
        ("1", 1000),
        ("2", 0),
        ("store", 0),
        ("0000000001-20261120T061842Z.log.zst", 0),
    ):
        gone = answered(into, begun(into, f"/blocks/store/{path}", f"bytes={first}-{first}"))
        assert gone.status == 404, path


def test_a_disk_that_fails_is_an_answer_of_its_own(into, monkeypatch):
    into.store.disk.close()
    assert answered(into, begun(into, "/blocks/store/1", "bytes=0-9")).status == 500


@pytest.mark.parametrize("part", [None, "", "bytes=1-0", "bytes=0-", "bytes=0-1,3-4", "lines=0-1"])
def test_a_part_is_needed_that_makes_sense(into, part):
    with pytest.raises(RequestRefused, match="a Range is needed") as refused:
        begun(into, "/blocks/store/1", part)
    assert refused.value.status == 416


def test_the_token_of_edges_reads_nothing(into):
    factory = BlockFactory(into, block_routes())
    assert factory.token("/blocks") == factory.token(f"/blocks/{32 * 'a'}") == "sends"
    assert factory.token("/blocks/store") == factory.token("/blocks/store/1") == "reads"
    assert not is_for_copies("/blocks/stores")


def test_a_centre_without_a_token_for_it_gives_nothing(into):
    into.secrets = InputSecrets("sends", None, None)
    for path in "/blocks/store", "/blocks/store/1":
        with pytest.raises(RequestRefused, match="it has no --restore-token-file") as refused:
            begun(into, path, "bytes=0-1")
        assert refused.value.status == 403


def test_a_store_without_an_identity_gives_nothing(into):
    into.store.identity = None
    with pytest.raises(RequestRefused, match="no identity"):
        begun(into, "/blocks/store")


def test_only_a_few_are_read_at_once():
    waiting: list[Deferred[Reply]] = [Deferred() for _ in range(MOST)]
    for one in waiting:
        with pytest.raises(StopIteration):
            next(CopyBody(lambda one=one: one).finish())  # type: ignore[misc]
    with pytest.raises(RequestRefused, match="too many requests for copies at once"):
        next(CopyBody(Deferred).finish())
    for one in waiting:
        one.callback(Reply(200))
    assert CopyBody.under_way == 0
    with pytest.raises(RequestRefused, match="has no body"):
        CopyBody(Deferred).receive(b"x")
