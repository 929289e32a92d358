"""urllib.request knows Gopher again."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from logsrv.gopher import GopherHandler, ServerError, Trust, install_opener
from tests.gopher.conftest import Serve


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
        with urllib.request.urlopen(server.url("/0a%23b#c", scheme), timeout=60) as response:
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
