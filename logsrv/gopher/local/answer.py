"""The answer to the address of a local item, as a server would send it: a menu, or a file as it is."""

from __future__ import annotations

import os
import stat

from logsrv.errors import ConfigurationError
from logsrv.gopher.local.fileurl import FileURL
from logsrv.gopher.local.hole import Hole, NotThere
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.menu import written_line
from logsrv.gopher.wire.url import DEFAULT_PORT
from logsrv.kit.text.escape import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 256 * 1024
_LINES = 1000


class LocalAnswer:
    """The bytes of an item, piece by piece; it is opened when the first one is asked for.

    length: of a file, once it is open. received: how much has been read. Iterating raises
    ConfigurationError for what cannot be read, TooBig past `most_bytes`.
    """

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

    def _pieces(self) -> Iterator[bytes]:
        hole = Hole(self._url.directory, hidden=True)
        with hole.open(self._url.selector) as descriptor:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                yield from self._menu(hole, descriptor)
                return
            self.length = status.st_size
            while piece := os.read(descriptor, _CHUNK):
                yield piece

    def _menu(self, hole: Hole, descriptor: int) -> Iterator[bytes]:
        lines: list[bytes] = []
        for item in hole.menu(self._url.selector, descriptor):
            # Without a host: it is where the menu is.
            lines.append(written_line(item, b"", DEFAULT_PORT))
            if len(lines) == _LINES:
                yield b"".join(lines)
                lines.clear()
        yield b"".join(lines) + b".\r\n"
