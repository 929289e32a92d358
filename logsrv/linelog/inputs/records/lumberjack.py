"""The `lumberjack` input: events of Filebeat and the other Beats, as they send them to Logstash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logsrv.linelog.framing.events.lumberjack import LumberjackFramer, acknowledgement
from logsrv.linelog.framing.lines.records import LONG, RecordRun, long_record
from logsrv.linelog.framing.lines.rules import Oversize
from logsrv.linelog.inputs.intake.connections import Input
from logsrv.linelog.inputs.records.records import RecordReceiver

# Bytes of events, and answers, that are stored and sent together.
AT_ONCE = 128 << 10
MOST_ANSWERS = 1024


class LumberjackReceiver(RecordReceiver):
    """A connection. A client sends again what it has no answer for, so what is unfinished is not kept."""

    acknowledges = True
    _framer: LumberjackFramer

    def make_framer(self) -> LumberjackFramer:
        intake = self.intake
        return LumberjackFramer(intake.structured_rules.max_line, intake.options.max_body)

    def received(self, data: bytes) -> Iterator[None]:
        # Usual windows are stored and answered together: millions may come out of a compressed frame.
        lines: list[bytes] = []
        answers: list[bytes] = []
        size = 0
        for window in self._framer.receive(data):
            if all(run.structured for run in window.records):
                for run in window.records:
                    lines += run.lines
                    size += run.size
                if window.sequence is not None:
                    answers.append(acknowledgement(window.sequence))
                if size > AT_ONCE or len(answers) > MOST_ANSWERS:
                    self._take(lines, answers)
                    size = 0
                yield
                continue
            self._take(lines, answers)
            size = 0
            if window.as_text:
                self.intake.as_text(self.source, window.as_text)
            yield from self._store(window.records)
            if self.ending:
                return
            if window.sequence is not None:
                self.answer_when_safe(acknowledgement(window.sequence))
            yield
        self._take(lines, answers)
        if self._framer.trouble:
            self.refuse(self._framer.reason, f"closing the connection: {self._framer.trouble}")

    def _store(self, runs: Sequence[RecordRun]) -> Iterator[None]:
        for run in runs:
            closes = self._rules.oversize is Oversize.CLOSE
            if run.structured or closes or run.size <= LONG:
                self.store(run.lines, structured=run.structured)
                continue
            for record in run.lines:
                for block in long_record(record, self._rules, self.intake.counts):
                    self.store_block(block)
                    yield

    def _take(self, lines: list[bytes], answers: list[bytes]) -> None:
        """Store lines of JSON, which are never too long, and answer them; both lists are empty then."""
        if lines:
            self.store(lines, structured=True)
        if answers:
            self.answer_when_safe(b"".join(answers))
        lines.clear()
        answers.clear()

    def lost(self) -> None:
        if self.held:
            self.intake.drop(self.source, "unfinished", "an event broke off; it is not stored")


class Lumberjack(Input):
    """The input itself: every window is answered, which needs a connection."""

    name = "lumberjack"
    connection = LumberjackReceiver
    no_datagrams = "Lumberjack needs connections, such as lumberjack:tcp:5044"
