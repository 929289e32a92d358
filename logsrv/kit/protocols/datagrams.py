"""Base class for protocols of lines in datagrams, over `udp:` and `unixgram:`.

class Shout(DatagramLines):
    def line_received(self, line, peer):
        self.send_line(line.upper(), peer)
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import PeerError
from logsrv.kit.net.source import Sender
from logsrv.kit.observe.metrics import Counts
from logsrv.kit.observe.seldom import Seldom
from logsrv.kit.protocols.answer_limit import AnswerLimit
from logsrv.kit.protocols.connection import awaited
from logsrv.kit.protocols.context import ListenerContext, RunningService

log = Logger()

# Addresses of the last senders, so that an answer does not look the address up again.
REMEMBERED = 1024


class DatagramLines:
    """Lines in datagrams; one object per listener, for all its peers.

    A datagram is one or more lines. Who answers each line of it, and not just each datagram, lets a
    forged sender turn one large datagram into many at somebody else.
    encoding: of the lines, both ways; what is not text becomes U+FFFD. ending: of lines that are sent.

    One forged datagram can make two servers answer each other's answers for ever, or many servers
    answer somebody who never asked. So no address is sent more than this:
    max_answers: datagrams a second in the long run; None for no limit. answer_burst: datagrams at
    once. lowest_port: datagrams from lower ports, where echo, chargen and the like are, are not
    answered.
    """

    encoding = "utf-8"
    ending = "\r\n"
    max_answers: float | None = 10.0
    answer_burst = 100
    lowest_port = 1024

    listening: DatagramContext

    def line_received(self, line: str, peer: Sender) -> object:
        """Take a line that came from `peer`; `peer.source` is its name as text.

        May be `async def`; the next line does not wait for it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no line_received")

    def datagram_received(self, lines: list[str], peer: Sender) -> object:
        """Take the lines of a datagram that came from `peer`; unless overridden, one by one."""
        for line in lines:
            self._watch(self.line_received(line, peer), peer)
        return None

    @property
    def service(self) -> RunningService:
        """The running service: `settings`, `state`, `metrics`, `clock`."""
        return self.listening.service

    @property
    def clock(self) -> IReactorTime:
        return self.service.clock

    @property
    def log(self) -> Logger:
        return Logger(type(self).__module__)

    def send_line(self, text: str, peer: Sender) -> None:
        """Send a datagram of one line. As UDP is, it may be lost; then it is counted as unsent."""
        self.send((text + self.ending).encode(self.encoding, "replace"), peer)

    def send(self, data: bytes, peer: Sender) -> None:
        """Send a datagram as it is, unless the peer has had as many as it may."""
        if peer.host is not None and port_of(peer) < self.lowest_port:
            self.withhold(peer, "port", f"no port below {self.lowest_port} is answered")
        elif self.max_answers is not None and not self.listening.limit.take(
            peer.host or peer.source, self.max_answers, self.answer_burst
        ):
            self.withhold(peer, "rate", f"it had {self.answer_burst} answers at once")
        else:
            self.listening.send(data, peer)

    def withhold(self, peer: Sender, reason: str, sentence: str) -> None:
        """Do not answer `peer`: count it, and log it once a minute.

        reason: the label in the metrics. sentence: for the log.
        """
        self.listening.withhold(peer, reason, sentence)

    def datagrams_received(self, payloads: Sequence[bytes], source: IAddress) -> None:
        """Take consecutive datagrams of one sender, from the listener."""
        peer = cast(Sender, source)
        self.listening.received_bytes += sum(map(len, payloads))
        if self.listening.connection_log is not None:
            self.listening.connection_log.received(peer.source, len(payloads))
        for payload in payloads:
            try:
                lines = self._lines(payload)
                if lines:
                    self._watch(self.datagram_received(lines, peer), peer)
            except Exception:
                self._failed(Failure(), peer)

    def _watch(self, result: object, peer: Sender) -> None:
        """Let the result of the author's code come when it likes; only its failure is of interest."""
        if result is not None:
            awaited(result, "line_received").addErrback(self._failed, peer)

    def _failed(self, failure: Failure, peer: Sender) -> None:
        if failure.check(PeerError):
            self.listening.at_fault(peer, failure.getErrorMessage())
        else:
            self.listening.failed("line_received", peer.source, failure)

    def _lines(self, payload: bytes) -> list[str]:
        """Return the lines of a datagram that are not too long; the others are counted."""
        side = self.listening
        most = side.line_format.max_line
        lines = [line.removesuffix(b"\r") for line in payload.removesuffix(b"\n").split(b"\n")]
        if len(payload) > most:
            too_long = [len(line) for line in lines if len(line) > most]
            side.oversize_lines += len(too_long)
            side.dropped_bytes += sum(too_long)
            lines = [line for line in lines if len(line) <= most]
        return [line.decode(self.encoding, "replace") for line in lines]


