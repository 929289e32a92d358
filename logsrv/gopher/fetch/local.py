"""Files and directories of this machine as items: the address that a person types, and the answer.

Pass only text that the user typed: a server's text must never lead to a local file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Self

from logsrv.errors import ConfigurationError
from logsrv.gopher.serve.gopherhole import GOPHERMAP, Gopherhole, SelectorNotFound, encoded_menu
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.fileurl import FileURL, ItemURL
from logsrv.gopher.wire.itemtypes import ENOUGH_TO_TELL, item_type_of_file
from logsrv.gopher.wire.url import DEFAULT_PORT, MENU_TYPE, parse_typed_url
from logsrv.kit.text.escape import one_line

# The journal, which shows that a directory is a mirror: selectors in a mirror are relative to that
# directory.
MIRROR_JOURNAL = ".gopher-mirror"
_CHUNK = 256 * 1024


def resolve_typed_address(text: str) -> ItemURL:
    """Return the address that `text` means; if both a file and a host have the name, the file.

    Raises BadURL, ConfigurationError.
    """
    if text[:5].lower() == "file:":
        url = FileURL.parse(text)
        return url if "#" in text else resolve_local_path(url.path)
    is_path = text[:1] in ("/", "~") or text.partition("/")[0] in (".", "..")
    if is_path or ("://" not in text and os.path.lexists(text)):
        return resolve_local_path(os.fsencode(os.path.expanduser(text)))
    return parse_typed_url(text)


def resolve_local_path(path: bytes) -> FileURL:
    """Return the address of an existing file or directory; for a gophermap, that of its directory.

    Raises ConfigurationError.
    """
    shown = one_line(os.fsdecode(path), 4096)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            root, selector = _root_and_selector(os.path.abspath(path))
            return FileURL(root, selector=selector)
        # Resolve links first: one that the user typed may lead anywhere.
        directory, name = os.path.split(os.path.realpath(path))
        root, selector = _root_and_selector(directory)
        if name == GOPHERMAP.encode() and stat.S_ISREG(mode):
            return FileURL(root, selector=selector)
        with Gopherhole(directory, hidden=True).open(name) as descriptor:
            letter = item_type_of_file(name, os.read(descriptor, ENOUGH_TO_TELL))
        return FileURL(root, letter, (selector or b"/") + name)
    except SelectorNotFound as error:
        raise ConfigurationError(f"{shown}: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{shown}: {error.strerror}") from error
    except ValueError:
        raise ConfigurationError(f"{shown}: no path can have a NUL in it") from None


def _root_and_selector(directory: bytes) -> tuple[bytes, bytes]:
    """Return the root for a directory, and the directory's selector below that root.

    In a mirror the root is the directory of the mirror; otherwise it is the directory itself.
    """
    root = directory
    while not os.path.lexists(os.path.join(root, MIRROR_JOURNAL.encode())):
        if root in (b"/", b"//"):
            return directory, b""
        root = os.path.dirname(root)
    return root, directory[len(root) :] + b"/" if root != directory else b""


class LocalAnswer:
    """The bytes of a local item, in pieces; it is opened when the first piece is read.

    length: bytes of a file, once it is open. received: bytes read. Iterating raises ConfigurationError if
    the item cannot be read, TooBig above `most_bytes`. A `with` block opens it at once, and gives it the
    interface of a `GopherFile` with `as_sent`.
    """

    # A text has no terminator, as after a Gopher+ header.
    has_header = True

    def __init__(self, url: FileURL, most_bytes: int | None = None) -> None:
        self._url = url
        self._most_bytes = most_bytes
        self.length: int | None = None
        self.received = 0

    def __iter__(self) -> Iterator[bytes]:
        shown = one_line(os.fsdecode(self._url.path), 4096)
        try:
            for piece in self._read_pieces():
                self.received += len(piece)
                if self._most_bytes is not None and self.received > self._most_bytes:
                    raise TooBig("the file", self._most_bytes)
                yield piece
        except SelectorNotFound as error:
            raise ConfigurationError(f"{shown}: {error}") from error
        except OSError as error:
            raise ConfigurationError(f"{shown} cannot be read: {error.strerror}") from error

    def __enter__(self) -> Self:
        self._all = iter(self)
        self._first = next(self._all, b"")
        return self

    def __exit__(self, *error: object) -> None:
        del self._all

    def pieces(self) -> Iterator[bytes]:
        """Yield the whole file."""
        yield self._first
        yield from self._all

    def _read_pieces(self) -> Iterator[bytes]:
        gopherhole = Gopherhole(self._url.directory, hidden=True)
        selector = self._url.selector
        with gopherhole.open(selector) as descriptor:
            status = os.fstat(descriptor)
            is_directory = stat.S_ISDIR(status.st_mode)
            if is_directory or self._url.item_type == MENU_TYPE:
                # If the selector is a file, it is a gophermap, which may have any name.
                above, _, name = selector.rstrip(b"/").rpartition(b"/")
                items = (
                    gopherhole.menu_items(selector)
                    if is_directory
                    else gopherhole.menu_items(above, name)
                )
                # The items get no host: they are where the menu is.
                yield from encoded_menu(items, b"", DEFAULT_PORT)
                return
            self.length = status.st_size
            while piece := os.read(descriptor, _CHUNK):
                yield piece
