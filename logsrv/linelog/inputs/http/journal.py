"""The `journal` input: uploads of systemd-journal-upload, and datagrams of journald's native protocol."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.framing.bodies.bodies import Records, RequestRefused
from logsrv.linelog.framing.events.journal import records_of_datagram
from logsrv.linelog.inputs.http.channel import HttpInputFactory
from logsrv.linelog.inputs.http.routes import JOURNAL_ROUTES
from logsrv.linelog.inputs.intake.connections import Input, InputDatagrams
from logsrv.linelog.inputs.intake.gathering import store_datagram_records
from logsrv.linelog.inputs.intake.intake import Intake


class JournalDatagrams(InputDatagrams):
    """Datagrams, each one entry; an invalid one is stored as text."""

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        intake, records = self.intake, Records()
        for payload in payloads:
            if not payload:
                # sd_journal_send passes an entry that is too large for a datagram as a file, which is not
                # read, with an empty datagram.
                intake.counts.empty += 1
                continue
            try:
                entry = records_of_datagram(payload, intake.max_record)
            except RequestRefused:
                records.as_text += 1
                records.add(payload, structured=False)
                continue
            records.move_all_from(entry)
        store_datagram_records(intake, records, source)


class Journal(Input):
    """The `journal` input: uploads of systemd-journal-upload, and datagrams of journald's own protocol."""

    name = "journal"
    receiver = JournalDatagrams

    def stream(self, intake: Intake) -> HttpInputFactory:
        return HttpInputFactory(intake, JOURNAL_ROUTES)
