"""The token of senders over HTTP."""

from __future__ import annotations

import base64

import pytest

from logsrv.linelog.framing.bodies.bodies import RequestRefused
from logsrv.linelog.inputs.http.token import check_token

TOKEN = "gehäim"


def basic(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    "header", [f"Bearer {TOKEN}".encode(), f"bearer  {TOKEN}".encode(), basic(f"any one:{TOKEN}")]
)
def test_let_in(header: bytes) -> None:
    check_token(header, TOKEN)


@pytest.mark.parametrize(
    "header",
    [None, b"", b"Bearer", b"Bearer wrong", b"Basic !", basic(TOKEN), basic("x:"), b"Digest x"],
)
def test_kept_out(header: bytes | None) -> None:
    with pytest.raises(RequestRefused) as refused:
        check_token(header, TOKEN)
    assert refused.value.status == 401
    check_token(header, None)
