"""The base classes for protocols of datagrams and of lines in them, over `udp:` and `unixgram:`.

class Shout(Datagrams):
    def datagram_received(self, data, peer):
        self.send(data.upper(), peer)

class ShoutLines(DatagramLines):
    def line_received(self, line, peer):
        self.send_line(line.upper(), peer)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, cast

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import PeerError
from logsrv.kit.connections.rates import TokenBuckets
from logsrv.kit.connections.source import Sender
from logsrv.kit.framing._line_format import LineFormat
from logsrv.kit.net.answer_socket import AnswerSocket
from logsrv.kit.observe.metrics import Counts
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.protocols._awaiting import as_deferred, call_without_connection
from logsrv.kit.protocols._context import ListenerContext, RunningService, Settings, State
from logsrv.kit.protocols.faults import check_text

if TYPE_CHECKING:
    from logsrv.kit.protocols._context import Clock

log = Logger()

# The number of recent senders that are remembered, for the limit of answers. An older one begins anew.
REMEMBERED = 1024


class UnsetAnswers(float):
    """The default of `max_answers`, which the operator has not given: then each class has its own."""


class Datagrams(Generic[Settings, State]):
    """Datagrams as bytes; one object per listener, for all its peers.

    After one forged datagram, two servers may answer each other for ever. Forged datagrams may also make
    many servers answer a victim that never asked. So the answers to each address are limited:
    max_answers: datagrams a second in the long run; None for no limit. answer_burst: datagrams at
    once. lowest_port: datagrams from lower ports, such as those of echo and chargen, are not answered.
    Beyond these limits as many answers are sent as `shorten_answer` makes shorter.
    """

    max_answers: float | None = 10.0
    answer_burst = 100
    lowest_port = 1024

    # The name in the log of the author's method that failed.
    _doing = "datagram_received"

    context: DatagramContext

    def datagram_received(self, data: bytes, peer: Sender) -> object:
        """Take a datagram that came from `peer`; `peer.source` is its name as text.

        It may be `async def`; the next datagram does not wait for its end.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method datagram_received")

    def begin(self) -> None:
        """Prepare for datagrams: the listener is about to be bound."""

    def end(self) -> None:
        """Clean up: the listener has closed."""

    @property
    def service(self) -> RunningService[Settings, State]:
        """The running service: `settings`, `state`, `metrics`, `clock`."""
        return self.context.service

    @property
    def listener(self) -> str:
        """The name of this listener, as in `listeners`; "" without one."""
        return self.context.listener_name

    @property
    def clock(self) -> Clock:
        return self.service.clock

    @property
    def log(self) -> Logger:
        return Logger(type(self).__module__)

    def send(self, data: bytes, peer: Sender) -> None:
        """Send a datagram unchanged, unless the peer has had its limit of answers."""
        given = self.context.max_answers
        most = self.max_answers if isinstance(given, UnsetAnswers) else given
        if peer.host is not None and (peer.peer_port or 0) < self.lowest_port:
            self.withhold(peer, "port", f"no port below {self.lowest_port} is answered")
        elif most is None or self._is_within(self.context.limit, peer, most):
            self.context.send(data, peer)
        else:
            self._shorten_or_withhold(data, peer, most)

    def _shorten_or_withhold(self, data: bytes, peer: Sender, most: float) -> None:
        had = f"it had {self.answer_burst} answers at once, then {most:g} a second (--max-answers)"
        short = self.shorten_answer(data)
        is_shorter = short is not None and len(short) < len(data)
        if (
            short is None
            or not is_shorter
            or not self._is_within(self.context.limit_of_short, peer, most)
        ):
            self.withhold(peer, "rate", had)
        else:
            self.context.withhold(peer, "shortened", had, "answers {subject} shorter")
            self.context.send(short, peer)

    def _is_within(self, limit: TokenBuckets, peer: Sender, most: float) -> bool:
        return limit.take_token(peer.host or peer.source, most, self.answer_burst)

    def shorten_answer(self, data: bytes) -> bytes | None:
        """Return a shorter answer for a peer that has had its limit of answers; None, the default: none.

        DNS cuts it to the question with TC=1, so that a client asks by TCP, which no forged sender can.
        """

    def withhold(self, peer: Sender, reason: str, sentence: str) -> None:
        """Count an answer that is not given to `peer`, and log it once a minute.

        reason: the label in the metrics. sentence: for the log.
        """
        self.context.withhold(peer, reason, sentence)

    def datagrams_received(self, payloads: Sequence[bytes], source: IAddress) -> None:
        """Take consecutive datagrams of one sender, from the listener."""
        peer = cast(Sender, source)
        self.context.received_bytes += sum(map(len, payloads))
        if self.context.connection_log is not None:
            self.context.connection_log.log_datagrams(peer.source, len(payloads))
        for payload in payloads:
            try:
                result = self.datagram_received(payload, peer)
                if result is not None:
                    self._log_later_failure(result, peer)
            except (Exception, SystemExit):
                self._log_failure(Failure(), peer)

    def _log_later_failure(self, result: object, peer: Sender) -> None:
        """Log a failure of the author's code; nothing waits for its result."""
        pending = call_without_connection(self.clock, lambda: as_deferred(result, self._doing))
        pending.addErrback(self._log_failure, peer)

    def _log_failure(self, failure: Failure, peer: Sender) -> None:
        if failure.check(PeerError):
            self.context.count_faulty_datagram(peer, failure.getErrorMessage())
        else:
            self.context.log_failure(self._doing, peer.source, failure, "datagrams_failed_total")


