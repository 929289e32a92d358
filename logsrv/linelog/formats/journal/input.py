"""The `journal` input: uploads of systemd-journal-upload, and datagrams of journald's native protocol."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from logsrv.linelog.formats.http.body import (
    Body,
    RequestHead,
    refuse_if_closing,
    require_open_store,
)
from logsrv.linelog.formats.http.content_encoding import coding_to_undo
from logsrv.linelog.formats.http.input import HttpInputFactory
from logsrv.linelog.formats.http.routes import Route, Routes
from logsrv.linelog.formats.journal.parse import (
    TAKEN,
    JournalFramer,
    add_journal_entries,
    records_of_datagram,
)
from logsrv.linelog.intake.connections import Input, InputDatagrams
from logsrv.linelog.intake.gathering import GatheredRecords, store_datagram_records
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.lines.bodies import Records, ReplySteps, RequestRefused

ENTRIES = "application/vnd.fdo.journal"
"""The media type of entries."""


def routes() -> Routes:
    """Return the routes of one listener: packed uploads are kept until they are whole, others are not."""
    return {"/upload": (Route((b"POST",), add_journal_entries, own=_upload_body),)}


def _upload_body(head: RequestHead) -> Body | None:
    if head.media not in ("", ENTRIES):
        raise RequestRefused(415, f"entries of the journal are {ENTRIES}")
    coding = head.header("Content-Encoding")
    if coding_to_undo(coding.encode("latin-1") if coding else None):
        return None
    require_open_store(head.intake)
    return JournalBody(head)


class JournalBody(Body):
    """Journal entries, each stored once it is whole; an upload may go on for days."""

    at_once = True
    endless = True

    def __init__(self, head: RequestHead) -> None:
        assert head.holder is not None
        self._intake = head.intake
        self._source = head.source
        # Its `give_way` is called if memory runs short.
        self._holder = head.holder
        self._framer = JournalFramer(head.intake.max_record)
        # Whole entries that are not stored yet.
        self._whole: deque[Records] = deque()

    @property
    def unfinished(self) -> bool:
        return self._framer.unfinished_bytes > 0

    def missing_bytes(self) -> int:
        return self._framer.missing_bytes

    def receive(self, data: bytes) -> None:
        records = self._framer.receive(data)
        if len(records) or records.refused_count:
            self._whole.append(records)
        self._intake.unfinished.note(self._holder, self._framer.unfinished_bytes, len(data))

    def steps(self) -> Iterator[None]:
        while self._whole:
            gathered = GatheredRecords(
                self._whole.popleft(), self._intake.rules, self._intake.counts
            )
            yield from gathered.store(self._intake, self._source)
            refuse_if_closing(gathered)

    def finish(self) -> ReplySteps:
        # Store the whole entries first: the rest may be invalid.
        yield from self.steps()
        self._whole.append(self._framer.finish_upload())
        yield from self.steps()
        return TAKEN

    def let_go(self) -> None:
        self._intake.unfinished.forget(self._holder)
        self._whole.clear()


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
        return HttpInputFactory(intake, routes())
