"""The webhook that gets an alert: what is posted, what may be posted again later, what not."""

import ssl
import threading
from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.alerts.message import TemporaryFailure, UndeliveredMessage
from logsrv.linelog.alerts.webhook import loggable_part, post_message
from tests.parts.certificates import certificate_file
from tests.parts.http_servers import hook
from tests.parts.ports import free_port
from tests.parts.reactor import REACTOR, until
from tests.parts.strangers import endless, stranger


async def failure(url: str, seconds: float = PATIENCE) -> str:
    with pytest.raises(UndeliveredMessage) as caught:
        await post_message(url, b"{}", reactor=REACTOR, seconds=seconds)
    return str(caught.value)


async def test_an_alert_is_posted_once_as_json():
    with hook(204, body=b"") as server:
        await post_message(f"http://127.0.0.1:{server.port}/a?b", b'{"x": 1}', reactor=REACTOR)
    [(path, headers, body)] = server.posts
    assert (path, body) == ("/a?b", {"x": 1})
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("logsrv/")


@pytest.mark.parametrize("status", [500, 503, 408, 425, 429])
async def test_a_server_in_trouble_may_accept_it_later(status):
    with hook(status) as server, pytest.raises(TemporaryFailure):
        await post_message(f"http://127.0.0.1:{server.port}/", b"{}", reactor=REACTOR)
    assert len(server.posts) == 1


async def test_the_secret_path_is_not_in_the_message_of_a_failure():
    with hook(500) as server:
        said = await failure(f"http://127.0.0.1:{server.port}/secret")
    assert said == f"http://127.0.0.1:{server.port} answered with status 500"
    assert loggable_part("https://x:8/secret?y") == "https://x:8"


async def test_a_refused_post_is_not_repeated():
    with hook(404) as server:
        assert (await failure(f"http://127.0.0.1:{server.port}/")).endswith("status 404")
    assert len(server.posts) == 1


async def test_a_redirect_is_not_followed():
    with hook() as other:
        there = f"http://127.0.0.1:{other.port}/"
        with hook(307, headers={"Location": there}) as server:
            assert "redirect, which is not followed" in await failure(
                f"http://127.0.0.1:{server.port}/"
            )
    assert len(server.posts) == 1 and other.posts == []


async def test_a_server_that_does_not_answer_is_waited_for_so_long_only():
    with hook() as server:
        server.silent.set()
        said = await failure(f"http://127.0.0.1:{server.port}/", seconds=0.2)
    assert said.endswith("did not answer within 0.2 s") and len(server.posts) == 1


async def test_an_answer_without_end_is_not_read_to_its_end():
    with hook(body=b"x" * 50_000_000) as server:
        await post_message(f"http://127.0.0.1:{server.port}/", b"{}", reactor=REACTOR)


async def test_an_answer_is_received_to_its_end():
    """Some servers log an error if the connection ends before that."""
    sent = threading.Event()

    def answer(_: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"
        sent.wait(PATIENCE)
        yield b"k"

    with stranger(answer) as server:
        posting = Deferred.fromCoroutine(post_message(server.url, b"{}", reactor=REACTOR))
        await until(lambda: server.said > 0, "the first half of the answer")
        for _ in range(100):
            await deferLater(REACTOR, 0)
        assert not posting.called
        sent.set()
        await posting


async def test_a_port_without_a_server_is_an_error():
    port = free_port()
    assert "cannot be reached: Connection was refused" in await failure(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("answer", [b"\0\1x\r\n\r\n", b"HTTP/1.1 200 OK\r\nwrong\r\n\r\n"])
async def test_an_answer_that_is_not_http_is_named_so(answer):
    with stranger(lambda _: [answer]) as server:
        assert await failure(server.url) == f"{server.url} does not answer in HTTP"


async def test_cancelling_ends_the_post():
    with hook() as server:
        server.silent.set()
        posting = Deferred.fromCoroutine(
            post_message(f"http://127.0.0.1:{server.port}/", b"{}", reactor=REACTOR)
        )
        await until(lambda: server.posts, "the request")
        posting.cancel()
        with pytest.raises(CancelledError):
            await posting
    assert len(server.posts) == 1


async def test_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path, monkeypatch):
    pem = certificate_file(tmp_path / "pem", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with hook(tls=context) as server:
        url = f"https://localhost:{server.port}/"
        said = await failure(url)
        assert "cannot be reached: TLS: " in said and "certificate verify failed" in said
        assert server.posts == []
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        await post_message(url, b"{}", reactor=REACTOR)
        assert len(server.posts) == 1


async def test_an_endless_head_is_told_and_takes_no_memory():
    header = b"X-Name: %b\r\n" % (b"a" * 16_000)
    with stranger(endless(header, b"HTTP/1.1 200 OK\r\n")) as server:
        said = await failure(server.url)
    assert said == f"{server.url}: the head of its answer is larger than 128 KiB"
    assert server.said < 64 << 20
