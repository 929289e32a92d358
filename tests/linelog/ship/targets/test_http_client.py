"""The connection of a shipper: used again, bounded, with its token, and no way around its certificates.

And what answers mean: taken, later, smaller, never.
"""

import socket
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from logsrv.errors import LogsrvError
from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.kit.text.escape import one_line
from logsrv.linelog.ship.targets.http_client import (
    LARGEST_ANSWER,
    LONGEST_PAUSE,
    HttpAnswer,
    HttpClient,
    parse_retry_after,
    raise_unless_success,
)
from logsrv.linelog.ship.targets.target import RefusedForGood, TooMuchAtOnce, Unavailable
from tests.parts.certificates import Authority
from tests.parts.far_sides import DeafPeer, closing, far_side, settings, unavailable
from tests.parts.http_servers import Told, serving
from tests.parts.ports import free_port
from tests.parts.reactor import REACTOR, until
from tests.parts.strangers import endless, stranger

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


def client(url: str, authorization: str | None = None, **more: Any) -> HttpClient:
    return HttpClient(settings(f"{url}/blocks", **more), REACTOR, authorization)


async def test_a_body_and_its_headers_arrive_and_the_connection_is_used_again():
    body = bytes(range(256)) * 20_000
    with serving(Told(200, b"yes", {"X-Kept": "a"})) as server:
        async with closing(client(server.url)) as one:
            for _ in range(3):
                answer = await one.request(
                    "POST", "/blocks?a=b", headers={"Logsrv-Format": "1"}, body=body
                )
            asked = await one.request("GET", "/blocks/0a")
    assert (answer.status, answer.body, answer.headers["x-kept"]) == (200, b"yes", "a")
    assert answer.whole
    assert asked.status == 200
    assert [(each.method, each.path) for each in server.asked] == [
        *[("POST", "/blocks?a=b")] * 3,
        ("GET", "/blocks/0a"),
    ]
    assert server.asked[0].body == body
    assert server.asked[0].headers["Logsrv-Format"] == "1"
    assert server.asked[0].headers["User-Agent"].startswith("logsrv/")
    assert "Authorization" not in server.asked[0].headers
    assert server.connections == 1


async def test_the_token_is_sent():
    with serving() as server:
        async with closing(client(server.url, "Bearer geheim")) as one:
            await one.request("GET", "/")
    assert server.asked[0].headers["Authorization"] == "Bearer geheim"


async def test_a_request_is_never_repeated_automatically():
    """Whether it arrived is not known, and only who sends can ask."""
    with serving(Told(hang_up=True)) as server:
        async with closing(client(server.url)) as one:
            why = await unavailable(one.request("POST", "/", body=b"x"))
    assert not why.settled
    assert len(server.asked) == 1


async def test_a_refused_connection_is_a_sentence():
    port = free_port()
    why = await unavailable(client(f"http://127.0.0.1:{port}").request("GET", "/"))
    assert str(why).startswith(f"http://127.0.0.1:{port} cannot be reached: ")
    assert not why.settled


async def test_a_server_that_does_not_speak_http_is_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            with other.accept()[0] as connection:
                connection.sendall(b"\x1b[2J220 mail.example.org\r\n\r\n")
                connection.recv(1 << 16)

        threading.Thread(target=greet, daemon=True).start()
        async with closing(client(f"http://127.0.0.1:{other.getsockname()[1]}")) as one:
            why = await unavailable(one.request("GET", "/"))
    assert str(why).endswith(" does not answer in HTTP")


async def test_giving_up_ends_the_connection():
    for body in None, bytes(50 << 20):
        async with (
            far_side(DeafPeer) as (peers, port),
            closing(client(f"http://127.0.0.1:{port}")) as one,
        ):
            asking = Deferred.fromCoroutine(one.request("POST", "/", body=body))
            await until(lambda: peers.connections, "the connection")
            asking.cancel()
            assert not (await unavailable(asking)).settled
            peers.connections[0].hear()  # type: ignore[attr-defined]
            await until(lambda: peers.connections[0].over, "the end")


async def test_an_endless_answer_is_cut():
    with serving(
        Told(200, bytes(2 * LARGEST_ANSWER)), Told(400, bytes(2 * LARGEST_ANSWER))
    ) as server:
        async with closing(client(server.url)) as one:
            assert "broke off or is too long" in str(await unavailable(one.request("GET", "/")))
            answer = await one.request("GET", "/", accepted=(400,))
    assert not answer.whole
    assert len(answer.body) == LARGEST_ANSWER


