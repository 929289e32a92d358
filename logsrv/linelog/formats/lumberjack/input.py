"""The `lumberjack` input: events of Filebeat and the other Beats, as they send them to Logstash."""

from __future__ import annotations

from collections.abc import Iterator

from logsrv.kit.text.words import counted
from logsrv.linelog.formats.lumberjack.parse import (
    TO_COME,
    CompressedFrames,
    EmptyWindow,
    Events,
    LumberjackFramer,
    add_compressed_events,
)
from logsrv.linelog.intake.connections import Input
from logsrv.linelog.intake.records import RecordReceiver
from logsrv.linelog.lines.bodies import LARGE, Records, Reply
from logsrv.linelog.lines.objects import add_object_or_text, add_objects_or_text


class LumberjackReceiver(RecordReceiver):
    """A connection. An unfinished event is dropped: the client sends everything unacknowledged again."""

    acknowledges = True
    record_name = "an event"
    framer: LumberjackFramer

    def make_framer(self) -> LumberjackFramer:
        return LumberjackFramer(self.intake.options.max_body)

    def messages(self, data: bytes) -> Iterator[Events | CompressedFrames | EmptyWindow]:
        framer = self.framer
        yield from framer.receive(data)
        if framer.fault:
            why = f"closing the connection: {framer.fault}"
            self.refuse(framer.reason, why, records=framer.refused_events)

    def received(self, message: Events | CompressedFrames | EmptyWindow) -> None:
        if isinstance(message, CompressedFrames):
            self.parse(add_compressed_events, message.order(self.framer.to_come))
            return
        records = Records()
        if isinstance(message, EmptyWindow):
            records.count_unknown()
        elif len(message.texts[0]) > LARGE:
            self.parse(add_object_or_text, message.texts[0], message.acknowledgement)
            return
        else:
            add_objects_or_text(message.texts, self.body_rules.max_record, records)
        self.store(records)
        if isinstance(message, Events) and message.acknowledgement and not self.ending:
            self.answer_when_safe(message.acknowledgement)

    def answer_to(self, reply: Reply) -> bytes:
        if TO_COME in reply.headers:
            self.framer.to_come = int(reply.headers[TO_COME])
        return reply.body

    def lost(self) -> None:
        super().lost()
        missing = self.framer.to_come
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
