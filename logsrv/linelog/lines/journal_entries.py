"""Entries of systemd's journal: the export format, cut anywhere (sans-IO).

Uploads and datagrams of the journal have them, and files that are imported.

    KEY=text LF                         a field
    KEY LF, size (64 bits, little-endian), data, LF     a field with any bytes
    LF                                  the end of an entry

https://systemd.io/JOURNAL_EXPORT_FORMATS
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Sequence

import attrs

from logsrv.linelog.lines.bodies import Records, RequestRefused, malformed_body, nothing_found
from logsrv.linelog.lines.json_made import decode_or_escape, dict_of_pairs, json_object_line

# Bytes of an entry, which is kept in memory until it ends; further fields are dropped. journald's own limit
# over a network is larger.
MOST_ENTRY = 16 << 20
# The most fields of an entry; further ones are dropped. systemd writes 1024 at most.
MOST_FIELDS = 4096
# Longest field that systemd allows, in bytes; a larger size is invalid, and refuses the upload.
_MOST_FIELD = 768 << 20
# Bytes: an entry longer than this, and longer than a record may be, is stored as text, not as JSON.
_LARGE = 1 << 20
# Bytes of memory counted for a field in addition to its text.
_FIELD = 100
_SIZE = 8
_TO_ITS_LF = -1


@attrs.frozen
class JournalEntry:
    """A whole entry. left_out: whether it had too many or too long fields, which are not here."""

    fields: list[tuple[bytes, bytes]]
    left_out: bool = False

    @property
    def size(self) -> int:
        """The number of bytes of its keys and values."""
        return sum(len(key) + len(value) for key, value in self.fields)

    def encoded(self) -> bytes:
        """Return the fields in the export format."""
        parts = [
            b"%b\n%b%b\n" % (key, len(value).to_bytes(_SIZE, "little"), value)
            for key, value in self.fields
        ]
        return b"".join([*parts, b"\n"])


class JournalFramer:
    """The framer of one upload: `receive` and `finish` return whole entries.

    Fields after the first MOST_ENTRY
    bytes or MOST_FIELDS fields of an entry are dropped, and the entry is counted as oversize. A BOM before
    the upload is left out. has_entries: whether an entry has ended.
    """

    def __init__(self) -> None:
        self.has_entries = False
        # True until the first field.
        self._at_start = True
        self._held = bytearray()
        # The fields in `_held` are parsed up to here.
        self._at = 0
        # The line that begins at `_at` has no LF before this offset.
        self._searched = 0
        # `_held` must have this many bytes before parsing can go on.
        self._wanted = 0
        # Bytes still to skip of a dropped field; _TO_ITS_LF if it ends at the next LF.
        self._to_skip = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self._size = 0
        self._left_out = False
        # Entries that are not returned yet.
        self._found: list[JournalEntry] = []
        # The error that came after the entries returned last; the next call raises it.
        self._error: RequestRefused | None = None

    @property
    def unfinished_bytes(self) -> int:
        """Return the number of bytes kept of an unfinished entry."""
        return self._size + len(self._held)

    @property
    def missing_bytes(self) -> int:
        """Return how many bytes, to keep or to skip, must come before parsing can go on."""
        return max(self._to_skip, self._wanted - len(self._held), 0)

    def receive(self, data: bytes) -> list[JournalEntry]:
        """Return the entries that `data` completes. Raises RequestRefused (400) for an invalid field.

        Entries before an error are returned first; then the next call raises.
        """
        if self._error:
            raise self._error
        if self._to_skip:
            data = self._skip_dropped(data)
        self._held += data
        if len(self._held) < self._wanted:
            return []
        self._wanted = 0
        try:
            while self._parse_field():
                pass
        except RequestRefused as refusal:
            found = self._take_found()
            if not found:
                raise
            self._error = refusal
            return found
        del self._held[: self._at]
        self._wanted = max(0, self._wanted - self._at)
        self._searched = max(0, self._searched - self._at)
        self._at = 0
        if self._held and not self._wanted and self._size + len(self._held) > MOST_ENTRY:
            # A line that has no LF yet and is too long already. The length of a field with a size is
            # checked as soon as the size is known.
            self._drop_field(_TO_ITS_LF)
            self._held.clear()
            self._searched = 0
        return self._take_found()

    def finish(self) -> list[JournalEntry]:
        """Return the last entry at the end of the upload. Raises RequestRefused for half a field."""
        if self._error:
            raise self._error
        if self._held or self._to_skip:
            raise malformed_body(
                "the upload ends in the middle of a field, or a line of it is not KEY=value"
            )
        self._end_entry()
        return self._take_found()

    def finish_upload(self) -> list[JournalEntry]:
        """Return the last entry. Raises RequestRefused as `finish`, and for an upload without any entry."""
        found = self.finish()
        if not self.has_entries:
            raise nothing_found("the upload has no entry")
        return found

    def _take_found(self) -> list[JournalEntry]:
        found, self._found = self._found, []
        return found

    def _entry_has_room(self, more: int) -> bool:
        return self._size + more <= MOST_ENTRY and len(self._fields) < MOST_FIELDS

    def _drop_field(self, passing: int) -> None:
        self._left_out = True
        self._to_skip = passing

    def _skip_dropped(self, data: bytes) -> bytes:
        """Skip the rest of a dropped field; return the bytes after it."""
        if self._to_skip == _TO_ITS_LF:
            ended = data.find(b"\n") + 1
            if ended:
                self._to_skip = 0
            return data[ended:] if ended else b""
        passed = min(self._to_skip, len(data))
        self._to_skip -= passed
        return data[passed:]

    def _parse_field(self) -> bool:
        """Take one field, or the end of an entry. Return false if it is not whole yet."""
        held, at = self._held, self._at
        ended = held.find(b"\n", max(at, self._searched))
        if ended < 0:
            self._searched = len(held)
            return False
        if ended == at:
            self._at += 1
            self._end_entry()
            return True
        if self._at_start:
            self._at_start = False
            at += len(BOM_UTF8) if held.startswith(BOM_UTF8, at) else 0
            if ended == at:
                self._at = ended + 1
                return True
        key, equals, value = bytes(held[at:ended]).partition(b"=")
        self._at = ended + 1
        if not equals:
            data = ended + 1 + _SIZE
            size = int.from_bytes(held[ended + 1 : data], "little")
            if len(held) >= data and not self._entry_has_room(len(key) + size + _FIELD):
                return self._drop_long_field(data, size)
            if len(held) < data or len(held) <= data + size:
                self._at = at
                self._wanted = data + size + 1 if len(held) >= data else data
                return False
            value = bytes(held[data : data + size])
            if held[data + size] != 10:
                raise malformed_body("a field of an entry does not end where its size says")
            self._at = data + size + 1
        if self._entry_has_room(len(key) + len(value) + _FIELD):
            self._fields.append((key, value))
            self._size += len(key) + len(value) + _FIELD
        else:
            self._left_out = True
        return True

    def _drop_long_field(self, data: int, size: int) -> bool:
        if size > _MOST_FIELD:
            raise malformed_body(
                "a field of an entry claims more than 768 MiB, the longest that systemd allows"
            )
        # The field's LF is skipped as well.
        stop = data + size + 1
        self._at = min(stop, len(self._held))
        self._drop_field(stop - self._at)
        return not self._to_skip

    def _end_entry(self) -> None:
        if self._fields or self._left_out:
            self.has_entries = True
            self._found.append(JournalEntry(self._fields, self._left_out))
        self._fields, self._size, self._left_out = [], 0, False


def add_entry(entry: JournalEntry, max_record: int, records: Records) -> None:
    """Add an entry as a JSON object; one that is longer than `max_record` bytes as text.

    A field that occurs more than once becomes an array.
    """
    if entry.left_out:
        records.reasons["oversize"] += 1
    if not entry.fields:
        return
    if _least_json_bytes(entry.fields) > max(max_record, _LARGE):
        # A record this long is split into lines anyway, and JSON of 16 MiB takes seconds and 400 MB.
        records.as_text += 1
        text = b"\n".join([b"%b=%b" % one for one in entry.fields])
        records.add(text, structured=False)
        return
    record = json_object_line(
        dict_of_pairs((decode_or_escape(key), value) for key, value in entry.fields), {}
    )
    fits = len(record) <= max_record
    records.as_text += not fits
    records.add(record, structured=fits)


def _least_json_bytes(fields: Sequence[tuple[bytes, bytes]]) -> int:
    """Return the least number of bytes of fields as JSON, each key once."""
    texts = [*{key for key, _ in fields}, *(value for _, value in fields)]
    return sum(map(_least_text_bytes, texts))


def _least_text_bytes(text: bytes) -> int:
    """Return the least number of bytes of a text as JSON: a byte that is not UTF-8 takes five."""
    if text.isascii():
        return len(text)
    valid = len(text.decode("utf-8", "ignore").encode())
    return valid + 5 * (len(text) - valid)
