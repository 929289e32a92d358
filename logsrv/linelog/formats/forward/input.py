"""The `forward` input: events of Fluentd, Fluent Bit and their libraries; heartbeats over UDP."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from logsrv.linelog.formats.forward.msgpack_values import PIECE, MsgpackValueFramer
from logsrv.linelog.formats.forward.parse import LONGEST_PING, add_event, answer_ping, helo_message
from logsrv.linelog.intake.connections import Input
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.record_datagrams import RecordDatagrams
from logsrv.linelog.intake.records import RecordReceiver

HEARTBEAT = b"\0"
NONCE_BYTES = 16


class ForwardReceiver(RecordReceiver):
    """A connection. With a shared key, it accepts no event before a PING that proves the key."""

    acknowledges = True
    record_name = "an event"
    most_at_once = PIECE
    framer: MsgpackValueFramer

    def __init__(self, intake: Intake) -> None:
        self._max_body = intake.options.max_body
        self._key = intake.secrets.shared_key
        self._nonce = b""
        super().__init__(intake)

    def make_framer(self) -> MsgpackValueFramer:
        return MsgpackValueFramer(self._max_body if self._key is None else LONGEST_PING)

    def connectionMade(self) -> None:
        super().connectionMade()
        if self._key is not None:
            self._nonce = secrets.token_bytes(NONCE_BYTES)
            self.answer(helo_message(self._nonce))

    def messages(self, data: bytes) -> Iterator[bytes | bytearray]:
        yield from self.framer.receive(data)
        if self.framer.fault:
            reason = "unauthorized" if self._nonce else "protocol"
            self.refuse(reason, f"closing the connection: {self.framer.fault}")

    def received(self, message: bytes | bytearray) -> None:
        if self._nonce:
            self._admit_or_refuse(bytes(message))
        else:
            self.parse(add_event, message)

    def _admit_or_refuse(self, ping: bytes) -> None:
        assert self._key is not None
        answer, why = answer_ping(ping, self._key, self._nonce)
        if why:
            self.refuse("unauthorized", f"closing the connection: {why}", answer)
            return
        self._nonce = b""
        self.framer.most = self._max_body
        self.answer(answer)


class HeartbeatDatagrams(RecordDatagrams):
    """The receiver that answers Fluentd's UDP heartbeats, and drops every other datagram."""

    def received(self, data: bytes) -> None:
        if data != HEARTBEAT:
            raise ValueError("only heartbeats are accepted over UDP")
        self.answer(HEARTBEAT)


class Forward(Input):
    """The `forward` input."""

    name = "forward"
    connection = ForwardReceiver
    receiver = HeartbeatDatagrams