class DatagramLines(Datagrams[Settings, State]):
    """Lines in datagrams; one object per listener, for all its peers.

    A datagram is one or more lines. A protocol that answers each line, and not just each datagram, lets a
    forged sender turn one large datagram into many to somebody else.
    encoding: of lines, both ways; bytes that are not text become U+FFFD. ending: of sent lines.
    """

    encoding = "utf-8"
    ending = "\r\n"

    _doing = "line_received"

    def line_received(self, line: str, peer: Sender) -> object:
        """Take a line that came from `peer`; `peer.source` is its name as text.

        It may be `async def`; the next line does not wait for its end.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method line_received")

    def lines_received(self, lines: list[str], peer: Sender) -> object:
        """Take the lines of a datagram from `peer`; by default, calls `line_received` for each."""
        for line in lines:
            result = self.line_received(line, peer)
            if result is not None:
                self._log_later_failure(result, peer)
        return None

    def send_line(self, text: str, peer: Sender) -> None:
        """Send a datagram of one line. One that the system does not take is counted as unsent."""
        check_text(text, "send_line")
        self.send((text + self.ending).encode(self.encoding, "replace"), peer)

    def datagram_received(self, data: bytes, peer: Sender) -> object:
        """Take the lines of a datagram that are not too long; the others are counted."""
        context = self.context
        most = context.line_format.max_line
        lines = [line.removesuffix(b"\r") for line in data.removesuffix(b"\n").split(b"\n")]
        if len(data) > most:
            too_long = [len(line) for line in lines if len(line) > most]
            context.oversize_lines += len(too_long)
            context.dropped_bytes += sum(too_long)
            lines = [line for line in lines if len(line) <= most]
            if not lines:
                return None
        return self.lines_received([line.decode(self.encoding, "replace") for line in lines], peer)


class DatagramContext(ListenerContext):
    """The context of one listener's datagrams, which its receiver uses to answer.

    limit, limit_of_short: of the answers to each address, and of those made shorter. max_answers: those a
    second; None for no limit. answers: the socket for answers; None before the first.
    """

    def __init__(
        self,
        service: RunningService,
        label: str,
        receiver: Datagrams,
        metrics: Counts,
        make_line_format: Callable[[Any], LineFormat],
    ) -> None:
        super().__init__(service, label, metrics, make_line_format)
        self.receiver = receiver
        self.listener: Any = None
        self.limit = TokenBuckets(service.clock.seconds, REMEMBERED)
        self.limit_of_short = TokenBuckets(service.clock.seconds, REMEMBERED)
        self._withheld = RateLimitedLog(service.clock.seconds)
        self._faults = RateLimitedLog(service.clock.seconds)
        self.answers: AnswerSocket | None = None
        self.max_answers: float | None = UnsetAnswers()
        self._unsent = 0
        metrics.watch("datagrams_unsent_total", lambda: self._unsent, listener=label)
        receiver.context = self

    def attach(self, listener: Any) -> None:
        self.listener = listener
        self.receiver.begin()

    def apply_limits(self, settings: Any) -> None:
        super().apply_limits(settings)
        self.max_answers = getattr(settings, "max_answers", UnsetAnswers())

    def send(self, data: bytes, peer: Any) -> bool:
        """Send a datagram. Return whether the system took it; count one that it did not."""
        if self.answers is None and self.listener.fileno() >= 0:
            self.answers = AnswerSocket(self.listener.fileno())
        sent = self.answers is not None and self.answers.send(data, peer)
        self._unsent += not sent
        return sent

    def withhold(
        self, peer: Sender, reason: str, sentence: str, done: str = "does not answer {subject}"
    ) -> None:
        """Count an answer that is not given as it was asked for, and log it once per peer and minute."""
        self.service.metrics.count("answers_withheld_total", listener=self.label, reason=reason)
        self._warn(
            self._withheld,
            f"{{listener}} {done}: {{sentence}}",
            "withheld",
            peer,
            sentence,
        )

    def count_faulty_datagram(self, peer: Sender, sentence: str) -> None:
        """Count a datagram that broke a rule of the plugin, and log it once per peer and minute."""
        self.service.metrics.count("datagrams_faulty_total", listener=self.label)
        self._warn(self._faults, "{listener}: {subject}: {sentence}", "", peer, sentence)

    def _warn(
        self, limited_log: RateLimitedLog, format: str, counted: str, peer: Sender, sentence: str
    ) -> None:
        subject = peer.host or peer.source
        limited_log.log_unless_recent(
            log.warn, subject, format, counted=counted, listener=self.label, sentence=sentence
        )

    def close(self) -> None:
        super().close()
        self.receiver.end()
        if self.answers is not None:
            self.answers.close()
            self.answers = None
