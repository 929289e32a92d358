"""The `blocks` input: its two places, and who is let in."""

from __future__ import annotations

import re
import zlib
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred

from logsrv.errors import ConfigurationError
from logsrv.linelog.formats.blocks.input import block_routes
from logsrv.linelog.intake.blocks.body import OVERTAKEN, BlockBody
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.options import InputSecrets
from logsrv.linelog.intake.over_http.body import QuestionBody, RequestHead
from logsrv.linelog.intake.over_http.input import HttpInputFactory
from logsrv.linelog.intake.over_http.request import ANSWER_SECONDS
from logsrv.linelog.intake.over_http.routes import find_route
from logsrv.linelog.lines.bodies import RequestRefused
from logsrv.linelog.plugin.logger_settings import (
    ListenerSettings,
    parse_listen,
)
from logsrv.linelog.store.blocks import BlockNote, PendingBlock, parse_notes_file
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.origins import ENOUGH, Origins
from logsrv.linelog.store.packed_block import PackedBlock
from logsrv.linelog.store.segment import Position
from tests.parts.blocks import block_of, stored_lines
from tests.parts.http_senders import Transport, request
from tests.parts.sinks import Sink, intake, refused

ONE = 32 * "a"


def answer(sink: Sink, path: str) -> Any:
    into = intake(sink)
    head = RequestHead(into, "tcp:1", lambda _: None, path, None)
    own: Any = find_route(b"GET", path, block_routes()).own
    made = own(head)
    assert isinstance(made, QuestionBody)
    answers: list[Any] = []
    Deferred.fromCoroutine(made.finish()).addCallback(answers.append)
    return answers[0] if answers else None


def test_a_get_returns_the_place_of_a_store():
    sink = Sink()
    assert answer(sink, f"/blocks/{ONE}").status == 404
    note = BlockNote(Position(9, 9), ONE, Position(1, 5), Position(1, 50), 7)
    sink.origins.record_stored([note])
    reply = answer(sink, f"/blocks/{ONE}")
    assert reply.status == 200
    assert reply.headers == {"Logsrv-To": "1:50", "Logsrv-From": "1:5", "Logsrv-CRC": "00000007"}
    assert answer(sink, f"/blocks/{32 * 'b'}").status == 404


class Centre:
    """A listener, and a connection of an edge to it: its first, or another to that of `first`."""

    def __init__(self, first: Centre | None = None) -> None:
        self.sink: Sink = first.sink if first else Sink()
        self.intake: Intake = first.intake if first else intake(self.sink)
        self.intake.secrets = InputSecrets(tokens=("geheim",))
        self.clock: Any = self.intake.clock
        self.factory: HttpInputFactory = (
            first.factory if first else HttpInputFactory(self.intake, block_routes())
        )
        self.transport = Transport(peerAddress=IPv4Address("TCP", "192.0.2.1", 5))
        self.channel: Any = self.factory.buildProtocol(None)
        self.channel.makeConnection(self.transport)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        named = {"Authorization": "Bearer geheim", **headers}
        self.channel.dataReceived(request(body, path, method, **named))

    def answer(self) -> tuple[int, str | None]:
        """Return the status and Logsrv-To of the only answer since the last call."""
        text = self.transport.value().decode()
        self.transport.clear()
        assert text.count("HTTP/1.1 ") == 1
        position = re.search(r"Logsrv-To: (\S+)", text, re.IGNORECASE)
        return int(text.split()[1]), position[1] if position else None

    def post(self, block: PackedBlock) -> None:
        self.channel.dataReceived(self.request_of(block))

    def request_of(self, block: PackedBlock) -> bytes:
        named = {"Authorization": "Bearer geheim", "Content_Encoding": "zstd", **block.headers()}
        return request(block.packed, "/blocks", "POST", **named)


def test_a_question_waits_for_a_block_of_the_store_that_another_way_brings():
    """A stream's blocks are stored one after the other: the question does not wait for later ones."""
    centre = Centre()
    text = stored_lines(ONE, 20)
    first, later = (Position(1, 0), Position(1, len(text)))
    for start, after in ((first, None), (later, later)):
        block = block_of(ONE, text, start, after)
        body = BlockBody(centre.intake, "nats", centre.intake.unfinished, block.headers())
        body.receive(block.packed)
        Deferred.fromCoroutine(body.finish())
        if start == first:
            centre.send("GET", f"/blocks/{ONE}")
    centre.send("GET", f"/blocks/{32 * 'b'}")
    assert not centre.transport.value()
    second = centre.sink.pending_blocks.pop()
    centre.sink.store_blocks()
    answers = centre.transport.value().decode()
    assert re.findall(r"HTTP/1.1 (\d+)", answers) == ["200", "404"]
    assert re.findall(r"(?i)Logsrv-To: (\S+)", answers) == [str(later)]
    centre.transport.clear()
    # What is taken again from there is being stored, too.
    centre.post(block_of(ONE, text, later, later))
    assert not centre.transport.value()
    centre.sink.pending_blocks = [second]
    centre.sink.store_blocks()
    assert centre.answer() == (200, f"1:{2 * len(text)}")


