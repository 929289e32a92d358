"""Answers without a server, for the tests of what becomes of them; and what must hold of a feed."""

import io
import re
import socket
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from logsrv.gopher.command.main import run
from logsrv.gopher.fetch.local import LocalAnswer
from logsrv.gopher.wire.fileurl import FileURL
from logsrv.kit.text.time import parse_rfc3339


class Answer(LocalAnswer):
    """Chunks, and the error that ends them. stuffed: whether it came without a header of Gopher+."""

    def __init__(
        self, chunks: Iterable[Any], error: BaseException | None = None, stuffed: bool = False
    ) -> None:
        super().__init__(FileURL(b"/"))
        self.has_header = not stuffed
        self._chunks = chunks
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        if self._error is not None:
            raise self._error


MENU = b"iHi\t\tnull\t1\r\n0About\t/about\t127.0.0.1\t70\r\n.\r\n"


EVIL = b"\x1b]0;owned\a\x1b[2J\xc2\x9b31m\xe2\x80\xae\x00\x7f"


def hang(connection: socket.socket, _: bytes) -> None:
    """Until the client has had enough."""
    connection.recv(1)


def gopher(*words: str) -> tuple[int, bytes, str]:
    out, err = io.BytesIO(), io.StringIO()
    status = run(words, out, err)
    return status, out.getvalue(), err.getvalue()


# All that a terminal may be sent: LF, TAB, and no other control character, C1 included.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


ATOM = "{http://www.w3.org/2005/Atom}"


def checked_feed(text: str) -> ElementTree.Element:
    """The feed, if it is one by RFC 4287, sections 4.1.1 and 4.1.2."""
    feed = ElementTree.fromstring(text.encode())
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    for element in (feed, *entries):
        (id,) = element.findall(f"{ATOM}id")
        assert id.text and id.text.isascii() and urlsplit(id.text).scheme
        (title,) = element.findall(f"{ATOM}title")
        assert title.text is not None
        (updated,) = element.findall(f"{ATOM}updated")
        for moment in (updated, *element.findall(f"{ATOM}published")):
            assert moment.text is not None
            parse_rfc3339(moment.text)
    ids = [str(entry.findtext(f"{ATOM}id")) for entry in entries]
    assert len(set(ids)) == len(ids)
    for entry in entries:
        # Without content there has to be an alternate link, and without one of the feed's an author.
        (link,) = entry.findall(f"{ATOM}link[@rel='alternate']")
        assert re.match(r"(gophers?|https?|ftp|gemini)://", link.attrib["href"])
        assert entry.findtext(f"{ATOM}author/{ATOM}name")
    return feed
