"""The `journal` input: what systemd-journal-upload sends, and datagrams of journald's native protocol."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IAddress
from zope.interface import implementer

from logsrv.kit.net.source import source_of
from logsrv.linelog.framing.bodies.bodies import Records, RequestRefused
from logsrv.linelog.framing.events.journal import entry_of
from logsrv.linelog.inputs.http.channel import HttpInputFactory
from logsrv.linelog.inputs.http.routes import JOURNAL_ROUTES
from logsrv.linelog.inputs.intake.connections import Input
from logsrv.linelog.inputs.intake.gathering import store_from_datagrams
from logsrv.linelog.inputs.intake.intake import IDatagramReceiver, Intake


@implementer(IDatagramReceiver)
class JournalDatagrams:
    """Datagrams, each an entry; one that is none is kept as text."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def datagrams_received(self, payloads: Sequence[bytes], source: IAddress) -> None:
        intake, name = self._intake, self._intake.source(source_of(source))
        intake.received_bytes += sum(map(len, payloads))
        records = Records()
        for payload in payloads:
            if not payload:
                # Or what no datagram holds: sd_journal_send hands that over as a file.
                intake.counts.empty += 1
                continue
            try:
                entry = entry_of(payload, intake.max_record)
            except RequestRefused:
                records.as_text += 1
                records.add(payload, structured=False)
                continue
            records.add_all(entry)
        store_from_datagrams(intake, records, name)


class Journal(Input):
    """The input itself."""

    name = "journal"
    receiver = JournalDatagrams

    def stream(self, intake: Intake) -> HttpInputFactory:
        return HttpInputFactory(intake, JOURNAL_ROUTES)
