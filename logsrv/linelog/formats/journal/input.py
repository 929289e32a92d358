"""The `journal` input: uploads of systemd-journal-upload, and datagrams of journald's native protocol."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from logsrv.linelog.formats.journal.parse import TAKEN, add_datagram, add_journal_entries
from logsrv.linelog.intake.connections import Input, InputDatagrams
from logsrv.linelog.intake.gathering import GatheredRecords, gather
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.over_http.body import (
    Body,
    RequestHead,
    refuse_if_closing,
    require_open_store,
)
from logsrv.linelog.intake.over_http.input import HttpInputFactory
from logsrv.linelog.intake.over_http.parse import coding_to_undo
from logsrv.linelog.intake.over_http.routes import Route, Routes
from logsrv.linelog.intake.parsing import ParseOrder
from logsrv.linelog.lines.bodies import LARGE, Records, Reply, RequestRefused
from logsrv.linelog.lines.journal_entries import JournalEntry, JournalFramer, add_entry

ENTRIES = "application/vnd.fdo.journal"
"""The media type of entries."""


def routes() -> Routes:
    """Return the routes of one listener: packed uploads are kept until they are whole, others are not."""
    return {"/upload": (Route((b"POST",), add_journal_entries, own=_upload_body),)}


def _upload_body(head: RequestHead) -> Body | None:
    if head.media not in ("", ENTRIES):
        raise RequestRefused(415, f"entries of the journal are {ENTRIES}")
    if coding_to_undo(head.header("Content-Encoding")):
        return None
    require_open_store(head.intake)
    return JournalBody(head)


class JournalBody(Body):
    """Journal entries, each stored once it is whole; an upload may go on for days."""

    at_once = True
    endless = True
    waits_to_store = True

    def __init__(self, head: RequestHead) -> None:
        assert head.holder is not None
        self._intake = head.intake
        self._source, self._since = head.source, head.since
        self._rules, self._line_rules = head.intake.body_rules, head.intake.rules
        # Its `give_way` is called if memory runs short.
        self._holder = head.holder
        self._framer = JournalFramer()
        # Whole entries that are not stored yet, and what waits until they are.
        self._whole: deque[JournalEntry] = deque()
        self._stored: Deferred[None] = succeed(None)
        self._refusal: RequestRefused | None = None

    @property
    def unfinished(self) -> bool:
        return self._framer.unfinished_bytes > 0

    def missing_bytes(self) -> int:
        return self._framer.missing_bytes

    def receive(self, data: bytes) -> None:
        self._whole += self._framer.receive(data)
        self._intake.unfinished.note(self._holder, self._framer.unfinished_bytes, len(data))

    @property
    def waits(self) -> bool:
        return not self._stored.called

    def store_whole(self) -> None:
        if self._whole and not self.waits:
            self._stored = Deferred.fromCoroutine(self._store_entries())
            if self.waits:
                # Nothing is read while a worker parses an entry.
                self._holder.pauseProducing()
                self._stored.addCallback(lambda _: self._holder.resumeProducing())
            self._stored.addErrback(self._note_refusal)

    async def _store_entries(self) -> None:
        """Store the whole entries: small ones together, a large one by a worker. Raises RequestRefused."""
        while self._whole:
            if self._whole[0].size > LARGE:
                found = await self._parse_in_worker(self._whole.popleft())
            else:
                records, size = Records(), 0
                while self._whole and size + self._whole[0].size <= LARGE:
                    entry = self._whole.popleft()
                    size += entry.size
                    add_entry(entry, self._rules.max_record, records)
                found = gather(records, self._line_rules, self._intake.counts)
            self._intake.take_gathered(found, self._source)
            refuse_if_closing(found)

    async def _parse_in_worker(self, entry: JournalEntry) -> GatheredRecords:
        order = ParseOrder(add_journal_entries, entry.encoded(), self._rules, self._line_rules)
        found = (await self._intake.parse_in_worker(order)).gathered
        if entry.left_out:
            found.reasons["oversize"] += 1
        return found

    def _note_refusal(self, failure: Failure) -> None:
        refusal = failure.value
        if not isinstance(refusal, RequestRefused):
            refusal = self._intake.failed("taking in an entry", self._source, failure)
        self._refusal = refusal
        self._holder.refuse(refusal)

    async def finish(self) -> Reply:
        # Store the whole entries first: the rest may be invalid.
        await self._store_all()
        self._whole += self._framer.finish_upload()
        await self._store_all()
        self._holder.storing()
        await self._intake.durable(self._since)
        return TAKEN

    async def _store_all(self) -> None:
        while self._whole or self.waits:
            self.store_whole()
            await self._stored
            if self._refusal is not None:
                raise self._refusal

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
                add_datagram(payload, intake.max_record, records)
            except RequestRefused:
                records.as_text += 1
                records.add(payload, structured=False)
        intake.take_datagram_records(records, source)


class Journal(Input):
    """The `journal` input: uploads of systemd-journal-upload, and datagrams of journald's own protocol."""

    name = "journal"
    receiver = JournalDatagrams

    def stream(self, intake: Intake) -> HttpInputFactory:
        return HttpInputFactory(intake, routes())
