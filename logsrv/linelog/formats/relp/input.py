"""The `relp` input: syslog with acknowledgements, as rsyslog's omrelp sends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logsrv.linelog.formats.relp.parse import RelpFramer
from logsrv.linelog.intake.connections import Input
from logsrv.linelog.intake.parsing import add_text, in_batches
from logsrv.linelog.intake.records import RecordReceiver
from logsrv.linelog.lines.bodies import LARGE, Records
from logsrv.linelog.lines.bom import payloads_without_bom


class RelpReceiver(RecordReceiver):
    """A connection. An unfinished message is dropped: the client sends everything unacknowledged again."""

    acknowledges = True
    record_name = "a message"
    framer: RelpFramer

    def make_framer(self) -> RelpFramer:
        return RelpFramer(self._rules)

    def messages(self, data: bytes) -> Iterator[list[bytes]]:
        framer = self.framer
        messages = framer.receive(data)
        yield from in_batches(messages)
        answer = framer.take_answers()
        if answer and (messages or self.due):
            self.answer_when_safe(answer)
        else:
            self.answer(answer)
        if framer.unknown:
            why = "dropped a command that RELP does not have; the answer is 500"
            self.intake.drop(self.source, "unknown", why, framer.unknown)
            framer.unknown = 0
        if framer.fault:
            self.refuse("oversize" if framer.oversize else "protocol", framer.fault)
        elif framer.closed:
            self.end()

    def received(self, message: list[bytes]) -> None:
        texts: Sequence[bytes] = message
        if not self._rules.raw:
            texts = payloads_without_bom(message, self.intake.counts)
        if len(texts[0]) > LARGE:
            self.parse(add_text, texts[0])
        else:
            records = Records()
            records.add_texts(list(texts))
            self.store(records)


class Relp(Input):
    """The `relp` input: it acknowledges every message, so it needs connections."""

    name = "relp"
    connection = RelpReceiver
    no_datagrams = "RELP needs connections, such as relp:tcp:2514; syslog takes datagrams"
