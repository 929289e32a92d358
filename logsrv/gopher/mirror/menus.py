"""The menus of a mirror as files: `gophermap` for a Gopher server whose root is the mirror's directory, and
`index.html` for a web browser. Lines lead to the copies of their items; without a copy, to the server.
"""

from __future__ import annotations

import posixpath
from functools import lru_cache
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from logsrv.gopher.mirror.journal import ItemCopy
from logsrv.gopher.mirror.paths import INDEX, OF_A_NAME, CopyPath, LinkInTheWay, MirrorFolders
from logsrv.gopher.serve.gopherhole import GOPHERMAP
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

_HEAD = """<!DOCTYPE html>
<html lang="und"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>:root{{color-scheme:light dark}}body{{font:1em/1.4 monospace;margin:1em}}
h1{{font-size:1.2em;overflow-wrap:anywhere}}div{{display:flex;gap:1ch}}
small{{flex:none;width:9ch;text-align:right;font-size:1em;opacity:.7}}
span,a{{white-space:pre-wrap;overflow-wrap:anywhere;min-width:0}}</style></head>
<body><h1>{title}</h1>
{up}"""
_FOOT = "</body></html>\n"
# Bytes; gophernicus reads the part of a line after 1,023 bytes as another line.
_LONGEST_LINE = 1000
_LEAST_DISPLAY = 100
_WEB = ("http://", "https://", "gopher://", "gophers://", "mailto:")


class MenuLine(NamedTuple):
    """A line of a menu.

    copied: the path of its item's copy, if there is one; is_menu: whether the copy is a menu. url: the URL
    of the item if there is no copy.
    """

    item: MenuItem
    copied: CopyPath | None
    is_menu: bool
    url: str | None


def gophermap_bytes(lines: list[MenuLine]) -> bytes:
    """Return a gophermap for gophernicus, pygopherd and Bucktooth: TABs between fields, local items without
    a host.
    """
    return b"".join(map(_gophermap_line, lines))


def _gophermap_line(line: MenuLine) -> bytes:
    item = line.item
    letter, fields = _gophermap_letter(item.item_type), b""
    if line.copied is not None:
        path = "/" + "/".join(line.copied) + ("/" if line.is_menu and line.copied else "")
        fields = b"\t" + path.encode()
    elif item.item_type != "i" and item.port is not None:
        fields = b"\t%s\t%s\t%d" % (item.selector, item.host, item.port)
    if not fields or len(fields) > _LONGEST_LINE - _LEAST_DISPLAY:
        # A line with TABs, because servers interpret some lines without TABs as commands.
        letter, fields = b"i", b"\t\terror.host\t1"
    display = _cut_display(item.display.replace(b"\r", b" "), _LONGEST_LINE - len(fields))
    return b"%s%s%s\n" % (letter, display, fields)


def _cut_display(display: bytes, most: int) -> bytes:
    if len(display) <= most:
        return display
    # Do not cut within a UTF-8 character.
    ends = (end for end in range(most, most - 4, -1) if display[end] & 0xC0 != 0x80)
    return display[: next(ends, most)]


@lru_cache(256)
def _gophermap_letter(item_type: str) -> bytes:
    # Other characters may be commands: gophernicus includes or runs the file that a line with `=` names.
    if item_type.isalnum() or item_type in "+;<":
        return item_type.encode("latin-1")
    return b"I" if item_type == ":" else b"9"


def index_page(
    lines: list[MenuLine],
    here: CopyPath,
    title: str,
    charset: str | None,
    up: CopyPath | None = None,
) -> bytes:
    """Return a page without scripts, with all outside text escaped.

    here: the directory of the page. up: the directory of the menu above, None if there is none.
    """
    shown = "".join(_html_line(line, here, charset) for line in lines)
    way = "" if up is None else f'<p><a href="{_relative_url(up, here, True)}">Up</a></p>\n'
    return (_HEAD.format(title=escape(one_line(title)), up=way) + shown + _FOOT).encode(
        "utf-8", "replace"
    )


