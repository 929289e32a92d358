"""The token of a sender, in the header of a request."""

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
def test_a_header_with_the_token_is_accepted(header):
    check_token(header, TOKEN)


@pytest.mark.parametrize(
    "header",
    [None, b"", b"Bearer", b"Bearer wrong", b"Basic !", basic(TOKEN), basic("x:"), b"Digest x"],
)
def test_a_header_without_the_token_is_refused_with_401(header):
    with pytest.raises(RequestRefused) as refused:
        check_token(header, TOKEN)
    assert refused.value.status == 401
    check_token(header, None)
