"""The target `otlp+https:`: OTLP in JSON."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.fields.outgoing import OutgoingLines
from logsrv.linelog.formats.otlp.send import export_request, rejected_count_and_reason
from logsrv.linelog.ship.targets.http_client import HttpAnswer
from logsrv.linelog.ship.targets.posting_target import PostingTarget
from logsrv.linelog.ship.targets.target import PartlyRefused, RefusedForGood


class OtlpTarget(PostingTarget):
    """A receiver of OTLP over HTTP (the OpenTelemetry collector), at `otlp+https://HOST[/PATH]`."""

    path = "/v1/logs"
    promise = (
        "at least once: a line counts as sent when the receiver has answered; records that it rejects"
        " are counted, and never come again"
    )

    def encode(self, lines: Sequence[bytes]) -> bytes:
        return export_request(OutgoingLines(lines))

    def check_answer(self, answer: HttpAnswer, lines: Sequence[bytes]) -> None:
        refused, why = rejected_count_and_reason(answer.body)
        if refused:
            sentence = f"{self.who} rejects records" + (f": {why}" if why else "")
            if refused >= len(lines):
                raise RefusedForGood(sentence)
            raise PartlyRefused(sentence, refused)
