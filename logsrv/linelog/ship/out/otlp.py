"""The target `otlp+https:`: logs over OTLP/HTTP (the OpenTelemetry collector, and most that take logs)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from logsrv.linelog.ship.encode.otlp import export_request, rejected
from logsrv.linelog.ship.encode.outgoing import Outgoing
from logsrv.linelog.ship.out.posting import Post, Posting
from logsrv.linelog.ship.registry import TargetSettings
from logsrv.linelog.ship.target import PartlyRefused, RefusedForGood, SentLines

_POST = Post("/v1/logs", "application/json")


def make_target(settings: TargetSettings, reactor: Any) -> OtlpTarget:
    """Make the target of `otlp+https://HOST[/PATH]`. Raises ConfigurationError."""
    return OtlpTarget(Posting(settings, reactor, _POST))


class OtlpTarget:
    """A receiver of OTLP."""

    promise = (
        "at least once: a line counts as sent when the receiver has answered; records that it rejects"
        " are counted, and never come again"
    )
    most_lines = 5000
    most_bytes = 1 << 20

    def __init__(self, posting: Posting) -> None:
        self._posting = posting

    def send(self, lines: SentLines) -> Deferred[None]:
        """Export lines; fires when the receiver has taken them."""
        return Deferred.fromCoroutine(self._send(lines))

    def close(self) -> Deferred[None]:
        """Let go of the connections."""
        return self._posting.close()

    async def _send(self, lines: SentLines) -> None:
        number = len(lines.lines)
        if not number:
            return
        answer = await self._posting.post(export_request(Outgoing(lines.lines)))
        refused, why = rejected(answer.body)
        if refused:
            sentence = f"{self._posting.who} rejects records" + (f": {why}" if why else "")
            if refused >= number:
                raise RefusedForGood(sentence)
            raise PartlyRefused(sentence, refused)
