"""Addresses of nodes as people write them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.http.nodes.address import parse_node, parse_nodes


@pytest.mark.parametrize(
    ("text", "host", "port", "tls"),
    [
        ("https://Logs.example.org:8443", "logs.example.org", 8443, True),
        ("https://logs.example.org:8443/", "logs.example.org", 8443, True),
        ("http://logs.example.org:80", "logs.example.org", 80, False),
        ("logs.example.org:8443", "logs.example.org", 8443, True),
        ("10.1.2.3:8080", "10.1.2.3", 8080, True),
        ("localhost:8080", "localhost", 8080, False),
        ("127.0.0.1:8080", "127.0.0.1", 8080, False),
        ("[::1]:8080", "::1", 8080, False),
        ("[2001:db8::1]:8080", "2001:db8::1", 8080, True),
    ],
)
def test_what_leaves_the_machine_is_encrypted_unless_somebody_says_otherwise(
    text: str, host: str, port: int, tls: bool
) -> None:
    found = parse_node(text)
    assert (found.host, found.port, found.tls, str(found)) == (host, port, tls, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("logs.example.org", "names no port"),
        ("https://logs.example.org", "names no port"),
        ("https://logs.example.org:0", "names no port"),
        ("logs:99999", "no number from 1 to 65535"),
        ("ftp://a:21", "neither http:// nor https://"),
        ("https://a:80/logs", "something behind the port"),
        ("https://a:80?q", "something behind the port"),
        ("https://me:secret@a:80", "put a token into a file"),
        ("a b:80", "spaces"),
        ("ä:80", "not ASCII"),
        (":80", "names no host"),
        ("a%0d%0ab:80", "names no host"),
    ],
)
def test_what_is_none_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_node(text)


def test_several() -> None:
    assert [str(one) for one in parse_nodes("a:1, b:2,")] == ["a:1", "b:2"]
    many = ",".join(f"a:{port}" for port in range(1, 40))
    for text, said in ((" , ", "no address"), ("a:1,A:1", "twice"), (many, "too many")):
        with pytest.raises(ValueError, match=said):
            parse_nodes(text)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    with suppress(ValueError):
        found = parse_node(text)
        assert found.host.isascii() and 0 < found.port < 65536
