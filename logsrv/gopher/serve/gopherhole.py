"""A "gopherhole": a directory as the content of a Gopher server. It finds files and makes menus.

A gophermap is a menu that its author writes into a directory, in the format of gophernicus, pygopherd and
Bucktooth:

    TYPE DISPLAY TAB [SELECTOR [TAB HOST [TAB PORT]]]    an item; SELECTOR is DISPLAY if it is missing
    any line without a TAB                               text
    # …       nothing, a comment             ! TITLE     text, the title
    -NAME     NAME is not listed by `*`      *           all other files of the directory; the end
    =NAME     the lines of that file         .           the end
    :EXT=T    `*` lists NAME.EXT as type T   ~ and %     nothing: there are no users, no other hosts

A selector that does not begin with `/` is relative to the directory, unless a host follows.

Nothing is run. Gophernicus runs executable gophermaps and what is in `cgi-bin`: their sources may have
passwords in them, so they are not shown either.

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
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from types import MappingProxyType
from typing import NamedTuple

from logsrv.descriptor import Descriptor
from logsrv.errors import ConfigurationError, PeerError
from logsrv.gopher.wire.itemtypes import ENOUGH_TO_TELL, item_type_by_name, item_type_of_file
from logsrv.gopher.wire.menu import MenuItem, encoded_line, parse_menu_line
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import size_text

GOPHERMAP = "gophermap"
LARGEST_MAP = 4 * 1024 * 1024
MOST_LISTED = 10_000
# Files that include each other must come to an end.
_MOST_INCLUDED = 100
PROGRAMS = b"cgi-bin"
# Characters for a name in a listing: with date and size beside it, the line has 62.
_NAME_WIDTH = 40
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
_TYPE_OF_ENDING = re.compile(rb":\.?([^=\s.]+)=([!-~])")


class Gophermap(NamedTuple):
    """A parsed gophermap.

    lists: whether the menu goes on, after `items`, with the files of the directory that are not in
    `hidden`. types: the item types of files by the endings of their names.
    """

    items: tuple[MenuItem, ...]
    lists: bool = False
    hidden: frozenset[bytes] = frozenset()
    types: Mapping[bytes, str] = MappingProxyType({})


def parse_gophermap(
    content: bytes, directory: bytes, include: Callable[[bytes], bytes] = lambda name: b""
) -> Gophermap:
    """Parse the gophermap of `directory`, a selector. Items of this server have no host.

    include: returns the content of a file to include, or an error line.
    """
    items: list[MenuItem] = []
    hidden: set[bytes] = set()
    types: dict[bytes, str] = {}
    included = 0
    lines = _lines_of(content)
    while lines:
        line = lines.popleft()
        if line in (b".", b"*"):
            return Gophermap(tuple(items), line == b"*", frozenset(hidden), types)
        if b"\t" in line:
            items.append(_parse_item(line, directory))
        elif line[:1] == b"=" and len(line) > 1:
            included += 1
            found = include(line[1:].strip()) if included <= _MOST_INCLUDED else b""
            lines.extendleft(reversed(_lines_of(found)))
        elif kind := _TYPE_OF_ENDING.fullmatch(line):
            types[kind[1].lower()] = chr(kind[2][0])
        elif line[:1] == b"-" and len(line) > 1 and b" " not in line:
            hidden.add(line[1:])
        elif line[:1] != b"#" and line not in (b"~", b"%"):
            items.append(MenuItem("i", line.removeprefix(b"!"), port=None))
    return Gophermap(tuple(items), False, frozenset(hidden), types)


def _lines_of(content: bytes) -> deque[bytes]:
    lines = content.removeprefix(BOM_UTF8).removesuffix(b"\n").split(b"\n")
    return deque(line.rstrip(b"\r") for line in lines) if content else deque()


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


class ProgramRefused(SelectorNotFound):
    """A selector of a program, which is neither run nor shown."""


class Gopherhole:
    """The files below `directory`. hidden: selectors may name hidden files. refused: called with the path
    and the reason if a gophermap includes a program.

    Raises ConfigurationError if there is no such directory.
    """

    def __init__(
        self,
        directory: os.PathLike[str] | bytes,
        *,
        hidden: bool = False,
        refused: Callable[[bytes, str], object] = lambda path, reason: None,
    ) -> None:
        self._root = os.path.realpath(os.fsencode(directory))
        self._hidden = hidden
        self._refused = refused
        if not os.path.isdir(self._root):
            shown = one_line(os.fsdecode(directory), 500)
            raise ConfigurationError(f"there is no directory {shown}")

    def open(self, selector: bytes) -> Descriptor:
        """Open a regular file or a directory. Raises SelectorNotFound, OSError."""
        if not self._hidden and selector.rstrip(b"/").rpartition(b"/")[2] == GOPHERMAP.encode():
            raise SelectorNotFound("a gophermap is shown as a menu only")
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
                raise SelectorNotFound(
                    "no name in a selector may be “.” or “..”, or have a NUL in it"
                )
            if name[:1] == b"." and not self._hidden:
                raise SelectorNotFound("hidden files are not shown")
            if name == PROGRAMS:
                raise ProgramRefused("cgi-bin is for programs")
        return names

    def menu_items(self, directory: bytes, name: bytes = GOPHERMAP.encode()) -> Iterator[MenuItem]:
        """Yield the items of a directory: those of the gophermap `name` in it, or its files, or both.

        Items of this server have no host. Raises SelectorNotFound, OSError.
        """
        folder = b"/" + b"".join(each + b"/" for each in self._split_selector(directory))
        with self.open(folder) as descriptor:
            gophermap = self._read_gophermap(folder + name, folder)
            yield from gophermap.items
            if gophermap.lists:
                yield from self._list_directory(folder, descriptor, gophermap)

    def _read_gophermap(self, path: bytes, folder: bytes) -> Gophermap:
        def include(name: bytes) -> bytes:
            path = name if name.startswith(b"/") else folder + name
            try:
                return self._read_map(path)
            except (SelectorNotFound, OSError) as error:
                if isinstance(error, ProgramRefused):
                    self._refused(path, str(error))
                return b"3(a part of this menu is missing here)\t\n"

        try:
            return parse_gophermap(self._read_map(path), folder, include)
        except ProgramRefused:
            raise
        except (SelectorNotFound, IsADirectoryError):
            return Gophermap((), lists=True)

    def _read_map(self, path: bytes) -> bytes:
        with (
            Descriptor(self._open_descriptor(path)) as descriptor,
            open(descriptor, "rb", closefd=False) as file,
        ):
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISREG(mode) and mode & 0o111:
                raise ProgramRefused("it is executable, so it is a program that makes a menu")
            return file.read(LARGEST_MAP)

    def _list_directory(
        self, folder: bytes, descriptor: int, gophermap: Gophermap
    ) -> Iterator[MenuItem]:
        """Yield directories, then files: each with its date, files with their size.

        A file is looked at just before it is yielded: there may be thousands.
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
        unlisted = {GOPHERMAP.encode(), PROGRAMS, *gophermap.hidden}
        there = [name for name in found if name[:1] != b"." and name not in unlisted]
        names = sorted(name for name in there if not _NO_SELECTOR.search(name))
        listed = names[:MOST_LISTED]
        look = partial(self._listed_item, folder, descriptor, gophermap.types)
        menus = {
            name: item
            for name in listed
            if found[name] and (item := look(name)) is not None and item.item_type == "1"
        }
        is_empty = True
        for item in chain(menus.values(), (look(name) for name in listed if name not in menus)):
            if item is not None:
                is_empty = False
                yield item
        if len(names) > MOST_LISTED:
            yield MenuItem("i", b"(and %d more)" % (len(names) - MOST_LISTED), port=None)
        if len(names) < len(there):
            left_out = b"(and %d whose names cannot be asked for)" % (len(there) - len(names))
            yield MenuItem("i", left_out, port=None)
        elif is_empty:
            yield MenuItem("i", b"(empty)", port=None)

    def _listed_item(
        self, folder: bytes, descriptor: int, types: Mapping[bytes, str], name: bytes
    ) -> MenuItem | None:
        """Return the item of the file `name` in the directory `descriptor`; None to hide it."""
        selector = folder + name
        try:
            # Try this first: `_open_descriptor` takes five times as long, and is needed only for links.
            inner = os.open(name, _FLAGS, dir_fd=descriptor)
        except OSError:
            try:
                inner = self._open_descriptor(selector)
            except SelectorNotFound:
                return None
            # A directory is listed under one name, or a link to one above would be a menu without end.
            real = os.path.realpath(os.path.join(self._root, selector.strip(b"/")))
            target = b"/" + real[len(self._root) :].strip(b"/")
        else:
            target = selector
        try:
            status = os.fstat(inner)
            if stat.S_ISDIR(status.st_mode):
                display = _listing_text(name, status, "")
                return MenuItem("1", display, target.rstrip(b"/") + b"/")
            if not stat.S_ISREG(status.st_mode):
                return None
            letter = (
                types.get(name.rpartition(b".")[2].lower())
                or item_type_by_name(name)
                or item_type_of_file(name, os.read(inner, ENOUGH_TO_TELL))
            )
            return MenuItem(
                letter, _listing_text(name, status, size_text(status.st_size)), selector
            )
        except OSError:
            # A file on a bad sector must not spoil the menu; a request for the file gets the error.
            return MenuItem("9", _CONTROLS.sub(b"?", name), selector)
        finally:
            os.close(inner)


def _listing_text(name: bytes, status: os.stat_result, size: str) -> bytes:
    day = f"{datetime.fromtimestamp(status.st_mtime, UTC):%Y-%m-%d}"
    room = " " * (_NAME_WIDTH - len(name.decode("utf-8", "replace")))
    return _CONTROLS.sub(b"?", name) + f"{room}  {day}  {size}".rstrip().encode()


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
