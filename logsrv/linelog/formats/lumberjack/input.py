"""The `lumberjack` input: events of Filebeat and the other Beats, as they send them to Logstash."""

from __future__ import annotations

from collections.abc import Iterator

from logsrv.kit.text.words import counted
from logsrv.linelog.formats.lumberjack.parse import EventsToAcknowledge, LumberjackFramer
from logsrv.linelog.intake.connections import Input
from logsrv.linelog.intake.records import RecordReceiver


class LumberjackReceiver(RecordReceiver):
    """A connection. An unfinished event is dropped: the client sends everything unacknowledged again."""

    acknowledges = True
    record_name = "an event"
    framer: LumberjackFramer

    def make_framer(self) -> LumberjackFramer:
        intake = self.intake
        return LumberjackFramer(intake.max_record, intake.options.max_body)

    def received(self, data: bytes) -> Iterator[None]:
        for step in self.framer.receive(data):
            if isinstance(step, EventsToAcknowledge):
                yield from self.store(step.records)
                if self.ending:
                    return
                if step.acknowledgements:
                    self.answer_when_safe(step.acknowledgements)
                yield
            else:
                yield step
        framer = self.framer
        if framer.fault:
            why = f"closing the connection: {framer.fault}"
            self.refuse(framer.reason, why, records=framer.refused_events)

    def lost(self) -> None:
        super().lost()
        missing = self.framer.missing_events
        if missing and not self.unfinished_bytes:
            why = (
                f"the connection ended before a window was complete: {counted(missing, 'event')} did not"
                " come, and none of its events is acknowledged"
            )
            self.intake.complain(self.source, why, "window")


class Lumberjack(Input):
    """The `lumberjack` input: it acknowledges every window, so it needs connections."""

    name = "lumberjack"
    connection = LumberjackReceiver
    no_datagrams = "Lumberjack needs connections, such as lumberjack:tcp:5044"
