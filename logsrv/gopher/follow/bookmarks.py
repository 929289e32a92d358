"""Lists of bookmarks: text files that people may edit, `URL TITLE` on each line, `#` for comments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.wholefile import locked_folder, write_whole
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.fileurl import FileURL, ItemURL, parse_item_url
from logsrv.kit.text.escape import one_line


class Bookmark(NamedTuple):
    """A bookmark. `title` is safe to show on one line."""

    url: ItemURL
    title: str


class Bookmarks:
    """The bookmarks in the file `path`. Each call reads the file: another browser may have changed it.

    All methods raise ConfigurationError if the file cannot be read or written.
    """

    def __init__(self, path: Path, what: str = "the bookmarks") -> None:
        """what: names the list in error messages."""
        self.path = path
        self._what = what

    def all(self) -> list[Bookmark]:
        """Return the bookmarks in the order of the file; lines that are not bookmarks are left out."""
        return [bookmark for line in self._read_lines() if (bookmark := _parse_bookmark(line))]

    def add(self, url: ItemURL, title: str) -> bool:
        """Add a bookmark at the end; return False if there is one for this URL already."""
        with self._locked():
            if any(bookmark.url == url for bookmark in self.all()):
                return False
            title = " ".join(one_line(title, 200).split())
            self._write_lines([*self._read_lines(), f"{url} {title}".rstrip()])
        return True

    def remove(self, url: ItemURL) -> bool:
        """Remove the bookmark of this URL, and keep all other lines; return False if there is none."""
        with self._locked():
            lines = self._read_lines()
            kept = [
                line
                for line in lines
                if (found := _parse_bookmark(line)) is None or found.url != url
            ]
            if len(kept) == len(lines):
                return False
            self._write_lines(kept)
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock that all browsers take to change bookmarks, for milliseconds."""
        try:
            with locked_folder(self.path.parent):
                yield
        except OSError as error:
            raise ConfigurationError(f"{self._what} cannot be written: {error}") from error

    def _read_lines(self) -> list[str]:
        try:
            text = self.path.read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigurationError(f"{self._what} cannot be read: {error}") from error
        return text.removesuffix("\n").split("\n") if text else []

    def _write_lines(self, lines: list[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        write_whole(self.path, text.encode("utf-8", "surrogateescape"))


def _parse_bookmark(line: str) -> Bookmark | None:
    address, _, title = line.strip().partition(" ")
    if not address or address.startswith("#"):
        return None
    try:
        url = parse_item_url(address)
    except (BadURL, ConfigurationError):
        return None
    return Bookmark(url, one_line(title.strip(), 200) or str(url))


def title_from_url(url: ItemURL) -> str:
    """Return a title made from a URL: host and last part of the selector, or the name of a file."""
    if isinstance(url, FileURL):
        return one_line(url.name.decode("utf-8", "replace"), 200)
    name = url.selector.rstrip(b"/").rpartition(b"/")[2].decode("utf-8", "replace")
    title = f"{url.host} {name}" if name else url.host
    words = f" “{url.search.decode('utf-8', 'replace')}”" if url.search else ""
    return one_line(title + words, 200)
