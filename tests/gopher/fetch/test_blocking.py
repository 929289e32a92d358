"""`urlopen` and `urlretrieve` do in a script what the client does in a reactor;
and `urllib.request`, by `urllib_handler`, too.
"""

from __future__ import annotations

import io
import select
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from logsrv.gopher import GopherHandler, Trust, install_opener, urlopen, urlretrieve
from logsrv.gopher.wire.errors import (
    BadURL,
    GopherError,
    NotGopher,
    Refused,
    ServerError,
    TimedOut,
    TooBig,
    Truncated,
    UnknownHost,
)
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import Serve
from tests.gopher.servers import LOOPBACK, reset
from tests.ports import free_port

TEXT = b"one\r\n..two\r\nthree\r\n.\r\n"


def test_the_answer_is_a_file(serve: Serve) -> None:
    server = serve(TEXT)
    with urlopen(server.url("/0x")) as file:
        assert isinstance(file, io.BufferedReader)
        assert (file.readline(), file.read(3), file.read()) == (
            b"one\r\n",
            b".tw",
            b"o\r\nthree\r\n",
        )
        assert file.read() == b""
        assert file.geturl() == server.url("/0x")
    assert file.closed
    with urlopen(server.url("/0x")) as file:
        assert list(file) == [b"one\r\n", b".two\r\n", b"three\r\n"]
    with urlopen(server.url("/9x")) as file:
        assert file.readlines() == TEXT.splitlines(keepends=True)
    with io.TextIOWrapper(urlopen(server.url("/0x")), "utf-8") as lines:
        assert lines.readline() == "one\n"


def test_data_is_what_to_search_for(serve: Serve) -> None:
    server = serve(b"")
    urlopen(server.url("/7find"), data="größe").close()
    urlopen(server.url("/7find"), data=b"\xe9").close()
    assert server.requests == ["find\tgröße\r\n".encode(), b"find\t\xe9\r\n"]
    with pytest.raises(BadURL):
        urlopen(server.url("/7find"), data="a\r\nb")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"3no such thing\t\terror.host\t1\r\n", ServerError),
        (b"HTTP/1.0 200 OK\r\n\r\n", NotGopher),
    ],
)
def test_what_the_server_says_at_once_is_raised_at_once(
    serve: Serve, answer: bytes, kind: type[GopherError]
) -> None:
    with pytest.raises(kind):
        urlopen(serve(answer).url("/0x"))


def test_urlopen_keeps_to_limits_and_to_announced_lengths(serve: Serve) -> None:
    with pytest.raises(TooBig), urlopen(serve(b"x" * 100).url("/9x"), most_bytes=99) as file:
        file.read()
    with urlopen(serve(b"+5\r\n.\r\n..").url("/0x%09%09+")) as file:
        assert file.length == 5
        assert file.read() == b".\r\n.."
    with pytest.raises(Truncated), urlopen(serve(b"+5\r\nab").url("/0x%09%09+")) as file:
        file.read()


@pytest.mark.parametrize("sent", [b"", b"3err"])
def test_a_server_that_hangs_is_left(serve: Serve, sent: bytes) -> None:
    def hang(connection: socket.socket, _: bytes) -> None:
        connection.sendall(sent)
        server.hang()

    server = serve(hang)
    with pytest.raises(TimedOut):
        urlopen(server.url(), timeout=0.2)


def test_urlopen_raises_refused_or_unknown_host_without_a_server() -> None:
    port = free_port()
    with pytest.raises(Refused):
        urlopen(f"gopher://{LOOPBACK}:{port}/")
    with pytest.raises(UnknownHost):
        urlopen("gopher://nowhere.invalid/")
    with pytest.raises(UnknownHost, match="Tor"):
        urlopen("gopher://abc.onion/")


def test_a_server_that_sends_a_byte_now_and_then_is_not_waited_for_for_ever(serve: Serve) -> None:
    def drip(connection: socket.socket, _: bytes) -> None:
        while True:
            connection.sendall(b"3")
            select.select([], [], [], 0.02)

    with pytest.raises(TimedOut, match=r"within 0\.3 seconds") as caught:
        urlopen(serve(drip).url("/0x"), most_seconds=0.3).read()
    assert caught.value.phase == "whole"


def test_a_text_can_be_had_as_it_was_sent(serve: Serve) -> None:
    with urlopen(serve(TEXT).url("/0x"), as_sent=True) as file:
        assert file.read() == TEXT
        assert not file.has_header
    with urlopen(serve(b"+3\r\nabc").url("/0x%09%09+"), as_sent=True) as file:
        assert (file.read(), file.has_header, file.length) == (b"abc", True, 3)


def test_a_file_is_saved_whole(serve: Serve, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    sizes: list[tuple[int, int | None]] = []
    url = serve(content).url("/9x")
    assert urlretrieve(url, tmp_path / "x", lambda *size: sizes.append(size)) == len(content)
    assert (tmp_path / "x").read_bytes() == content
    assert sizes[-1] == (len(content), None)
    assert urlretrieve(serve(TEXT).url("/0x"), str(tmp_path / "x")) == 18
    assert (tmp_path / "x").read_bytes() == b"one\r\n.two\r\nthree\r\n"


def test_half_a_file_is_never_there(serve: Serve, tmp_path: Path) -> None:
    def half(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"x" * 100_000)
        reset(connection)

    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(Truncated):
        urlretrieve(serve(half).url("/9x"), tmp_path / "x")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_script_does_not_wait_for_twisted() -> None:
    program = "import sys; from logsrv.gopher import urlopen; print('twisted' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert answer.stdout == b"False\n"


@pytest.fixture
def _no_opener_is_left() -> Iterator[None]:
    yield
    urllib.request.install_opener(None)  # type: ignore[arg-type]


@pytest.mark.usefixtures("_no_opener_is_left")
def test_urlopen_of_urllib_opens_both_schemes(serve: Serve, certificate: Path) -> None:
    install_opener(Trust(cafile=certificate))
    for server, scheme in (
        (serve(b"text\r\n"), "gopher"),
        (serve(b"text\r\n", certificate), "gophers"),
    ):
        with urllib.request.urlopen(server.url("/0a%23b#c", scheme), timeout=PATIENCE) as response:
            assert response.headers["Content-Type"] == "text/plain"
            assert response.read() == b"text\r\n"
        assert server.requests == [b"a#b#c\r\n"]


def test_an_opener_of_ones_own(serve: Serve) -> None:
    opener = urllib.request.build_opener(GopherHandler())
    server = serve(b"+3\r\nabc")
    request = urllib.request.Request(server.url("/9x%09%09+"))
    with opener.open(request) as response:
        assert response.headers["Content-Length"] == "3"
        assert response.geturl() == request.full_url
    opener.open(server.url("/7find"), data=b"words").close()
    assert server.requests[-1] == b"find\twords\r\n"


def test_errors_are_those_of_urllib(serve: Serve) -> None:
    opener = urllib.request.build_opener(GopherHandler())
    with pytest.raises(URLError) as caught:
        opener.open(serve(b"3gone\t\terror.host\t1\r\n").url())
    assert isinstance(caught.value.reason, ServerError)