def port_of(peer: Sender) -> int:
    """Return the port of a sender that has an IP address."""
    return int(peer.source.rpartition(":")[2])


class AnswerSocket:
    """The way back: sends datagrams from a socket that a listener has bound."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._addresses: dict[Sender, Any] = {}

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes, peer: Sender) -> bool:
        """Send, and return whether the system took it. A peer without an address gets no answer."""
        address = self._addresses.get(peer)
        try:
            if address is None:
                address = self._address(peer)
                if len(self._addresses) >= REMEMBERED:
                    self._addresses.clear()
                self._addresses[peer] = address
            self._socket.sendto(data, address)
        except OSError:
            return False
        return True

    def _address(self, peer: Sender) -> Any:
        """Return where `peer` is, for sendto. Raises OSError if it has no address."""
        if peer.host is not None:
            return socket.getaddrinfo(
                peer.host,
                port_of(peer),
                self._socket.family,
                socket.SOCK_DGRAM,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV | socket.AI_V4MAPPED,
            )[0][4]
        escaped = peer.source.removeprefix("unix:").encode("ascii")
        if not escaped:
            raise OSError("the sender has not bound a path")
        path = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), escaped)
        return b"\0" + path[1:] if path.startswith(b"@") else path


class DatagramContext(ListenerContext):
    """The context of one listener's datagrams: what they share, and the way back to their senders.

    limit: of the answers to each address.
    """

    def __init__(
        self,
        service: RunningService,
        label: str,
        takes: DatagramLines,
        metrics: Counts | None = None,
    ) -> None:
        super().__init__(service, label, metrics)
        self.takes = takes
        self.listener: Any = None
        self.limit = AnswerLimit(service.clock.seconds)
        self._withheld = Seldom(service.clock.seconds)
        self._faults = Seldom(service.clock.seconds)
        self._answers: AnswerSocket | None = None
        self._unsent = 0
        counts = metrics or service.metrics
        counts.watch("datagrams_unsent_total", lambda: self._unsent, listener=label)
        takes.listening = self

    def listening(self, listener: Any) -> None:
        self.listener = listener

    def send(self, data: bytes, peer: Any) -> None:
        """Answer a datagram; what the system does not take is counted."""
        if self._answers is None and self.listener.fileno() >= 0:
            self._answers = AnswerSocket(self.listener.fileno())
        self._unsent += not (self._answers and self._answers.send(data, peer))

    def withhold(self, peer: Sender, reason: str, sentence: str) -> None:
        """Count an answer that is not given, and log it once per peer and minute."""
        self.service.metrics.count("answers_withheld_total", listener=self.label, reason=reason)
        noted = self._withheld.note(peer.host or peer.source)
        if noted is not None:
            log.warn(
                "{listener} does not answer {peer}: {sentence}; "
                "{number} withheld since this was last logged",
                listener=self.label,
                peer=noted.subject,
                sentence=sentence,
                number=noted.number,
            )

    def at_fault(self, peer: Sender, sentence: str) -> None:
        """Count a datagram that broke a rule of the plugin, and log it once per peer and minute."""
        self.service.metrics.count("datagrams_failed_total", listener=self.label)
        noted = self._faults.note(peer.host or peer.source)
        if noted is not None:
            log.warn(
                "{listener}: {peer}: {sentence}; {number} since this was last logged",
                listener=self.label,
                peer=noted.subject,
                sentence=sentence,
                number=noted.number,
            )

    def failed(self, doing: str, peer: str, failure: Failure) -> None:
        self.service.metrics.count("datagrams_failed_total", listener=self.label)
        self.service.failures.note(doing, peer, failure)

    def close(self) -> None:
        super().close()
        if self._answers is not None:
            self._answers.close()
            self._answers = None
