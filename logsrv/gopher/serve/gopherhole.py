"""A "gopherhole": a directory as the content of a Gopher server. It finds files and makes menus.

A gophermap is a menu that its author writes into a directory, in the format of gophernicus, pygopherd and
Bucktooth:

    TYPE DISPLAY TAB [SELECTOR [TAB HOST [TAB PORT]]]    an item; SELECTOR is DISPLAY if it is missing
    any line without a TAB                               text
    # …       nothing, a comment             ! TITLE     text, the title
    -NAME     NAME is not listed by `*`      *           all other files of the directory; the end
    .         the end

A selector that does not begin with `/` is relative to the directory, unless a host follows.

No selector leads out of the directory, by `..` or by a symbolic link; a server also refuses hidden files. A
path is opened name by name, each below the descriptor of the one before and never through a link, so that
nobody can change a path between its check and its use. Links that stay inside are resolved before.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from logsrv.descriptor import Descriptor
from logsrv.errors import ConfigurationError, PeerError
from logsrv.gopher.wire.itemtypes import ENOUGH_TO_TELL, item_type_by_name, item_type_of_file
from logsrv.gopher.wire.menu import MenuItem, encoded_line, parse_menu_line
from logsrv.kit.text.escape import one_line
from logsrv.value import Value

GOPHERMAP = "gophermap"
LARGEST_MAP = 4 * 1024 * 1024
MOST_LISTED = 10_000
# A menu is yielded in pieces of this many items; making a piece takes a few milliseconds.
_LINES = 500
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NOTHING = "there is nothing of that name"
_MAY_NOT = "you may not read it"
# Errors that concern one name; other errors are problems of the machine, and are logged.
_REASONS = {
    errno.ENOENT: _NOTHING,
    errno.ENOTDIR: _NOTHING,
    errno.EINVAL: _NOTHING,
    errno.EILSEQ: _NOTHING,
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "it is a symbolic link that leads nowhere",
    errno.EACCES: _MAY_NOT,
    errno.EPERM: _MAY_NOT,
    errno.ENXIO: "it is neither a file nor a directory",
}
# A selector cannot contain these.
_NO_SELECTOR = re.compile(rb"[\t\r\n]")
_CONTROLS = re.compile(rb"[\0-\x1f\x7f]")


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


class SelectorNotFound(PeerError):
    """A selector without a file, or with one that is not shown.

    The sentence gives the reason: show it only to local users, not to clients of a server.
    """


class Gopherhole:
    """The files below `directory`. hidden: selectors may name hidden files.

    Raises ConfigurationError if there is no such directory.
    """

    def __init__(self, directory: os.PathLike[str] | bytes, *, hidden: bool = False) -> None:
        self._root = os.path.realpath(os.fsencode(directory))
        self._hidden = hidden
        if not os.path.isdir(self._root):
            shown = one_line(os.fsdecode(directory), 500)
            raise ConfigurationError(f"there is no directory {shown}")

    def open(self, selector: bytes) -> Descriptor:
        """Open a regular file or a directory. Raises SelectorNotFound, OSError."""
        return Descriptor(self._open_descriptor(selector))

    def _open_descriptor(self, selector: bytes) -> int:
        try:
            return self._open_by_names(selector)
        except OSError as error:
            if error.errno in _REASONS:
                raise SelectorNotFound(_REASONS[error.errno]) from error
            raise

    def _open_by_names(self, selector: bytes) -> int:
        real = os.path.realpath(os.path.join(self._root, *self._split_selector(selector)))
        base = self._root.rstrip(b"/") + b"/"
        if not (real + b"/").startswith(base):
            raise SelectorNotFound("it is a symbolic link that leads out of the directory")
        descriptor = os.open(self._root, _FLAGS | os.O_DIRECTORY)
        try:
            *above, last = self._split_selector(real[len(base) :]) or [b"."]
            for name in above:
                inner = os.open(name, _FLAGS | os.O_DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            _refuse_special_file(os.stat(last, dir_fd=descriptor, follow_symlinks=False).st_mode)
            inner = os.open(last, _FLAGS, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
            _refuse_special_file(os.fstat(descriptor).st_mode)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _split_selector(self, selector: bytes) -> list[bytes]:
        """Split a selector into names. Raises SelectorNotFound for names that are not allowed."""
        names = [name for name in selector.split(b"/") if name]
        for name in names:
            if name in (b".", b"..") or b"\0" in name:
                raise SelectorNotFound("no name in a selector is “.” or “..”, or has a NUL in it")
            if name[:1] == b"." and not self._hidden:
                raise SelectorNotFound("hidden files are not shown")
        return names

    def menu_items(self, directory: bytes, name: bytes = GOPHERMAP.encode()) -> Iterator[MenuItem]:
        """Yield the items of a directory: those of the gophermap `name` in it, or its files, or both.

        Items of this server have no host. Raises SelectorNotFound, OSError.
        """
        place = b"/" + b"".join(each + b"/" for each in self._split_selector(directory))
        with self.open(place) as descriptor:
            gophermap = self._read_gophermap(place + name, place)
            yield from gophermap.items
            if gophermap.lists:
                yield from self._list_directory(place, descriptor, gophermap.hidden)

    def _read_gophermap(self, path: bytes, place: bytes) -> Gophermap:
        try:
            with (
                self.open(path) as descriptor,
                open(descriptor, "rb", closefd=False) as file,
            ):
                return parse_gophermap(file.read(LARGEST_MAP), place)
        except (SelectorNotFound, IsADirectoryError):
            return Gophermap((), lists=True)

    def _list_directory(
        self, place: bytes, descriptor: int, hidden: frozenset[bytes]
    ) -> Iterator[MenuItem]:
        """Yield directories, then files.

        The type of each file is found just before: there may be thousands.
        """
        with os.scandir(descriptor) as entries:
            # name → whether it may be a directory; a link may lead to one.
            found = {
                os.fsencode(entry.name): not entry.is_file(follow_symlinks=False)
                for entry in entries
                if entry.is_symlink()
                or entry.is_dir(follow_symlinks=False)
                or entry.is_file(follow_symlinks=False)
            }
        there = [
            name
            for name in found
            if name[:1] != b"." and name != GOPHERMAP.encode() and name not in hidden
        ]
        names = sorted(name for name in there if not _NO_SELECTOR.search(name))
        listed = names[:MOST_LISTED]
        known = {
            name: self._item_type_of_file(place, descriptor, name) for name in listed if found[name]
        }
        menus = [name for name, letter in known.items() if letter == "1"]
        is_empty = True
        for name in [*menus, *(name for name in listed if known.get(name) != "1")]:
            letter = (
                known[name] if name in known else self._item_type_of_file(place, descriptor, name)
            )
            if letter is not None:
                is_empty = False
                slash = b"/" if letter == "1" else b""
                yield MenuItem(letter, _CONTROLS.sub(b"?", name), place + name + slash)
        if len(names) > MOST_LISTED:
            yield MenuItem("i", b"(and %d more)" % (len(names) - MOST_LISTED), port=None)
        if len(names) < len(there):
            left_out = b"(and %d whose names cannot be asked for)" % (len(there) - len(names))
            yield MenuItem("i", left_out, port=None)
        elif is_empty:
            yield MenuItem("i", b"(empty)", port=None)

    def _item_type_of_file(self, place: bytes, descriptor: int, name: bytes) -> str | None:
        """Return the item type of the file `name` in the directory `descriptor`; None to hide it."""
        try:
            # Try this first: `_open_descriptor` takes five times as long, and is needed only for links.
            inner = os.open(name, _FLAGS, dir_fd=descriptor)
        except OSError:
            try:
                inner = self._open_descriptor(place + name)
            except SelectorNotFound:
                return None
        try:
            mode = os.fstat(inner).st_mode
            if stat.S_ISREG(mode):
                return item_type_by_name(name) or item_type_of_file(
                    name, os.read(inner, ENOUGH_TO_TELL)
                )
            return "1" if stat.S_ISDIR(mode) else None
        except OSError:
            # A file on a bad sector must not spoil the menu; a request for the file gets the error.
            return "9"
        finally:
            os.close(inner)


def encoded_menu(items: Iterable[MenuItem], host: bytes, port: int) -> Iterator[bytes]:
    """Yield a menu as servers send it, in pieces; `host` and `port` as in `encoded_line`."""
    lines = chain((encoded_line(item, host, port) for item in items), [b".\r\n"])
    while piece := b"".join(islice(lines, _LINES)):
        yield piece


def _refuse_special_file(mode: int) -> None:
    """Raise SelectorNotFound for pipes, devices and sockets, before they are opened.

    Opening a pipe would unblock its waiting writer, and some devices act when they are opened.
    """
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
        raise SelectorNotFound(_REASONS[errno.ENXIO])
