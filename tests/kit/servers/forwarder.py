"""A forwarder of DNS: questions over UDP and TCP go to a name server, over one connection to it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import attrs

from logsrv.kit import (
    REMOTE,
    REQUIRED,
    Datagrams,
    FrameProtocol,
    LengthPrefix,
    PeerError,
    RunningService,
    Sender,
    option,
    protocol_plugin,
)

Answer = Callable[[bytes], None]
MOST = 1000


@attrs.frozen(kw_only=True)
class Options:
    to: object = option(REQUIRED, REMOTE, "the name server, such as tcp:192.0.2.53:53")


class Upstream(FrameProtocol[Options, "Forwarder"]):
    framing = LengthPrefix(2)

    def frame_received(self, frame: bytes) -> None:
        self.service.state.answered(frame)


class Forwarder:
    """The connection to the name server, and who asked which of its questions."""

    def __init__(self, service: RunningService[Options, Forwarder]) -> None:
        self._link = service.connect(service.settings.to, Upstream)
        self._numbers = count(1)
        self._asked: dict[bytes, tuple[bytes, Answer]] = {}

    def ask(self, question: bytes, answer: Answer) -> None:
        if len(question) < 12:
            raise PeerError("what was sent is no DNS message")
        if not self._link.protocol:
            # SERVFAIL
            answer(question[:2] + bytes([question[2] | 0x80, 0x82]) + question[4:])
            return
        number = (next(self._numbers) & 0xFFFF).to_bytes(2, "big")
        self._asked[number] = question[:2], answer
        if len(self._asked) > MOST:
            del self._asked[next(iter(self._asked))]
        self._link.protocol.send_frame(number + question[2:])

    def answered(self, message: bytes) -> None:
        if asked := self._asked.pop(message[:2], None):
            number, answer = asked
            answer(number + message[2:])


class Dns(Datagrams[Options, Forwarder]):
    max_answers = 1000

    def datagram_received(self, data: bytes, peer: Sender) -> None:
        self.service.state.ask(data, lambda answer: self.send(answer, peer))


class DnsOverTcp(FrameProtocol[Options, Forwarder]):
    framing = LengthPrefix(2)

    def frame_received(self, frame: bytes) -> None:
        self.service.state.ask(frame, self.send_frame)


plugin = protocol_plugin(
    "forwarder", DnsOverTcp, Options, state=Forwarder, datagrams=Dns, listen=("udp:53", "tcp:53")
)
