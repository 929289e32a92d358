"""The target `loki+https:`: pushes to Grafana Loki."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from logsrv.linelog.ship.encode.loki import LokiEncoder, refused_by_time
from logsrv.linelog.ship.encode.outgoing import Outgoing
from logsrv.linelog.ship.out.posting import Post, PostingTarget
from logsrv.linelog.ship.registry import TargetSettings
from logsrv.linelog.ship.target import PartlyRefused

_BAD_REQUEST = 400


class LokiTarget(PostingTarget):
    """A Loki, at `loki+https://HOST[/PATH]`."""

    requests = Post("/loki/api/v1/push", "application/json")
    promise = (
        "at least once: a line counts as sent when Loki has answered; Loki itself drops a line that comes"
        " twice, and refuses lines that are too old for it, which are counted"
    )

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        super().__init__(settings, reactor)
        self._encoder = LokiEncoder()

    async def _send(self, lines: Sequence[bytes]) -> None:
        outgoing = Outgoing(lines)
        answer = await self._posting.post(self._encoder.push(outgoing), also=(_BAD_REQUEST,))
        if answer.status == _BAD_REQUEST:
            number = refused_by_time(answer.body.decode("utf-8", "replace"), outgoing)
            if number:
                why = (
                    f"{self._posting.who} refuses lines for their time: too old for it, or too new"
                )
                raise PartlyRefused(why, number)
            self._posting.judge(answer)
