"""The `blocks` input: its two places, and who is let in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.framing.bodies.bodies import RequestRefused
from logsrv.linelog.inputs.blocks.blocks import Blocks, block_routes
from logsrv.linelog.inputs.blocks.body import BlockBody
from logsrv.linelog.inputs.http.body import QuestionBody, RequestHead
from logsrv.linelog.inputs.http.routes import find_route
from logsrv.linelog.plugin.logger_settings import (
    ListenerSettings,
    parse_listen,
    require_blocks_token,
)
from logsrv.linelog.store.origins.notes import BlockNote, parse_notes_file
from logsrv.linelog.store.origins.origins import Origins
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.inputs.recording import Sink, intake

ONE = 32 * "a"


def answer(sink: Sink, path: str) -> Any:
    into = intake(sink)
    head = RequestHead(into, "tcp:1", lambda _: None, path, None)
    made = find_route(b"GET", path, block_routes()).own(head)
    assert isinstance(made, QuestionBody)
    with pytest.raises(StopIteration) as ended:
        next(made.finish())
    return ended.value.value


def test_a_get_returns_the_place_of_a_store() -> None:
    sink = Sink()
    assert answer(sink, f"/blocks/{ONE}").status == 404
    note = BlockNote(Position(9, 9), ONE, Position(1, 5), Position(1, 50), 7)
    sink.origins.record_stored([note])
    reply = answer(sink, f"/blocks/{ONE}")
    assert reply.status == 200
    assert reply.headers == {"Logsrv-To": "1:50", "Logsrv-From": "1:5", "Logsrv-CRC": "00000007"}
    assert answer(sink, f"/blocks/{32 * 'b'}").status == 404
    sink.origins.under_way.add_block(ONE, Position(1, 60), 10)
    with pytest.raises(RequestRefused, match="being stored"):
        answer(sink, f"/blocks/{ONE}")


def test_a_place_that_a_damaged_file_hides_is_told_to_nobody() -> None:
    sink = Sink()
    sure = BlockNote(Position(9, 9), 32 * "b", Position(1, 5), Position(1, 50), 7)
    sink.origins = Origins(Disk(), parse_notes_file(b"what is this\n" + sure.as_line()))
    assert answer(sink, f"/blocks/{32 * 'b'}").status == 200
    with pytest.raises(RequestRefused, match="is damaged") as refused:
        answer(sink, f"/blocks/{ONE}")
    assert refused.value.status == 503


@pytest.mark.parametrize("name", ["x", "A" * 32, "..", "%2e", "a" * 33])
def test_an_invalid_id_of_a_store_is_refused(name: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        answer(Sink(), f"/blocks/{name}")
    assert caught.value.status == 400


def test_other_paths_and_methods_are_refused() -> None:
    for method, path, status in (
        (b"GET", "/blocks", 405),
        (b"POST", f"/blocks/{ONE}", 405),
        (b"POST", "/lines", 404),
        (b"POST", "/x/_bulk", 404),
    ):
        with pytest.raises(RequestRefused) as caught:
            find_route(method, path, block_routes())
        assert caught.value.status == status


def test_while_the_store_takes_nothing_in_blocks_come_again_later() -> None:
    sink = Sink()
    into = intake(sink)
    header = {"Content-Encoding": "zstd"}.get
    make = find_route(b"POST", "/blocks", block_routes()).own
    head = RequestHead(into, "tcp:1", header, "/blocks", 5)
    assert isinstance(make(head), BlockBody)
    sink.closed = True
    with pytest.raises(RequestRefused) as caught:
        make(head)
    assert caught.value.status == 503


def test_blocks_refuse_datagrams() -> None:
    with pytest.raises(ConfigurationError, match="needs connections"):
        Blocks().datagrams(intake(Sink()))


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
def test_a_token_or_certificates_are_needed(
    listen: str,
    options: dict[str, Any],
    fine: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "a", "b":
        (tmp_path / name).touch()
    settings = ListenerSettings(listen=parse_listen(listen), **options)
    if fine:
        require_blocks_token(settings)
    else:
        with pytest.raises(ConfigurationError, match="blocks of anybody"):
            require_blocks_token(settings)
