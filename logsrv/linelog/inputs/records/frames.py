"""Inputs of frames: each is a line, whatever bytes are in it.

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
from logsrv.kit.observe.failures import Failures
from logsrv.kit.protocols.faults import mistaken
from logsrv.linelog.framing.lines.datagrams import frame_datagrams
from logsrv.linelog.framing.lines.lines import LineFramer
from logsrv.linelog.framing.lines.rules import for_frames
from logsrv.linelog.inputs.intake.connections import Connections, InputDatagrams
from logsrv.linelog.inputs.intake.intake import IInput, Intake
from logsrv.linelog.inputs.records.lines import LineReceiver


@implementer(IInput)
class FrameInput:
    """An input of frames; a subclass, with `IPlugin` too, is what a plugin file has an object of.

    name: what stands before the endpoint in `--listen NAME:ENDPOINT`.
    framing: how frames are marked in a stream, as of a `logsrv.kit.FrameProtocol`. A datagram is a frame.
    max_frame: the most bytes of a frame; a connection with a longer one is closed. Whatever is longer
        than --max-line is dealt with as --oversize says.
    """

    name = ""
    framing: Framing = LengthPrefix()
    max_frame = 1024 * 1024

    def line_of(self, frame: bytes) -> bytes:
        """Return what is stored of a frame; the frame as it is unless this is overridden, or raises.

        Line ends in it, and all else that has to be, is escaped behind this.
        """
        return frame

    def lines_of(self, frames: Sequence[bytes], raw: bool, failures: Failures) -> bytes:
        """Return frames as lines, each with an LF behind it and none in it."""
        if type(self).line_of is not FrameInput.line_of:
            frames = [self._line_of(frame, failures) for frame in frames]
        lines = b"\n".join(frames)
        if lines.count(b"\n") != len(frames) - 1:
            lines = b"\n".join([frame.replace(b"\n", rb"\x0a") for frame in frames])
        # A trailing CR would be read as half of CR LF.
        return (lines if raw else lines.replace(b"\r", rb"\x0d")) + b"\n"

    def _line_of(self, frame: bytes, failures: Failures) -> bytes:
        try:
            line = self.line_of(frame)
            if type(line) is not bytes:
                raise TypeError(f"line_of gives bytes, not {mistaken(line)}")
            return line
        except Exception:
            failures.note("line_of", "", Failure())
            return frame

    def stream(self, intake: Intake) -> Connections[FrameReceiver]:
        failures = Failures(self.name, intake.clock.seconds)
        return Connections(lambda: FrameReceiver(intake, self, failures))

    def datagrams(self, intake: Intake) -> FrameDatagrams:
        return FrameDatagrams(intake, self, Failures(self.name, intake.clock.seconds))


class FrameReceiver(LineReceiver):
    """A connection of frames. The rest is as with lines: limits, escapes, senders that are too fast."""

    def __init__(self, intake: Intake, input: FrameInput, failures: Failures) -> None:
        super().__init__(intake)
        self._failures = failures
        self._framer = LineFramer(for_frames(intake.rules), intake.counts)
        self._input = input
        self._frames = input.framing.framer(input.max_frame)

    def take_in(self, data: bytes) -> int:
        intake, framer = self.intake, self._frames
        if framer.trouble:
            # TLS goes on delivering until the peer has closed as well: only counted.
            intake.received_bytes += len(data)
            intake.counts.dropped_closed += len(data)
            return 0
        came = framer.held + len(data)
        frames = framer.receive(data)
        intake.received_bytes += len(data)
        size = 0
        if frames:
            lines = self._input.lines_of(frames, intake.rules.raw, self._failures)
            # There they are counted as if they had come so.
            intake.received_bytes -= len(lines)
            size = super().take_in(lines)
        if framer.trouble:
            intake.counts.dropped_closed += came - sum(map(len, frames))
            intake.complain(self.source, f"closing the connection: {framer.trouble}")
            self.transport.loseConnection()
        return size

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.intake.counts.dropped_closed += self._frames.held
        super().connectionLost(reason)


class FrameDatagrams(InputDatagrams):
    """Datagrams, each of one frame, without what marks frames in a stream."""

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
