"""Addresses of local files: a directory that the user opened, and an item in it. Sans-IO.

    file:///DIRECTORY/                  the directory, as a menu
    file:///DIRECTORY/NAME              a file in it whose name tells its type
    file:///DIRECTORY/#TSELECTOR        any item: the one that a server of DIRECTORY has at /TSELECTOR

Selectors in menus are relative to the directory that was opened, so the address of each item contains it.
Other programs ignore the part after `#` (RFC 8089 has no fragments), and show the directory.
"""

from __future__ import annotations

import re

from logsrv.errors import ConfigurationError
from logsrv.gopher.wire.itemtypes import item_type, item_type_by_name
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.text import decode_line
from logsrv.gopher.wire.url import MENU_TYPE, GopherURL, quoted, unquoted
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.paths import safe_name
from logsrv.value import Value

# The server of the menu, for items without a host; they are local. An item with a host is on a server.
_NO_SERVER = GopherURL("localhost")
_WHOLE = r"(?si)file:(?://(?:localhost)?)?(/(?!/)[^#]*)(?:#(.*))?"


class FileURL(Value):
    """The address of an item below `directory`, an absolute path.

    item_type, selector: as in a GopherURL. Raises ConfigurationError for a NUL in the path.
    """

    __slots__ = ("directory", "item_type", "selector")

    # Attributes of a GopherURL, so that code can treat both alike: no TLS, no search.
    tls = False
    search: bytes | None = None

    def __init__(self, directory: bytes, item_type: str = MENU_TYPE, selector: bytes = b"") -> None:
        if b"\0" in directory:
            raise ConfigurationError("no path can have a NUL in it")
        self.directory = directory.rstrip(b"/") or b"/"
        self.item_type = item_type
        self.selector = selector

    @classmethod
    def parse(cls, text: str) -> FileURL:
        """Parse an address, without access to the disk. Raises ConfigurationError."""
        found = re.fullmatch(_WHOLE, text)
        if found is None:
            raise ConfigurationError(
                f"“{one_line(text, 200)}” is not a file of this machine: write file:///PATH"
            )
        path = unquoted(found[1])
        if found[2]:
            item = unquoted(found[2])
            return cls(path, chr(item[0]), item[1:])
        directory, _, name = path.rpartition(b"/")
        letter = item_type_by_name(name)
        return cls(path) if letter is None else cls(directory, letter, b"/" + name)

    def __str__(self) -> str:
        directory = "file://" + quoted(self.directory.rstrip(b"/")).replace("?", "%3F")
        if (self.item_type, self.selector) == (MENU_TYPE, b""):
            return directory + "/"
        name = self.selector[1:]
        if (
            self.selector == b"/" + name.replace(b"/", b"")
            and item_type_by_name(name) == self.item_type
        ):
            return f"{directory}/{quoted(name).replace('?', '%3F')}"
        return f"{directory}/#{quoted(self.item_type.encode('latin-1') + self.selector)}"

    @property
    def name(self) -> bytes:
        """Return the name of the file, or of the directory."""
        return self.path.rstrip(b"/").rpartition(b"/")[2] or b"/"

    @property
    def path(self) -> bytes:
        """Return the path that the selector names; nothing is checked here."""
        below = self.selector.lstrip(b"/")
        return self.directory.rstrip(b"/") + b"/" + below if below else self.directory

    def beside(self, item_type: str, selector: bytes) -> FileURL:
        """Return the address of another item below the same directory."""
        return FileURL(self.directory, item_type, selector)


# The address of an item that can be shown or saved.
ItemURL = GopherURL | FileURL


def parse_item_url(text: str) -> ItemURL:
    """Parse an address with its scheme: `gopher:`, `gophers:` or `file:`.

    Raises BadURL, ConfigurationError.
    """
    return FileURL.parse(text) if text[:5].lower() == "file:" else GopherURL.parse(text)


def url_of_item(item: MenuItem, menu: ItemURL) -> ItemURL | None:
    """Return the URL of an item of the menu at `menu`; None if it cannot be fetched or read."""
    if isinstance(menu, GopherURL):
        return item.url(menu)
    if item.host:
        return item.url(_NO_SERVER)
    if item.port is None or item.link() is not None or item_type(item.item_type).transfer is None:
        return None
    return menu.beside(item.item_type, item.selector)


def name_to_save(url: ItemURL) -> str:
    """Return a safe file name for a copy of `url`."""
    return safe_name(url.name) if isinstance(url, FileURL) else file_name(url)


# gophernicus writes unsafe bytes in octal. Compiled when first used.
_OCTAL = rb"#([0-3][0-7]{2})"


def decode_gophernicus_name(selector: bytes) -> bytes:
    """Decode the `#NNN` that gophernicus writes for unsafe bytes of a selector."""
    if b"#" not in selector:
        return selector
    return re.sub(_OCTAL, lambda found: bytes([int(found[1], 8)]), selector)


def file_name(url: GopherURL) -> str:
    """Return a safe file name for `url`: the end of its selector, or its host."""
    words = decode_gophernicus_name(url.selector).replace(b"\\", b"/").split(b"/")
    words = [word for word in words if word]
    return safe_name(decode_line(words[-1]).encode() if words else url.host.encode())