def test_a_misplaced_block_is_refused_when_the_place_is_known():
    centre = Centre()
    text = stored_lines(ONE, 20)
    end = Position(1, len(text))
    pending = PendingBlock(ONE, Position(1, 0), end, zlib.crc32(text), text, 20)
    centre.sink.deposit(pending)
    far = Position(1, 2 * len(text))
    centre.post(block_of(ONE, text, far, far))
    centre.clock.advance(OVERTAKEN)
    assert not centre.transport.value()
    centre.sink.store_blocks()
    assert centre.answer() == (409, str(end))
    assert refused(centre.intake, "misplaced") == 1


def two_blocks() -> tuple[PackedBlock, PackedBlock]:
    """One behind the other."""
    text = stored_lines(ONE, 20)
    end = Position(1, len(text))
    first = block_of(ONE, text, Position(1, 0), None)
    return first, block_of(ONE, stored_lines(ONE, 20, first=20), end, end)


def test_a_block_behind_one_that_comes_slowly_waits_for_it_as_long_as_that_takes():
    slow = Centre()
    quick = Centre(slow)
    first, second = two_blocks()
    data = slow.request_of(first)
    slow.channel.dataReceived(data[:-20])
    quick.post(second)
    quick.clock.advance(2 * ANSWER_SECONDS)
    assert not quick.transport.value() and not quick.sink.pending_blocks
    slow.channel.dataReceived(data[-20:])
    # From now on the disk has its time.
    quick.clock.advance(ANSWER_SECONDS - 1)
    quick.sink.store_blocks()
    assert (slow.answer(), quick.answer()) == ((200, str(first.end)), (200, str(second.end)))


def test_a_block_that_waits_for_room_is_refused_only_if_the_disk_then_takes_too_long():
    centre = Centre()
    under_way = centre.sink.origins.under_way
    under_way.add_block(ONE, Position(1, 5), ENOUGH + 1)
    block = block_of(32 * "b", stored_lines(ONE, 20), Position(1, 0), None)
    centre.post(block)
    centre.clock.advance(2 * ANSWER_SECONDS)
    assert not centre.transport.value() and not centre.sink.pending_blocks
    under_way.remove_first_block(ONE, ENOUGH + 1)
    assert [pending.end for pending in centre.sink.pending_blocks] == [block.end]
    centre.clock.advance(ANSWER_SECONDS)
    assert centre.answer() == (503, None)


def test_a_question_is_refused_if_the_disk_takes_too_long():
    centre = Centre()
    text = stored_lines(ONE, 20)
    pending = PendingBlock(ONE, Position(1, 0), Position(1, len(text)), 7, text, 20)
    centre.sink.deposit(pending)
    centre.send("GET", f"/blocks/{ONE}")
    centre.clock.advance(ANSWER_SECONDS - 1)
    assert not centre.transport.value()
    centre.clock.advance(1)
    assert centre.answer() == (503, None)
    centre.sink.store_blocks()
    assert not centre.transport.value()


def test_a_place_that_a_damaged_file_hides_is_told_to_nobody():
    sink = Sink()
    sure = BlockNote(Position(9, 9), 32 * "b", Position(1, 5), Position(1, 50), 7)
    sink.origins = Origins(Disk(), parse_notes_file(b"what is this\n" + sure.as_line()))
    assert answer(sink, f"/blocks/{32 * 'b'}").status == 200
    with pytest.raises(RequestRefused, match="is damaged") as refused:
        answer(sink, f"/blocks/{ONE}")
    assert refused.value.status == 503


@pytest.mark.parametrize("name", ["x", "A" * 32, "..", "%2e", "a" * 33])
def test_an_invalid_id_of_a_store_is_refused(name):
    with pytest.raises(RequestRefused) as caught:
        answer(Sink(), f"/blocks/{name}")
    assert caught.value.status == 400


def test_other_paths_and_methods_are_refused():
    for method, path, status in (
        (b"GET", "/blocks", 405),
        (b"POST", f"/blocks/{ONE}", 405),
        (b"POST", "/lines", 404),
        (b"POST", "/x/_bulk", 404),
    ):
        with pytest.raises(RequestRefused) as caught:
            find_route(method, path, block_routes())
        assert caught.value.status == status


def test_while_the_store_takes_nothing_in_blocks_come_again_later():
    sink = Sink()
    into = intake(sink)
    header = {"Content-Encoding": "zstd"}.get
    make: Any = find_route(b"POST", "/blocks", block_routes()).own
    head = RequestHead(into, "tcp:1", header, "/blocks", 5)
    assert isinstance(make(head), BlockBody)
    sink.closed = True
    with pytest.raises(RequestRefused) as caught:
        make(head)
    assert caught.value.status == 503


@pytest.mark.parametrize(
    ("listen", "options", "fine"),
    [
        ("blocks:tcp:8090", {}, False),
        ("blocks:tcp:8090", {"input_token": "x"}, True),
        ("blocks:ssl:8090:privateKey=a", {}, False),
        ("blocks:ssl:8090:privateKey=a:clientca=b", {}, True),
        ("blocks:ssl:8090:privateKey=a:clientca=b:clientcert=optional", {}, False),
        ("http:tcp:8090", {}, True),
    ],
)
def test_a_token_or_certificates_are_needed(listen, options, fine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "a", "b":
        (tmp_path / name).touch()
    settings = ListenerSettings(listen=parse_listen(listen), **options)
    if fine:
        settings.check_for_input()
    else:
        with pytest.raises(ConfigurationError, match="blocks of anybody"):
            settings.check_for_input()