def _html_line(line: MenuLine, here: CopyPath, charset: str | None) -> str:
    text = escape(one_line(line.item.text(charset), 65536))
    target = _link_target(line, here)
    if target is None:
        shown = f"<span>{text or '&nbsp;'}</span>"
    else:
        shown = f'<a href="{target}" rel="noreferrer">{text or target}</a>'
    return f"<div><small>{_type_name(line.item.item_type)}</small>{shown}</div>\n"


@lru_cache(256)
def _type_name(letter: str) -> str:
    return "" if letter == "i" else escape(item_type(letter).title)


def _link_target(line: MenuLine, here: CopyPath) -> str | None:
    """Return the address that a line leads to, escaped for HTML; None if it leads nowhere.

    A quoted path needs no escaping.
    """
    if line.copied is not None:
        return _relative_url(line.copied, here, line.is_menu)
    if line.item.item_type in "i3":
        return None
    link = line.url or line.item.link()
    return escape(link) if link is not None and link.lower().startswith(_WEB) else None


def _relative_url(copy: CopyPath, here: CopyPath, is_menu: bool) -> str:
    """Return the relative URL of a copy from the directory `here`."""
    if is_menu:
        return _relative_directory((copy, here)) + INDEX
    return _relative_directory((copy[:-1], here)) + quote(copy[-1])


@lru_cache(256)
def _relative_directory(ends: tuple[CopyPath, CopyPath]) -> str:
    """Return the relative URL of the first directory, with a / at its end, from the second one."""
    there, here = ("/" + "/".join(names) for names in ends)
    way = quote(posixpath.relpath(there, here))
    # With ./ before it, no name can be mistaken for a scheme.
    return "./" if way == "." else f"./{way}/"


class MenuFiles:
    """Writes menus into their directories, and a menu for the mirror's own directory if no copy is one."""

    def __init__(self, folders: MirrorFolders, root: GopherURL, charset: str | None) -> None:
        self._folders = folders
        self._root = root
        self._charset = charset
        self._paths: set[CopyPath] = set()

    def note_menu_path(self, menu: ItemCopy) -> None:
        """Note that a menu will be written, so that menus below it get a link up to it."""
        self._paths.add(menu.path)

    def write_menu(self, menu: ItemCopy, lines: list[MenuLine]) -> None:
        """Write a menu as gophermap and index.html. Raises OSError."""
        self.note_menu_path(menu)
        if () not in self._paths and menu.url == self._root:
            self.write_root_menu(menu.path, is_menu=True)
        self._write_files(menu.path, lines, str(menu.url))

    def write_root_menu(self, copy: CopyPath, *, is_menu: bool) -> None:
        """Write a menu for the mirror's own directory, with a link to the copy of the root."""
        root = self._root
        name = root.selector.rstrip(b"/").rpartition(b"/")[2] or root.host.encode()
        title = MenuItem("i", f"A mirror of {root}".encode(), port=None)
        start = MenuItem(root.item_type, name, root.selector, root.host.encode(), root.port)
        lines = [MenuLine(title, None, False, None), MenuLine(start, copy, is_menu, None)]
        self._write_files((), lines, str(root))

    def _write_files(self, path: CopyPath, lines: list[MenuLine], title: str) -> None:
        above = (path[:end] for end in range(len(path) - 1, 0, -1))
        up = next((each for each in above if each in self._paths), ())
        try:
            self._folders.write_file((*path, GOPHERMAP), gophermap_bytes(lines))
            page = index_page(lines, path, title, self._charset, up if path else None)
            self._folders.write_file((*path, INDEX), page)
        except (LinkInTheWay, OSError) as error:
            # No report here: the items of this menu have failed for the same reason, and are reported.
            if isinstance(error, OSError) and error.errno not in OF_A_NAME:
                raise
