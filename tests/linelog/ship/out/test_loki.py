"""The target `loki+https:`: pushes, and lines that are too old for it."""

from __future__ import annotations

import gzip
import json

import pytest

from logsrv.linelog.ship.out.loki import LokiTarget
from logsrv.linelog.ship.target import PartlyRefused, RefusedForGood, TooMuchAtOnce
from tests.kit.net.network import REACTOR, in_reactor
from tests.linelog.ship.http.servers import Told, serving
from tests.linelog.ship.out.peers import sent, settings, unavailable


@in_reactor
async def test_lines_are_pushed() -> None:
    with serving(Told(204)) as server:
        one = LokiTarget(settings("loki+" + server.url), REACTOR)
        await one.send(sent(b"a", b"ERROR b"))
        await one.close()
    [asked] = server.asked
    assert asked.path == "/loki/api/v1/push"
    streams = json.loads(gzip.decompress(asked.body))["streams"]
    assert [stream["stream"].get("level") for stream in streams] == [None, "error"]


@in_reactor
async def test_lines_that_are_too_old_are_counted_and_nothing_else_is_wrong() -> None:
    said = (
        b"entry with timestamp 1 ignored, reason: 'entry too far behind', total ignored: 2 out of 3"
    )
    told = (
        Told(400, said),
        Told(400, b"parse error"),
        Told(413),
        Told(429, headers={"Retry-After": "3"}),
    )
    with serving(*told) as server:
        one = LokiTarget(settings("loki+" + server.url), REACTOR)
        lines = sent(b"a", b"b", b"c")
        with pytest.raises(PartlyRefused, match="refuses lines for their time") as old:
            await one.send(lines)
        assert (old.value.number, list(old.value.which)) == (2, [])
        with pytest.raises(RefusedForGood, match="answered with 400") as wrong:
            await one.send(lines)
        assert not isinstance(wrong.value, PartlyRefused)
        with pytest.raises(TooMuchAtOnce):
            await one.send(lines)
        assert (await unavailable(one.send(lines))).after == 3.0
        await one.close()
