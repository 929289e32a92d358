"""Requests that were meant for somebody else are not answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.web.hosts import client_of, is_for_us, is_loopback, name_in


@pytest.mark.parametrize(
    "header",
    [b"localhost", b"localhost:8070", b"LOCALHOST.", b"127.0.0.1:8070", b"[::1]:8070", b"gw.lan"],
)
def test_ours(header: bytes) -> None:
    """On loopback the names of loopback and those of --host are answered."""
    assert is_for_us(header, ("gw.lan",), local=True)
    assert is_for_us(header, ("gw.lan",), local=False)


@pytest.mark.parametrize(
    "header",
    [None, b"", b"evil.example", b"localhost.evil.example", b"127.0.0.1.evil.example", b"a:b:c",
     b"[::2]", b"evil.example#localhost", b"localhost@evil.example", b"\xff"],
)  # fmt: skip
def test_rebinding(header: bytes | None) -> None:
    """A page elsewhere whose name leads to loopback gets nothing."""
    assert not is_for_us(header, (), local=True)
    assert not is_for_us(header, ("gw.lan",), local=False)


def test_public() -> None:
    """A public gateway without --host answers to any name."""
    assert is_for_us(b"anything.example", (), local=False)


@given(st.binary(max_size=50))
def test_any_header(header: bytes) -> None:
    name = name_in(header)
    assert name is None or name.isascii()


def test_is_loopback() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("::ffff:192.0.2.1")
    assert not is_loopback("192.0.2.1")
    assert not is_loopback(None)
    assert not is_loopback("/run/x.sock")


def test_client_of() -> None:
    """A client is an address, or the /64 that one customer has."""
    assert client_of("192.0.2.1") == "192.0.2.1"
    assert client_of("2001:db8::1") == client_of("2001:db8::ffff") == "2001:db8::/64"
    assert client_of("fe80::1%eth0") == "fe80::/64"
    assert client_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert client_of(None) == "local"
