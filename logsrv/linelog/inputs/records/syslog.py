"""The `syslog` input: RFC 5424, RFC 3164 and what else calls itself so, over streams and in datagrams.

Messages are stored as they came; what stands in their headers is read when somebody asks for it. Nothing
is acknowledged: the protocol has no way to.
"""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.framing.lines.records import frame_records, without_ending
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, for_datagrams
from logsrv.linelog.framing.lines.syslog_framer import SyslogFramer
from logsrv.linelog.inputs.intake.connections import Input, InputDatagrams
from logsrv.linelog.inputs.records.lines import LineReceiver

_MERGED = (
    "what looks like several counted messages without <PRI> is stored as one line; a sender that counts"
    " has to count every message, from the first of its connection on: let it connect again"
)
# Pieces of a chunk that are made in one turn for others: 1 to 2 ms.
_PIECES = 128


class SyslogReceiver(LineReceiver):
    """A connection: as one of lines, but that each frame ends as its sender says."""

    _framer: SyslogFramer
    _merged = False

    def make_framer(self, rules: LineRules, counts: LineCounts) -> SyslogFramer:
        return SyslogFramer(rules, counts, _PIECES)

    @property
    def more(self) -> bool:
        return self._framer.more

    def take_in(self, data: bytes) -> int:
        size = super().take_in(data)
        self._report_merged()
        return size

    def finish(self) -> None:
        super().finish()
        self._report_merged()

    def _report_merged(self) -> None:
        """Say it once for a connection."""
        if self._framer.merged and not self._merged:
            self._merged = True
            self.intake.complain(self.source, _MERGED, "counted")


class SyslogDatagrams(InputDatagrams):
    """Datagrams, each of one message."""

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        intake = self.intake
        together = b"".join(payloads)
        messages = payloads
        # Mostly there is nothing to take off: RFC 5426 has no endings.
        if b"\n" in together or b"\0" in together:
            messages = [without_ending(payload) for payload in payloads]
        block, _ = frame_records(messages, for_datagrams(intake.rules), intake.counts)
        if block is not None:
            intake.take(block, source)


class Syslog(Input):
    """The input itself."""

    name = "syslog"
    connection = SyslogReceiver
    receiver = SyslogDatagrams
