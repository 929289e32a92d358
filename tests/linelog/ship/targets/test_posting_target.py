"""Lines over HTTP: where they go, who is let in, what is sent, what answers mean."""

import gzip
import json

import pytest

from logsrv.linelog.formats.loki.target import LokiTarget
from logsrv.linelog.formats.ndjson.target import NdjsonTarget
from logsrv.linelog.formats.otlp.target import OtlpTarget
from logsrv.linelog.ship.targets.posting_target import PostingTarget
from logsrv.linelog.ship.targets.target import (
    PartlyRefused,
    RefusedForGood,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.ship.targets.target_plugin import make_target
from tests.parts.far_sides import closing, sent, settings
from tests.parts.http_servers import Asked, Told, serving
from tests.parts.reactor import REACTOR


class Target(PostingTarget):
    path = "/push"
    query = "only=errors"

    def encode(self, lines: object) -> bytes:
        return b"{}"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", "/push?only=errors"),
        ("/", "/push?only=errors"),
        ("/own/way", "/own/way?only=errors"),
        ("/own?a=b", "/own?a=b&only=errors"),
        ("?a=b", "/push?a=b&only=errors"),
    ],
)
async def test_a_path_in_the_url_replaces_the_default_path(path, asked):
    with serving() as server:
        async with closing(Target(settings("loki+" + server.url + path), REACTOR)) as one:
            await one.send(sent(b"a"))
    [request] = server.asked
    assert request.path == asked
    assert request.headers["Content-Type"] == "application/json"
    assert gzip.decompress(request.body) == b"{}"
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("token", "header"),
    [
        ("geheim", "Bearer geheim"),
        ("ApiKey abc==", "ApiKey abc=="),
        ("Basic dTpw", "Basic dTpw"),
    ],
)
async def test_a_token_with_its_own_scheme_is_sent_unchanged(token, header):
    with serving() as server:
        async with closing(
            Target(settings("es+" + server.url + "/logs", token=token), REACTOR)
        ) as one:
            await one.send(sent(b"a"))
    assert server.asked[0].headers["Authorization"] == header


async def asked_of(kind: type[PostingTarget], scheme: str, path: str = "") -> Asked:
    """The request of a target that gets two lines."""
    with serving(Told(200, b"{}")) as server:
        async with closing(make_target(settings(f"{scheme}+{server.url}{path}"), REACTOR)) as one:
            assert isinstance(one, kind)
            await one.send(sent(b"a", b"level=error b=1"))
    [asked] = server.asked
    return asked


async def test_objects_one_in_a_line_are_posted_to_the_path_of_the_url():
    asked = await asked_of(NdjsonTarget, "ndjson", "/in")
    assert (asked.path, asked.headers["Content-Type"]) == ("/in", "application/x-ndjson")
    assert "Content-Encoding" not in asked.headers
    first, second = map(json.loads, asked.body.splitlines())
    assert first["message"] == "a" and second["fields"] == {"level": "error", "b": "1"}


async def test_records_of_otlp_are_exported():
    asked = await asked_of(OtlpTarget, "otlp")
    assert (asked.path, asked.headers["Content-Type"]) == ("/v1/logs", "application/json")
    [logs] = json.loads(gzip.decompress(asked.body))["resourceLogs"]
    assert len(logs["scopeLogs"][0]["logRecords"]) == 2


async def test_lines_are_pushed_to_loki():
    asked = await asked_of(LokiTarget, "loki")
    assert asked.path == "/loki/api/v1/push"
    streams = json.loads(gzip.decompress(asked.body))["streams"]
    assert [stream["stream"].get("level") for stream in streams] == [None, "error"]


def rejecting(number: int) -> Told:
    success = {"rejectedLogRecords": str(number), "errorMessage": "too long"}
    return Told(200, json.dumps({"partialSuccess": success}).encode())


TOO_OLD = (
    b"entry with timestamp 1 ignored, reason: 'entry too far behind', total ignored: 2 out of 3"
)
LATER = {"Retry-After": "3"}


@pytest.mark.parametrize(
    ("scheme", "told", "kind", "said", "facts"),
    [
        ("ndjson", Told(422), RefusedForGood, "answered with 422", {}),
        ("ndjson", Told(500), Unavailable, "answered with 500", {"settled": False}),
        ("ndjson", Told(hang_up=True), Unavailable, "closed", {"settled": False}),
        ("otlp", rejecting(1), PartlyRefused, "rejects records: too long", {"number": 1}),
        ("otlp", rejecting(3), RefusedForGood, "rejects records: too long", {}),
        ("otlp", Told(401), Unavailable, "answered with 401", {"settled": True}),
        ("otlp", Told(302), Unavailable, "redirects are not followed", {"settled": True}),
        ("otlp", Told(503), Unavailable, "answered with 503", {"settled": False}),
        ("loki", Told(400, TOO_OLD), PartlyRefused, "for their time", {"number": 2, "which": ()}),
        (
            "loki",
            Told(400, b"parse error"),
            RefusedForGood,
            r"http://[0-9.:]+ answered with 400",
            {},
        ),
        ("loki", Told(413), TooMuchAtOnce, "answered with 413", {}),
        ("loki", Told(429, headers=LATER), Unavailable, "answered with 429", {"after": 3.0}),
    ],
)
async def test_answers_to_a_post_become_errors_without_the_path_of_the_url(
    scheme, told, kind, said, facts
):
    """The path of a URL may be secret, so no answer is told with it; the next one is that all is well."""
    with serving(told, Told(200, b"{}")) as server:
        async with closing(make_target(settings(f"{scheme}+{server.url}/secret"), REACTOR)) as one:
            assert isinstance(one, PostingTarget)
            lines = sent(b"a", b"b", b"c")
            with pytest.raises(kind, match=said) as caught:
                await one.send(lines)
            await one.send(lines)
    assert type(caught.value) is kind and "secret" not in str(caught.value)
    assert {name: getattr(caught.value, name) for name in facts} == facts
