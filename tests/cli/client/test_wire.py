"""What goes to the peer for what is typed or fed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.cli.client.wire import DatagramWire, StreamWire, Wire


def sent(wire: Wire, pieces: list[bytes]) -> list[bytes]:
    return [out for piece in pieces for out in wire.read(piece)] + wire.finish()


@pytest.mark.parametrize(("ending", "line"), [(None, b"hi\r\n"), (b"\n", b"hi\n")])
def test_typed_lines_end_as_servers_expect(ending: bytes | None, line: bytes) -> None:
    assert StreamWire(ending).typed("hi") == line


def test_typed_bytes_that_are_no_utf8_are_sent_as_typed() -> None:
    assert StreamWire(b"\n").typed(b"caf\xe9".decode("utf-8", "surrogateescape")) == b"caf\xe9\n"


def test_a_typed_datagram_has_no_ending_of_its_own() -> None:
    assert DatagramWire(None).typed("hi") == b"hi"
    assert DatagramWire(b"\r\n").typed("hi") == b"hi\r\n"


@given(st.lists(st.binary(max_size=20)))
def test_a_script_goes_as_it_is(pieces: list[bytes]) -> None:
    assert b"".join(sent(StreamWire(None), pieces)) == b"".join(pieces)


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"bc\r"])))
def test_endings_of_a_script_are_the_same_however_it_is_cut(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    expected = whole.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert b"".join(sent(StreamWire(b"\r\n"), pieces)) == expected


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"bc"])))
def test_each_line_of_a_script_is_a_datagram(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    lines = [line.removesuffix(b"\r") for line in whole.split(b"\n")]
    assert sent(DatagramWire(None), pieces) == (lines[:-1] if not lines[-1] else lines)


def test_a_script_without_newlines_does_not_fill_the_memory() -> None:
    wire = DatagramWire(None)
    datagrams = wire.read(b"x" * (DatagramWire.LONGEST + 1))
    assert [len(datagram) for datagram in datagrams] == [DatagramWire.LONGEST + 1]
    assert wire.finish() == []
