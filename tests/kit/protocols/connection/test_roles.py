"""Each kind of reader and author has all that a connection asks of it."""

from __future__ import annotations

import pytest

from logsrv.kit import Connection, FrameProtocol, LineProtocol
from logsrv.kit.protocols.connection.context import Author, Reader
from logsrv.kit.protocols.connection.starting_tls import HandshakeReader
from logsrv.kit.protocols.frames import FrameReader
from logsrv.kit.protocols.line_reader import LineReader
from logsrv.kit.protocols.stream import StreamProtocol


def asked_of(role: type) -> set[str]:
    return {name for name in {*vars(role), *role.__annotations__} if not name.startswith("_")}


@pytest.mark.parametrize("reader", [LineReader, FrameReader, HandshakeReader, Connection])
def test_readers(reader: type) -> None:
    assert asked_of(Reader) <= set(dir(reader))


@pytest.mark.parametrize("author", [LineProtocol, FrameProtocol, StreamProtocol])
def test_authors(author: type) -> None:
    """What Twisted or the listener puts there later aside."""
    assert asked_of(Author) - {"factory", "transport"} <= set(dir(author))
