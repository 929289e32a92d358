"""The target `ndjson+https:`: objects, one in a line, to the path of the URL."""

from __future__ import annotations

import json

import pytest

from logsrv.linelog.ship.out.ndjson import NdjsonTarget
from logsrv.linelog.ship.target import RefusedForGood
from tests.kit.net.network import REACTOR, in_reactor
from tests.linelog.ship.http.servers import Told, serving
from tests.linelog.ship.out.peers import sent, settings, unavailable


@in_reactor
async def test_lines_are_posted() -> None:
    with serving() as server:
        one = NdjsonTarget(settings("ndjson+" + server.url + "/in"), REACTOR)
        await one.send(sent(b"a", b"level=error b=1"))
        await one.close()
    [asked] = server.asked
    assert (asked.path, asked.headers["Content-Type"]) == ("/in", "application/x-ndjson")
    assert "Content-Encoding" not in asked.headers
    first, second = map(json.loads, asked.body.splitlines())
    assert first["message"] == "a" and second["fields"] == {"level": "error", "b": "1"}


@in_reactor
async def test_statuses_mean_what_they_mean_everywhere() -> None:
    with serving(Told(422), Told(500), Told(hang_up=True), Told(200)) as server:
        one = NdjsonTarget(settings("ndjson+" + server.url), REACTOR)
        with pytest.raises(RefusedForGood):
            await one.send(sent(b"a"))
        assert not (await unavailable(one.send(sent(b"a")))).settled
        assert not (await unavailable(one.send(sent(b"a")))).settled
        await one.send(sent(b"a"))
        await one.close()
