"""Heads of answers that have no end."""

from __future__ import annotations

import pytest
from twisted.web.client import Agent, ResponseFailed, readBody

from logsrv.kit.net.twisted.agent import LARGEST_HEAD, EndlessHead, bounded_pool
from tests.kit.net.network import REACTOR, in_reactor
from tests.strangers import Answer, endless, stranger

OK = b"HTTP/1.1 200 OK\r\n"
# What the systems of both sides hold of what nobody has read yet is in it.
FEW = 32 << 20


@pytest.mark.parametrize(
    "answer",
    [
        endless(b"X-Name: %b\r\n" % (b"a" * 16_000), OK),
        endless(b"a:\r\n", OK),
        endless(b" folded\r\n", OK, b"X-Name: a\r\n"),
        endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["long headers", "short headers", "one header in many lines", "1xx"],
)
@in_reactor
async def test_an_endless_head_ends_the_connection_and_takes_no_memory(answer: Answer) -> None:
    with stranger(answer) as server:
        agent = Agent(REACTOR, pool=bounded_pool(REACTOR, persistent=False))
        with pytest.raises(ResponseFailed) as caught:
            await agent.request(b"GET", server.url.encode())
        said = server.said
    assert any(reason.check(EndlessHead) for reason in caught.value.reasons)
    assert said < FEW


@pytest.mark.filterwarnings("ignore:Using readBody:DeprecationWarning")
@in_reactor
async def test_a_large_head_comes_through_and_what_is_behind_it_does_not_count() -> None:
    headers = b"".join(b"X-%d: %b\r\n" % (number, b"a" * 8000) for number in range(8))
    body = b"b" * (2 * LARGEST_HEAD)
    length = b"Content-Length: %d\r\n" % len(body)
    answer = b"".join((b"HTTP/1.1 100 Continue\r\n\r\n", OK, headers, length, b"\r\n", body))
    with stranger(lambda _: [answer]) as server:
        agent = Agent(REACTOR, pool=bounded_pool(REACTOR, persistent=False))
        response = await agent.request(b"GET", server.url.encode())
        assert await readBody(response) == body
