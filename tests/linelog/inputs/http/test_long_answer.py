"""Long answers: in pieces, as their sender reads them."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from logsrv.linelog.inputs.http.long_answer import PIECE, STALLED_AFTER, LongAnswer
from logsrv.timer import Timer


class Consumer:
    """Is full behind each piece. producer: what is registered."""

    def __init__(self) -> None:
        self.producer: Any = None
        self.pieces: list[bytes] = []

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        self.pieces.append(data)
        self.producer.pauseProducing()


def test_a_long_answer_goes_out_as_it_is_read() -> None:
    consumer: Any = Consumer()
    clock, said = Clock(), list[str]()
    body = bytes(range(256)) * (PIECE // 128) + b"end"
    LongAnswer(
        consumer, body, Timer(clock), lambda: said.append("ended"), lambda: said.append("stalled")
    )
    while consumer.producer is not None:
        clock.advance(STALLED_AFTER - 1)
        consumer.producer.resumeProducing()
    assert b"".join(consumer.pieces) == body and max(map(len, consumer.pieces)) == PIECE
    assert said == ["ended"]


def test_who_reads_nothing_is_cut_off() -> None:
    consumer: Any = Consumer()
    clock, said = Clock(), list[str]()
    LongAnswer(
        consumer,
        bytes(3 * PIECE),
        Timer(clock),
        lambda: said.append("ended"),
        lambda: said.append("stalled"),
    )
    clock.advance(STALLED_AFTER)
    assert said == ["stalled"] and len(consumer.pieces) == 1
