"""The target `otlp+https:`: logs over OTLP/HTTP (the OpenTelemetry collector, and most that take logs)."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.ship.encode.otlp import export_request, rejected
from logsrv.linelog.ship.encode.outgoing import Outgoing
from logsrv.linelog.ship.out.posting import Post, PostingTarget
from logsrv.linelog.ship.target import PartlyRefused, RefusedForGood


class OtlpTarget(PostingTarget):
    """A receiver of OTLP, at `otlp+https://HOST[/PATH]`."""

    requests = Post("/v1/logs", "application/json")
    promise = (
        "at least once: a line counts as sent when the receiver has answered; records that it rejects"
        " are counted, and never come again"
    )

    async def _send(self, lines: Sequence[bytes]) -> None:
        answer = await self._posting.post(export_request(Outgoing(lines)))
        refused, why = rejected(answer.body)
        if refused:
            sentence = f"{self._posting.who} rejects records" + (f": {why}" if why else "")
            if refused >= len(lines):
                raise RefusedForGood(sentence)
            raise PartlyRefused(sentence, refused)
