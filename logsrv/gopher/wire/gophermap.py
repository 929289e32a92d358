"""Gophermaps: menus that authors write into a directory, in the format of gophernicus, pygopherd and
Bucktooth. Sans-IO.

    TYPE DISPLAY TAB [SELECTOR [TAB HOST [TAB PORT]]]    an item; SELECTOR is DISPLAY if it is missing
    any line without a TAB                               text
    # …       nothing, a comment             ! TITLE     text, the title
    -NAME     NAME is not listed by `*`      *           all other files of the directory; the end
    .         the end

A selector that does not begin with `/` is relative to the directory, unless a host follows.
"""

from __future__ import annotations

from codecs import BOM_UTF8

from logsrv.gopher.wire.menu import MenuItem, parse_menu_line
from logsrv.value import Value

FILE = "gophermap"


class Gophermap(Value):
    """A parsed gophermap.

    lists: whether the menu goes on, after `items`, with the files of the directory that are not in
    `hidden`.
    """

    items: tuple[MenuItem, ...]
    lists: bool = False
    hidden: frozenset[bytes] = frozenset()


def parse_gophermap(content: bytes, directory: bytes) -> Gophermap:
    """Parse the gophermap of `directory`, a selector. Items of this server have no host."""
    items: list[MenuItem] = []
    hidden: set[bytes] = set()
    lines = content.removeprefix(BOM_UTF8).split(b"\n")
    if not lines[-1]:
        lines.pop()
    for line in (each.rstrip(b"\r") for each in lines):
        if line in (b".", b"*"):
            return Gophermap(tuple(items), line == b"*", frozenset(hidden))
        if b"\t" in line:
            items.append(_parse_item(line, directory))
        elif line[:1] == b"-" and len(line) > 1 and b" " not in line:
            hidden.add(line[1:])
        elif line[:1] != b"#":
            items.append(MenuItem("i", line.removeprefix(b"!"), port=None))
    return Gophermap(tuple(items), hidden=frozenset(hidden))


def _parse_item(line: bytes, directory: bytes) -> MenuItem:
    item = parse_menu_line(line)
    if item.host or item.item_type in "i3":
        return item
    selector = item.selector or item.display
    if not selector.startswith((b"/", b"URL:", b"GET ")):
        selector = directory.rstrip(b"/") + b"/" + selector
    return item.replace(selector=selector)
