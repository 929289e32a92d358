"""The target `otlp+https:`: requests, and records that are rejected."""

from __future__ import annotations

import gzip
import json

import pytest

from logsrv.linelog.ship.out.otlp import OtlpTarget
from logsrv.linelog.ship.target import PartlyRefused, RefusedForGood
from tests.kit.net.network import REACTOR, in_reactor
from tests.linelog.ship.http.servers import Told, serving
from tests.linelog.ship.out.peers import sent, settings, unavailable


def partial(number: int) -> Told:
    success = {"rejectedLogRecords": str(number), "errorMessage": "too long"}
    return Told(200, json.dumps({"partialSuccess": success}).encode())


@in_reactor
async def test_lines_are_exported() -> None:
    with serving(Told(200, b"{}")) as server:
        one = OtlpTarget(settings("otlp+" + server.url), REACTOR)
        await one.send(sent(b"a", b"b"))
        await one.close()
    [asked] = server.asked
    assert (asked.path, asked.headers["Content-Type"]) == ("/v1/logs", "application/json")
    [logs] = json.loads(gzip.decompress(asked.body))["resourceLogs"]
    assert len(logs["scopeLogs"][0]["logRecords"]) == 2


@in_reactor
async def test_records_that_are_rejected_are_counted_and_not_sent_again() -> None:
    with serving(partial(1), partial(2), Told(401), Told(302), Told(503)) as server:
        one = OtlpTarget(settings("otlp+" + server.url), REACTOR)
        lines = sent(b"a", b"b")
        with pytest.raises(PartlyRefused, match="rejects records: too long") as some:
            await one.send(lines)
        assert some.value.number == 1
        with pytest.raises(RefusedForGood) as each:
            await one.send(lines)
        assert not isinstance(each.value, PartlyRefused)
        for settled in (True, True, False):
            assert (await unavailable(one.send(lines))).settled is settled
        await one.close()
