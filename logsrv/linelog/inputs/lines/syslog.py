"""The `syslog` input: RFC 5424, RFC 3164 and what else calls itself so, over streams and in datagrams.

Messages are stored as they came; what stands in their headers is read when somebody asks for it. Nothing
is acknowledged: the protocol has no way to.
"""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.framing.lines.records import frame_records, without_ending
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, for_datagrams
from logsrv.linelog.framing.lines.syslog import SyslogFramer
from logsrv.linelog.inputs.intake.connections import Input, InputDatagrams
from logsrv.linelog.inputs.lines.lines import LineReceiver


class SyslogReceiver(LineReceiver):
    """A connection: as one of lines, but that each frame ends as its sender says."""

    def make_framer(self, rules: LineRules, counts: LineCounts) -> SyslogFramer:
        return SyslogFramer(rules, counts)


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
