"""With NATS servers that send wrong data a real daemon uses bounded memory, serves others, and keeps
fetching.
"""

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store.segment import Position
from tests.parts.blocks import block_of, stored_lines
from tests.parts.nats_liars import (
    HonestStream,
    Question,
    lying_server,
    message,
    raw_headers,
    stream_info,
)

pytestmark = pytest.mark.slow

STORE = 32 * "a"
BLOCK = block_of(STORE, stored_lines(STORE, 5), Position(1, 0), None)
MOST = 300 << 20
"""Bytes of memory that a daemon may have had: it has 70 MB, and an honest stream fills 64 of blocks."""
STORES = 2000
Lie = Callable[[Question], None]


def peak(pid: int) -> int:
    """Return the most bytes of memory that a process has used."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) << 10


def announce(question: Question) -> None:
    question.send(b"MSG a %b 99999999999\r\n" % question.sid)
    for _ in range(6000):
        question.connection.sendall(bytes(1 << 16))


def send_a_long_line(question: Question) -> None:
    question.send(b"INFO")
    for _ in range(6000):
        question.connection.sendall(b" " * (1 << 16))


def name_many(question: Question) -> None:
    question.answer(stream_info(*(f"{number:032x}" for number in range(100_000))))


def send_unasked(question: Question) -> None:
    """Send large messages to the inbox of the answer."""
    for _ in range(400):
        question.connection.sendall(message(question.sid, b"_INBOX.x", bytes(1_000_000)))


@pytest.mark.parametrize("lie", [announce, send_a_long_line, name_many, send_unasked])
def test_a_daemon_stays_small_and_fetches_behind_a_lie(logger, lie):
    with lying_server(HonestStream(BLOCK, "STREAM.INFO", lie, lies=1)) as server:
        centre = logger(listen=["tcp:0:interface=127.0.0.1", f"nats:127.0.0.1:{server.port}/LOGS"])
        centre.send(b"polite\n")
        centre.wait_for_messages(1)
        centre.wait_until(lambda: len(centre.messages()) >= 6, "the block", 2 * PATIENCE)
        assert peak(centre.pid) < MOST


def test_large_blocks_of_many_stores_at_once_take_bounded_memory(logger):
    """Each block has 8 MB of text, and the server sends more than were asked for."""
    stores = [f"{number:032x}" for number in range(STORES)]
    text = stored_lines(STORE, 1)
    text *= (7 << 20) // len(text)
    packed = block_of(STORE, text, Position(1, 0), None)
    padding = bytes(200_000)
    numbers = itertools.count(1)
    names: dict[str, str] = {}

    def answer(question: Question) -> None:
        if "STREAM.INFO" in question.subject:
            question.answer(stream_info(*stores))
        elif "CONSUMER.CREATE" in question.subject:
            name = f"c{next(numbers)}"
            names[name] = re.findall(rb"logs\.([0-9a-f]{32})", question.body)[0].decode()
            question.answer({"name": name, "num_pending": 0})
        elif "MSG.NEXT" in question.subject:
            name = question.subject.rpartition(".")[2]
            headers = {**packed.headers(), "Logsrv-Store": names[name]}
            ack = f"$JS.ACK.LOGS.{name}.1.1.1.0.0"
            question.answer(packed.packed + padding, ack=ack, headers=raw_headers(headers))

    with lying_server(answer) as server:
        centre = logger(listen=["tcp:0:interface=127.0.0.1", f"nats:127.0.0.1:{server.port}/LOGS"])
        centre.wait_until(
            lambda: "is no block of the store" in centre.log(), "refusals", 2 * PATIENCE
        )
        centre.wait_until(lambda: len(names) >= STORES // 2, "many stores", 2 * PATIENCE)
        centre.send(b"polite\n")
        centre.wait_for_messages(1)
        assert peak(centre.pid) < MOST
        # The log names a hundred of thousands of refused stores, and gives the number of the others.
        assert centre.log().count("is no block of the store") < 500


def test_a_shipper_stays_small_and_ships_behind_a_lie(logger):
    lies = [announce, send_unasked, lambda question: question.answer({"config": 1, "state": [1]})]
    sent: list[bytes] = []

    def answer(question: Question) -> None:
        if "STREAM.INFO" in question.subject:
            lies.pop(0)(question) if lies else question.answer(
                stream_info(config={**stream_info()["config"], "allow_direct": True})
            )
        elif "DIRECT.GET" in question.subject:
            question.answer(b"", headers=b"NATS/1.0 404 Message Not Found\r\n\r\n")
        elif question.body:
            sent.append(question.body)
            question.answer({"stream": "LOGS", "seq": len(sent)})
        else:
            error = {"err_code": 10071, "description": "wrong last sequence: 0"}
            question.answer({"error": error})

    with lying_server(answer) as server:
        edge = logger("--ship", f"nats://127.0.0.1:{server.port}/LOGS")
        edge.send(b"one\n")
        edge.wait_until(lambda: bool(sent), "a block", 2 * PATIENCE)
        assert peak(edge.child("ship.ship_child")) < MOST
