"""Lines over HTTP: where they go, who is let in, and what each answer means."""

from __future__ import annotations

import gzip
import re

import pytest

from logsrv.linelog.ship.http.answers import HttpAnswer
from logsrv.linelog.ship.out.posting import Post, Posting
from logsrv.linelog.ship.target import RefusedForGood
from tests.kit.net.network import REACTOR, in_reactor
from tests.linelog.ship.http.servers import serving
from tests.linelog.ship.out.peers import settings

POST = Post("/push", "application/json", "only=errors")


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
@in_reactor
async def test_a_path_of_its_own_is_kept(path: str, asked: str) -> None:
    with serving() as server:
        url = "loki+" + server.url + path
        posting = Posting(settings(url), REACTOR, POST)
        await posting.post(b"{}")
        await posting.close()
    [request] = server.asked
    assert request.path == asked
    assert request.headers["Content-Type"] == "application/json"
    assert gzip.decompress(request.body) == b"{}"
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("token", "sent"),
    [
        ("geheim", "Bearer geheim"),
        ("ApiKey abc==", "ApiKey abc=="),
        ("Basic dTpw", "Basic dTpw"),
    ],
)
@in_reactor
async def test_a_token_may_say_what_it_is(token: str, sent: str) -> None:
    with serving() as server:
        posting = Posting(settings("es+" + server.url + "/logs", token=token), REACTOR, POST)
        await posting.post(b"{}")
        await posting.close()
    assert server.asked[0].headers["Authorization"] == sent


def test_an_answer_is_judged_in_the_name_of_the_url() -> None:
    """The path may be secret."""
    posting = Posting(settings("loki+http://127.0.0.1:1/secret"), REACTOR, POST)
    with pytest.raises(
        RefusedForGood, match=re.escape("loki+http://127.0.0.1:1 answered with 400")
    ):
        posting.judge(HttpAnswer(400, {}))