async def test_an_endless_head_is_told_in_a_sentence_while_the_body_is_sent():
    header = b"X-Name: %b\r\n" % (b"a" * 16_000)
    with stranger(endless(header, b"HTTP/1.1 200 OK\r\n")) as server:
        async with closing(client(server.url)) as one:
            with pytest.raises(Unavailable, match="the head of its answer is larger than 128 KiB"):
                await one.request("POST", "/", body=bytes(20 << 20))
    assert server.said < 32 << 20


async def test_certificates_are_verified_both_ways(tmp_path):
    authority = Authority(tmp_path)
    own = authority.certify("edge")
    trusted = TLSOptions(cafile=authority.cafile)
    with serving(tls=authority.server_context("localhost", clients=True)) as server:
        unknown = await unavailable(client(server.url).request("GET", "/"))
        without = await unavailable(client(server.url, tls=trusted).request("GET", "/"))
        wrong = await unavailable(
            client(server.url.replace("localhost", "127.0.0.1"), tls=trusted).request("GET", "/")
        )
        missing = await unavailable(
            client(server.url, tls=TLSOptions(cafile=tmp_path / "none")).request("GET", "/")
        )
        async with closing(
            client(server.url, tls=TLSOptions(cafile=authority.cafile, certificate=own))
        ) as one:
            assert (await one.request("POST", "/", body=b"x" * 300_000)).status == 200
            assert (await one.request("GET", "/")).status == 200
        assert server.connections == 1
    assert unknown.settled, unknown
    assert without.settled, without
    assert wrong.settled, wrong
    assert missing.settled, missing
    assert str(tmp_path / "none") in str(missing)


NOW = 1_800_000_000.0


def judged(status: int, body: bytes = b"", **headers: str) -> LogsrvError | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        raise_unless_success(HttpAnswer(status, named, body), "https://centre", NOW)
    except LogsrvError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("status", "kind", "settled"),
    [
        (400, RefusedForGood, None),
        (422, RefusedForGood, None),
        (413, TooMuchAtOnce, None),
        (408, Unavailable, False),
        (425, Unavailable, False),
        (429, Unavailable, False),
        (500, Unavailable, False),
        (503, Unavailable, False),
        (599, Unavailable, False),
        (301, Unavailable, True),
        (401, Unavailable, True),
        (403, Unavailable, True),
        (404, Unavailable, True),
        (418, Unavailable, True),
    ],
)
def test_a_status_means_one_thing(status, kind, settled):
    error = judged(status)
    assert type(error) is kind
    assert f"https://centre answered with {status}" in str(error)
    assert getattr(error, "settled", None) is settled


def test_a_status_of_success_raises_nothing():
    assert judged(200) is None
    assert judged(204) is None
    raise_unless_success(HttpAnswer(409, {}), "x", NOW, accepted=(409,))
    with pytest.raises(Unavailable, match="broke off or is too long"):
        raise_unless_success(HttpAnswer(200, {}, whole=False), "x", NOW)


def test_what_a_server_says_is_shown_in_one_safe_line():
    said = judged(400, b"no\x1b[31m such\nlabel" + 500 * b"x", content_type="text/plain; charset=x")
    assert r"no\x1b[31m such\x0alabel" in str(said)
    assert len(str(said)) < 300
    assert "<b>" not in str(judged(400, b"<b>", content_type="text/html"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("86400", LONGEST_PAUSE),
        ("Fri, 15 Jan 2027 08:00:20 GMT", 20.0),
        ("Fri, 15 Jan 2027 08:00:20", 20.0),
        ("Fri, 15 Jan 2017 08:00:20 GMT", 0.0),
        ("Fri, 15 Jan 9999 08:00:20 GMT", LONGEST_PAUSE),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("1e9", None),
    ],
)
def test_retry_after_gives_the_pause(text, seconds):
    assert parse_retry_after(text, NOW) == seconds
    error = judged(503, retry_after=text)
    assert isinstance(error, Unavailable)
    assert error.after == seconds


@given(st.integers(100, 999), st.binary(max_size=50))
def test_any_answer_raises_only_errors_of_a_target(status, body):
    error = judged(status, body, content_type="text/plain")
    assert (error is None) == (200 <= status < 300)
    assert error is None or one_line(str(error)) == str(error)
