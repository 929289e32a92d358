"""The answer to the address of a local item, as a server would send it: a menu, or a file as it is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Self

from logsrv.errors import ConfigurationError
from logsrv.gopher.local.fileurl import FileURL
from logsrv.gopher.local.hole import Hole, NotThere, written_menu
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.url import DEFAULT_PORT, MENU_TYPE
from logsrv.kit.text.escape import one_line

_CHUNK = 256 * 1024


class LocalAnswer:
    """The bytes of an item, piece by piece; it is opened when the first one is asked for.

    length: of a file, once it is open. received: how much has been read. Iterating raises
    ConfigurationError for what cannot be read, TooBig past `most_bytes`.

    In a `with` block it is open from the beginning, and like a `GopherFile` as it was sent.
    """

    # A text has no terminator, as behind a header of Gopher+.
    has_header = True

    def __init__(self, url: FileURL, most_bytes: int | None = None) -> None:
        self._url = url
        self._most_bytes = most_bytes
        self.length: int | None = None
        self.received = 0

    def __iter__(self) -> Iterator[bytes]:
        shown = one_line(os.fsdecode(self._url.path), 4096)
        try:
            for piece in self._pieces():
                self.received += len(piece)
                if self._most_bytes is not None and self.received > self._most_bytes:
                    raise TooBig("the file", self._most_bytes)
                yield piece
        except NotThere as error:
            raise ConfigurationError(f"{shown}: {error}") from error
        except OSError as error:
            raise ConfigurationError(f"{shown} cannot be read: {error.strerror}") from error

    def __enter__(self) -> Self:
        self._all = iter(self)
        self._first = next(self._all, b"")
        return self

    def __exit__(self, *error: object) -> None:
        del self._all

    def pieces(self, into: object = None) -> Iterator[bytes]:
        """Yield all of it; none of it gets into a file by itself."""
        yield self._first
        yield from self._all

    def _pieces(self) -> Iterator[bytes]:
        hole = Hole(self._url.directory, hidden=True)
        selector = self._url.selector
        with hole.open(selector) as descriptor:
            status = os.fstat(descriptor)
            is_directory = stat.S_ISDIR(status.st_mode)
            if is_directory or self._url.item_type == MENU_TYPE:
                # A gophermap may have whatever name.
                above, _, name = selector.rstrip(b"/").rpartition(b"/")
                items = hole.menu(selector) if is_directory else hole.menu(above, name)
                # Without a host: it is where the menu is.
                yield from written_menu(items, b"", DEFAULT_PORT)
                return
            self.length = status.st_size
            while piece := os.read(descriptor, _CHUNK):
                yield piece
