"""The `syslog` input: RFC 5424, RFC 3164 and similar formats, over streams and in datagrams.

Messages are stored unchanged; a search parses their headers later. The protocol has no acknowledgements.
"""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.formats.syslog.parse import SyslogFramer
from logsrv.linelog.intake.connections import Input, InputDatagrams
from logsrv.linelog.intake.line_receiver import JoiningReceiver, LineReceiver
from logsrv.linelog.lines.bom import payloads_without_bom
from logsrv.linelog.lines.joined import JoiningFramer
from logsrv.linelog.lines.records import frame_records, without_ending
from logsrv.linelog.lines.rules import LineCounts, LineRules, for_datagrams

_MERGED = (
    "a line looks like several counted messages without <PRI>, and is stored as one; a sender that counts"
    " must count every message of a connection, from the first on: let it connect again"
)
# Pieces of a chunk that are made before other peers have a turn: 1 to 2 ms.
_PIECES = 128


class SyslogReceiver(LineReceiver):
    """A connection: a `LineReceiver` with the framer of syslog."""

    _framer: SyslogFramer | JoiningFramer
    _merged = False

    def make_framer(self, rules: LineRules, counts: LineCounts) -> SyslogFramer | JoiningFramer:
        return SyslogFramer(rules, counts, _PIECES)

    def take_in(self, data: bytes) -> int:
        size = super().take_in(data)
        self._report_merged()
        return size

    def finish(self) -> None:
        super().finish()
        self._report_merged()

    def _report_merged(self) -> None:
        """Log merged messages once for each connection."""
        if self._framer.merged and not self._merged:
            self._merged = True
            self.intake.complain(self.source, _MERGED, "counted")


class JoiningSyslogReceiver(JoiningReceiver, SyslogReceiver):
    """A connection of syslog whose messages of one record are stored as one line."""

    _framer: JoiningFramer


class SyslogDatagrams(InputDatagrams):
    """Datagrams, each one message."""

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        intake = self.intake
        together = b"".join(payloads)
        if not intake.rules.raw:
            payloads = payloads_without_bom(payloads, intake.counts)
        messages = payloads
        # Most messages have no ending to remove: RFC 5426 has none.
        if b"\n" in together or b"\0" in together:
            messages = [without_ending(payload) for payload in payloads]
        block, _ = frame_records(messages, for_datagrams(intake.rules), intake.counts)
        if block is not None:
            intake.take(block, source)


class Syslog(Input):
    """The `syslog` input."""

    name = "syslog"
    connection = SyslogReceiver
    joining = JoiningSyslogReceiver
    receiver = SyslogDatagrams
