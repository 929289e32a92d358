"""Uploads of systemd's journal, with entries, and its datagrams, each one entry (sans-IO).

In a datagram the entry has no empty line at its end: https://systemd.io/JOURNAL_NATIVE_PROTOCOL
"""

from __future__ import annotations

from logsrv.linelog.lines.bodies import BodyRules, Records, Reply, malformed_body
from logsrv.linelog.lines.journal_entries import JournalFramer, add_entry

# Bytes of a whole upload parsed at once: its entries are counted towards the limit piece by piece.
_PIECE = 256 << 10

TAKEN = Reply(202, b"OK.\n", "text/plain")
"""The answer to systemd-journal-upload when the whole upload is safe."""


def add_journal_entries(body: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add the entries of a whole unpacked upload. Raises RequestRefused."""
    framer = JournalFramer()
    # Whole, its fields would take too much memory.
    for at in range(0, len(body), _PIECE):
        for entry in framer.receive(body[at : at + _PIECE]):
            add_entry(entry, rules.max_record, records)
    for entry in framer.finish_upload():
        add_entry(entry, rules.max_record, records)
    return TAKEN


def add_datagram(datagram: bytes, max_record: int, records: Records) -> None:
    """Add the entry in a datagram of the native protocol. Raises RequestRefused for an invalid one."""
    framer = JournalFramer()
    found = framer.receive(datagram if datagram.endswith(b"\n") else datagram + b"\n")
    found += framer.finish()
    if len(found) > 1:
        raise malformed_body("the datagram has more than one entry")
    for entry in found:
        add_entry(entry, max_record, records)
