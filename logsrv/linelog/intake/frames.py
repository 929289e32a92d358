"""The base class for inputs of frames: each frame becomes one line, whatever bytes it has.

class Netstrings(FrameInput):
    name = "netstrings"
    framing = Netstring()
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.framing.frames import Framing, LengthPrefix
from logsrv.kit.observe.rate_limited_log import Failures
from logsrv.kit.protocols.faults import wrong_value_text
from logsrv.linelog.intake.connections import ConnectionFactory, InputDatagrams
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.interfaces import IInput
from logsrv.linelog.intake.line_receiver import LineReceiver
from logsrv.linelog.lines.datagrams import frame_datagrams
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.rules import LineCounts, LineRules, for_frames


@implementer(IInput)
class FrameInput:
    """An input of frames. A plugin file has an object of a subclass.

    name: the NAME in `--listen NAME:ENDPOINT`.
    framing: how a stream is cut into frames, as in `logsrv.kit.FrameProtocol`. A datagram is one frame.
    max_frame: longest frame in bytes; a longer one closes the connection. For a frame longer than
        --max-line, --oversize decides.
    """

    name = ""
    framing: Framing = LengthPrefix()
    max_frame = 1024 * 1024

    def line_of(self, frame: bytes) -> bytes:
        """Return the line to store for a frame: by default the frame itself. Override it to change that.

        Line ends and unsafe bytes in the result are escaped later. If it raises, the frame is stored.
        """
        return frame

    def lines_of(self, frames: Sequence[bytes], raw: bool, failures: Failures) -> bytes:
        """Return frames as lines: each ends with an LF and contains no other.

        raw: whether to leave CRs unescaped. failures: notes the exceptions of `line_of`.
        """
        if type(self).line_of is not FrameInput.line_of:
            frames = [self._line_of(frame, failures) for frame in frames]
        lines = b"\n".join(frames)
        if lines.count(b"\n") != len(frames) - 1:
            lines = b"\n".join([frame.replace(b"\n", rb"\x0a") for frame in frames])
        # A CR at the end of a frame would be taken for a part of its line ending.
        return (lines if raw else lines.replace(b"\r", rb"\x0d")) + b"\n"

    def _line_of(self, frame: bytes, failures: Failures) -> bytes:
        try:
            line = self.line_of(frame)
            if type(line) is not bytes:
                raise TypeError(f"line_of must return bytes, not {wrong_value_text(line)}")
            return line
        except (Exception, SystemExit):
            failures.report_failure("line_of", "", Failure())
            return frame

    def stream(self, intake: Intake) -> ConnectionFactory[FrameReceiver]:
        failures = Failures(self.name, intake.clock.seconds)
        return ConnectionFactory(lambda: FrameReceiver(intake, self, failures))

    def datagrams(self, intake: Intake) -> FrameDatagrams:
        return FrameDatagrams(intake, self, Failures(self.name, intake.clock.seconds))


class FrameReceiver(LineReceiver):
    """A connection of frames; limits, escapes and back-pressure are those of `LineReceiver`."""

    # A frame may begin with anything.
    _beginning = None

    def __init__(self, intake: Intake, input: FrameInput, failures: Failures) -> None:
        super().__init__(intake)
        self._failures = failures
        self._raw = intake.rules.raw
        self._input = input
        self._frames = input.framing.framer(input.max_frame)

    def make_framer(self, rules: LineRules, counts: LineCounts) -> LineFramer:
        return LineFramer(for_frames(rules), counts)

    def take_in(self, data: bytes) -> int:
        intake, framer = self.intake, self._frames
        if framer.fault:
            # TLS delivers data until the peer closes as well: count it only.
            intake.received_bytes += len(data)
            intake.counts.dropped_closed += len(data)
            return 0
        came = framer.unfinished_bytes + len(data)
        frames = framer.receive(data)
        intake.received_bytes += len(data)
        size = 0
        if frames:
            lines = self._input.lines_of(frames, self._raw, self._failures)
            # `take_in` below counts the lines as received bytes.
            intake.received_bytes -= len(lines)
            size = super().take_in(lines)
        if framer.fault:
            intake.counts.dropped_closed += came - sum(map(len, frames))
            intake.complain(self.source, f"closing the connection: {framer.fault}", "protocol")
            self.transport.loseConnection()
        return size

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.intake.counts.dropped_closed += self._frames.unfinished_bytes
        super().connectionLost(reason)


class FrameDatagrams(InputDatagrams):
    """Datagrams, each one frame, without the length or delimiter that a stream needs."""

    def __init__(self, intake: Intake, input: FrameInput, failures: Failures) -> None:
        super().__init__(intake)
        self._input = input
        self._failures = failures

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        intake = self.intake
        lines = self._input.lines_of(payloads, intake.rules.raw, self._failures)
        block = frame_datagrams([lines], intake.rules, intake.counts)
        if block is not None:
            intake.take(block, source)
