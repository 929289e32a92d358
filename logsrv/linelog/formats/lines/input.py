"""The `lines` input: lines ended by LF or CR LF, over a stream or in datagrams."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.intake.connections import Input, InputDatagrams
from logsrv.linelog.intake.line_receiver import JoiningReceiver, LineReceiver
from logsrv.linelog.lines.datagrams import frame_datagrams, join_datagrams


class LineDatagrams(InputDatagrams):
    """Datagrams, each with one or more lines."""

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        intake = self.intake
        frame = join_datagrams if intake.rules.join else frame_datagrams
        block = frame(payloads, intake.rules, intake.counts)
        if block is not None:
            intake.take(block, source)


class Lines(Input):
    """The `lines` input."""

    name = "lines"
    connection = LineReceiver
    joining = JoiningReceiver
    receiver = LineDatagrams
