"""The target `loki+https:`: pushes to Grafana Loki."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from logsrv.linelog.fields.outgoing import OutgoingLines
from logsrv.linelog.formats.loki.send import LokiEncoder, count_refused_by_time
from logsrv.linelog.ship.targets.http_client import HttpAnswer, raise_unless_success
from logsrv.linelog.ship.targets.posting_target import PostingTarget
from logsrv.linelog.ship.targets.target import PartlyRefused
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.reactor import time_of_day

_BAD_REQUEST = 400


class LokiTarget(PostingTarget):
    """A Grafana Loki, at `loki+https://HOST[/PATH]`."""

    path = "/loki/api/v1/push"
    accepted = (_BAD_REQUEST,)
    promise = (
        "at least once: a line counts as sent when Loki has answered; Loki itself drops a line that comes"
        " twice, and refuses lines that are too old for it, which are counted"
    )

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        super().__init__(settings, reactor)
        self._encoder = LokiEncoder()

    def encode(self, lines: Sequence[bytes]) -> bytes:
        return self._encoder.encode_push(OutgoingLines(lines))

    def check_answer(self, answer: HttpAnswer, lines: Sequence[bytes]) -> None:
        if answer.status != _BAD_REQUEST:
            return
        number = count_refused_by_time(answer.body.decode("utf-8", "replace"), OutgoingLines(lines))
        if number:
            why = f"{self.who} refuses lines for their time: too old for it, or too new"
            raise PartlyRefused(why, number)
        raise_unless_success(answer, self.who, time_of_day(self.reactor))
