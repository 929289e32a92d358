"""One request, played without any socket: cut anywhere, hung anywhere, through a proxy and inside TLS."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logsrv.gopher.fetch.connection_options import ConnectionOptions, Trust
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.transfer import Transfer
from logsrv.gopher.wire.errors import (
    GopherError,
    ProxyError,
    Refused,
    TimedOut,
    TLSError,
    Truncated,
    UnknownHost,
)
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL

TIMEOUTS = Limits(connect=1, first_byte=2, between=3)
BODY = b"0One\t/1\th\t70\r\niTwo\r\n" * 20
HOST = "localhost"
PROXY = Proxy("proxy.example", 1080)
PROXY_SAYS = b"\5\0" + b"\5\0\0\1\0\0\0\0\0\0"


class Server:
    """The other end: a SOCKS proxy, TLS and a Gopher server, as far as they are wanted."""

    def __init__(self, answer: bytes, *, proxy: bool, certificate: Path | None) -> None:
        self._answer = answer
        # Before it says one of these, it wants to have heard so many bytes.
        self._talk = [(3, PROXY_SAYS[:2]), (7 + len(HOST), PROXY_SAYS[2:])] if proxy else []
        self._heard = b""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.request = b""

    def hear(self, data: bytes) -> bytes:
        """Take what the client sent, return what it is answered with."""
        self._heard += data
        said = b""
        while self._talk and len(self._heard) >= self._talk[0][0]:
            length, words = self._talk.pop(0)
            self._heard = self._heard[length:]
            said += words
        if self._talk or self.request:
            return said
        if self._tls is None:
            self.request = self._heard
            return said + (self._answer if self._heard else b"")
        self._incoming.write(self._heard)
        self._heard = b""
        try:
            self._tls.do_handshake()
            self.request = self._tls.read()
            self._tls.write(self._answer)
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        return said + self._outgoing.read()


def options(certificate: Path, *, proxy: bool) -> ConnectionOptions:
    return ConnectionOptions(TIMEOUTS, Trust(cafile=certificate), PROXY if proxy else None)


def play(transfer: Transfer, server: Server, sizes: Iterator[int], most: int = 10**9) -> bytes:
    """The body, of an answer that comes in pieces of `sizes` and breaks off after `most` bytes."""
    transfer.on_connected(0)
    body, heard = b"", 0
    waiting = b""
    while not transfer.done:
        sent, transfer.outgoing = transfer.outgoing, b""
        waiting += server.hear(sent)
        if not waiting or heard >= most:
            body += transfer.on_ended()
            break
        size = min(next(sizes), most - heard)
        piece, waiting = waiting[:size], waiting[size:]
        heard += len(piece)
        body += transfer.on_received(piece, 0)
    return body


def pieces(sizes: list[int]) -> Iterator[int]:
    while True:
        yield from sizes


WAYS = pytest.mark.parametrize(
    ("proxy", "tls"), [(False, False), (True, False), (False, True), (True, True)]
)


def url(tls: bool, host: str = HOST) -> GopherURL:
    return GopherURL(host, 70, "1", b"/x", plus=b"+", tls=tls)


@pytest.mark.slow
@WAYS
def test_the_body_is_the_same_at_any_split(certificate, proxy, tls):
    @settings(deadline=None)
    @given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=20))
    def same(sizes: list[int]) -> None:
        server = Server(b"+-2\r\n" + BODY, proxy=proxy, certificate=certificate if tls else None)
        transfer = Transfer(url(tls), options(certificate, proxy=proxy), 0)
        assert play(transfer, server, pieces(sizes)) == BODY
        assert transfer.error is None and transfer.done
        assert server.request == b"/x\t+\r\n"

    same()


@WAYS
def test_an_answer_that_is_cut_is_never_taken_for_whole(certificate, proxy, tls):
    answer = b"+%d\r\n" % len(BODY) + BODY

    @settings(deadline=None)
    @given(size=st.integers(1, 300), most=st.integers(0, 3000))
    def cut(size: int, most: int) -> None:
        server = Server(answer, proxy=proxy, certificate=certificate if tls else None)
        transfer = Transfer(url(tls), options(certificate, proxy=proxy), 0)
        body = play(transfer, server, pieces([size]), most)
        assert transfer.done
        begun = most - (len(PROXY_SAYS) if proxy else 0)
        if not tls and 0 <= begun < len(answer) - len(BODY):
            # Half a header of Gopher+ is what a server without it could have sent.
            assert body == answer[:begun]
            return
        assert BODY.startswith(body)
        if transfer.error is None:
            assert body == BODY
        elif proxy and most < len(PROXY_SAYS):
            assert isinstance(transfer.error, ProxyError)
        else:
            assert isinstance(transfer.error, (Truncated, TLSError))

    cut()


def test_a_server_that_closes_during_the_handshake_is_told_so():
    closed = Transfer(url(True), ConnectionOptions(TIMEOUTS), 0)
    closed.on_connected(0)
    closed.on_ended()
    assert "closed the connection during the handshake" in str(closed.error)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.0 400", "does not speak SOCKS5"),
        (b"\5\xff", "wants a name and a password"),
        (b"\5\0\5\2\0\1\0\0\0\0\0\0", "rules do not allow"),
        (b"\5\0\5\xf0\0\1\0\0\0\0\0\0", "the error 240"),
    ],
)
def test_a_proxy_that_refuses(said, reason):
    transfer = Transfer(url(False), ConnectionOptions(TIMEOUTS, proxy=PROXY), 0)
    assert transfer.connect_address == ("proxy.example", 1080)
    transfer.on_connected(0)
    for byte in said:
        transfer.on_received(bytes([byte]), 0)
    assert isinstance(transfer.error, ProxyError) and reason in str(transfer.error)
    assert "socks5://proxy.example:1080" in str(transfer.error)


def test_a_name_of_tor_is_never_looked_up():
    hidden = Transfer(url(False, "abc.onion"), ConnectionOptions(), 0)
    assert hidden.done and "it is reached through Tor" in str(hidden.error)
    assert not Transfer(url(False, "abc.onion"), ConnectionOptions(proxy=PROXY), 0).done


def test_why_there_is_no_connection():
    import errno
    import socket

    cases: list[tuple[Exception, type[GopherError]]] = [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), UnknownHost),
        (OSError(errno.ECONNREFUSED, "refused"), Refused),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Refused),
    ]
    for error, kind in cases:
        transfer = Transfer(url(False), ConnectionOptions(), 0)
        transfer.on_connect_failed(error)
        assert transfer.done and isinstance(transfer.error, kind)
        through = Transfer(url(False), ConnectionOptions(proxy=PROXY), 0)
        through.on_connect_failed(error)
        assert isinstance(through.error, ProxyError)


def test_each_step_has_its_time():
    transfer = Transfer(url(False), ConnectionOptions(TIMEOUTS.replace(whole=102)), 100, "text")
    assert (transfer.phase, transfer.deadline) == ("connect", 101)
    transfer.on_connected(100.5)
    assert (transfer.phase, transfer.deadline) == ("first byte", 102.5)
    transfer.on_received(b"iHi", 102)
    assert (transfer.phase, transfer.deadline) == ("next byte", 105)
    transfer.restart_timeout(198)
    assert transfer.deadline == 201
    transfer.restart_timeout(200)
    assert transfer.deadline == 202
    transfer.expire(202)
    assert isinstance(transfer.error, TimedOut) and transfer.error.phase == "whole"


def test_a_talk_before_the_request_does_not_make_the_time_longer():
    transfer = Transfer(url(False), ConnectionOptions(TIMEOUTS, proxy=PROXY), 0)
    transfer.on_connected(0.2)
    transfer.on_received(PROXY_SAYS[:2], 0.8)
    assert (transfer.phase, transfer.deadline) == ("connect", 1)
    transfer.expire(1)
    assert isinstance(transfer.error, TimedOut) and "within 1 seconds" in str(transfer.error)


@pytest.mark.parametrize("is_connected", [False, True])
def test_a_proxy_that_says_nothing_is_blamed_itself(is_connected):
    transfer = Transfer(url(False), ConnectionOptions(TIMEOUTS, proxy=PROXY), 0)
    if is_connected:
        transfer.on_connected(0)
    transfer.expire(1)
    assert isinstance(transfer.error, ProxyError)
    assert str(transfer.error).endswith("it did not answer within 1 seconds")


def test_a_reset_comes_behind_what_came_before():
    transfer = Transfer(GopherURL("h"), ConnectionOptions(), 0)
    transfer.on_connected(0)
    assert transfer.on_received(b"3half", 0) == b""
    assert transfer.on_ended(OSError(104, "Connection reset by peer")) == b"3half"
    assert isinstance(transfer.error, Truncated) and transfer.error.received == 5


def slow(least: int = 100) -> Transfer:
    """Return a transfer whose answer has begun, at 10 on its clock."""
    options = ConnectionOptions(Limits(between=30, least=least))
    transfer = Transfer(GopherURL(HOST, 70, "9", b"x"), options, 0)
    transfer.on_connected(9)
    assert transfer.on_received(b"x", 10) == b"x"
    return transfer


def test_a_byte_now_and_then_is_given_up():
    transfer = slow()
    for now in range(30, 200, 20):
        assert transfer.on_received(b"x", now) == b"x"
        if transfer.done:
            break
    assert now == 70, "a minute after it began"
    assert isinstance(transfer.error, TimedOut) and transfer.error.phase == "progress"
    assert str(transfer.error).endswith("sent too few bytes to wait for the rest within 60 seconds")


def test_a_slow_answer_goes_on_as_long_as_it_brings_enough():
    """And with no such limit, forever."""
    transfer = slow()
    for now in range(20, 600, 20):
        transfer.on_received(b"x" * 34, now)
    assert not transfer.done
    without = slow(least=0)
    for now in range(20, 600, 20):
        without.on_received(b"x", now)
    assert not without.done


def test_whose_reader_is_slow_is_not_given_up():
    transfer = slow()
    transfer.restart_timeout(500)
    transfer.on_received(b"x", 510)
    transfer.on_received(b"x", 560)
    assert not transfer.done


def test_what_ends_with_its_last_byte_is_whole_however_slow():
    options = ConnectionOptions(Limits(least=100))
    transfer = Transfer(GopherURL(HOST, 70, "9", b"x", plus=b"+"), options, 0)
    transfer.on_connected(0)
    transfer.on_received(b"+2\r\nx", 1)
    assert transfer.on_received(b"y", 100) == b"y"
    assert transfer.done and transfer.error is None
