"""`urlopen` and `urlretrieve` do in a script what the client does in a reactor;
and `urllib.request`, by `urllib_handler`, too.
"""

import io
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from urllib.error import URLError

import pytest

from logsrv.gopher import GopherHandler, Trust, install_opener, urlopen, urlretrieve
from logsrv.gopher.wire.errors import (
    BadURL,
    ServerError,
    Truncated,
)
from logsrv.kit.testing.patience import PATIENCE

TEXT = b"one\r\n..two\r\nthree\r\n.\r\n"


def test_the_answer_is_a_file(serve):
    server = serve(TEXT)
    with urlopen(server.url("/0x")) as file:
        assert isinstance(file, io.BufferedReader)
        assert (file.readline(), file.read(3), file.read()) == (
            b"one\r\n",
            b".tw",
            b"o\r\nthree\r\n",
        )
        assert file.read() == b""
    assert file.closed
    with urlopen(server.url("/0x")) as file:
        assert list(file) == [b"one\r\n", b".two\r\n", b"three\r\n"]
    with urlopen(server.url("/9x")) as file:
        assert file.readlines() == TEXT.splitlines(keepends=True)
    with io.TextIOWrapper(urlopen(server.url("/0x")), "utf-8") as lines:
        assert lines.readline() == "one\n"


def test_data_is_what_to_search_for(serve):
    server = serve(b"")
    urlopen(server.url("/7find"), data="größe").close()
    urlopen(server.url("/7find"), data=b"\xe9").close()
    assert server.requests == ["find\tgröße\r\n".encode(), b"find\t\xe9\r\n"]
    with pytest.raises(BadURL):
        urlopen(server.url("/7find"), data="a\r\nb")


def test_a_text_can_be_had_as_it_was_sent(serve):
    with urlopen(serve(TEXT).url("/0x"), as_sent=True) as file:
        assert file.read() == TEXT
        assert not file.has_header
    with urlopen(serve(b"+3\r\nabc").url("/0x%09%09+"), as_sent=True) as file:
        assert (file.read(), file.has_header, file.length) == (b"abc", True, 3)


def test_a_file_is_saved_whole(serve, tmp_path):
    content = bytes(range(256)) * 1000
    sizes: list[tuple[int, int | None]] = []
    url = serve(content).url("/9x")
    assert urlretrieve(url, tmp_path / "x", lambda *size: sizes.append(size)) == len(content)
    assert (tmp_path / "x").read_bytes() == content
    assert sizes[-1] == (len(content), None)
    assert urlretrieve(serve(TEXT).url("/0x"), str(tmp_path / "x")) == 18
    assert (tmp_path / "x").read_bytes() == b"one\r\n.two\r\nthree\r\n"


def test_half_a_file_is_never_there(serve, tmp_path):
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(Truncated):
        urlretrieve(serve(b"+9\r\nhalf").url("/9x%09%09+"), tmp_path / "x")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_script_does_not_wait_for_twisted():
    program = "import sys; from logsrv.gopher import urlopen; print('twisted' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=PATIENCE
    )
    assert answer.stdout == b"False\n"


@pytest.fixture
def _no_opener_is_left() -> Iterator[None]:
    yield
    urllib.request.install_opener(None)  # type: ignore[arg-type]


@pytest.mark.usefixtures("_no_opener_is_left")
def test_urlopen_of_urllib_opens_both_schemes(serve, certificate):
    install_opener(Trust(cafile=certificate))
    for server, scheme in (
        (serve(b"text\r\n"), "gopher"),
        (serve(b"text\r\n", certificate), "gophers"),
    ):
        with urllib.request.urlopen(server.url("/0a%23b#c", scheme), timeout=PATIENCE) as response:
            assert response.headers["Content-Type"] == "text/plain"
            assert response.read() == b"text\r\n"
        assert server.requests == [b"a#b#c\r\n"]


def test_an_opener_of_ones_own(serve):
    opener = urllib.request.build_opener(GopherHandler())
    server = serve(b"+3\r\nabc")
    request = urllib.request.Request(server.url("/9x%09%09+"))
    with opener.open(request) as response:
        assert response.headers["Content-Length"] == "3"
        assert response.geturl() == request.full_url
    opener.open(server.url("/7find"), data=b"words").close()
    assert server.requests[-1] == b"find\twords\r\n"


def test_errors_are_those_of_urllib(serve):
    opener = urllib.request.build_opener(GopherHandler())
    with pytest.raises(URLError) as caught:
        opener.open(serve(b"3gone\t\terror.host\t1\r\n").url())
    assert isinstance(caught.value.reason, ServerError)
