"""The base class of inputs whose datagrams are answered once their records are safe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from logsrv.kit.connections.source import Sender
from logsrv.kit.net.answer_socket import AnswerSocket
from logsrv.kit.observe.rate_limited_log import Failures
from logsrv.kit.protocols.faults import wrong_value_text
from logsrv.linelog.intake.connections import InputDatagrams
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.lines.datagrams import frame_datagrams


class RecordDatagrams(InputDatagrams):
    """The receiver of one listener: override `received`; it stores lines, and answers when they are safe.

    source: the name of the present datagram's sender. intake: the listener's. answers: the socket for them;
    None before the first.
    """

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake)
        self.source = ""
        self._sender: Sender
        self._failures = Failures(intake.label, intake.clock.seconds)
        self._listener: Any = None
        self.answers: AnswerSocket | None = None

    def received(self, data: bytes) -> None:
        """Take a datagram. A ValueError is the sender's fault: it is counted as dropped, and logged.

        Another error is counted, logged with its traceback once a minute, and costs this datagram only.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method received")

    def store(self, line: bytes) -> None:
        """Store a record as a line, by the listener's --max-line, --oversize and --raw."""
        rules, counts = self.intake.rules, self.intake.counts
        block = frame_datagrams([line.replace(b"\n", b"\\x0a")], rules, counts)
        if block is not None:
            self.intake.take(block, self.source)

    def answer(self, data: bytes) -> None:
        """Send the sender a datagram now."""
        self._send_datagram(data, self._sender)

    def answer_when_safe(self, data: bytes) -> None:
        """Send the sender a datagram once everything stored until now is safe.

        Send none if some of that may be lost.
        """
        safe = self.intake.durable()
        safe.addCallbacks(
            lambda _, sender: self._send_datagram(data, sender),
            lambda _: None,
            callbackArgs=(self._sender,),
        )

    def attach(self, listener: Any) -> None:
        """Send answers from the socket of this listener, once it is bound."""
        self._listener = listener

    def close(self) -> None:
        """Close the copy of the socket. Answers that are due later are not sent."""
        self._listener = None
        if self.answers is not None:
            self.answers.close()
            self.answers = None

    def datagrams_received(self, payloads: Sequence[bytes], source: IAddress) -> None:
        self._sender = cast(Sender, source)
        super().datagrams_received(payloads, source)

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        intake, self.source = self.intake, source
        for payload in payloads:
            try:
                result: object = self.received(payload)  # type: ignore[func-returns-value]
                if result is not None:
                    raise TypeError(
                        f"received returned {wrong_value_text(result)}; it has to return None"
                    )
            except ValueError as error:
                intake.drop(self.source, "protocol", f"dropped a datagram: {error}")
            except (Exception, SystemExit):
                self._failures.report_failure("received", self.source, Failure())
                lost = len(payload)
                intake.metrics.count(
                    "dropped_bytes_total", lost, listener=intake.label, reason="failed"
                )

    def _send_datagram(self, data: bytes, peer: Sender) -> None:
        if self._listener is None:
            return
        if self.answers is None:
            self.answers = AnswerSocket(self._listener.fileno())
        self.answers.send(data, peer)
