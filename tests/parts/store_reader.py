"""A reader of stores without code of logsrv, as a script of an operator would read them."""

import contextlib
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import zstandard

TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Stored(NamedTuple):
    """A line of the store."""

    time: bytes
    source: bytes
    message: bytes


def stored_bytes(directory: Path) -> bytes:
    """Return all text of a store, oldest first; sealed segments before the active one.

    A daemon may be writing, sealing and removing meanwhile.
    """
    while True:
        listed = _sealed(directory)
        active, number = _active(directory)
        # A segment may be compressed or removed before it is read.
        with contextlib.suppress(FileNotFoundError):
            # In the middle of a rotation the active segment has a sealed name as well.
            sealed = [path for path in listed if path.stat().st_ino != number]
            # Otherwise the text of the active segment may be missing or doubled.
            if listed == _sealed(directory):
                names = sorted({path.name.removesuffix(".zst") for path in sealed})
                return b"".join([_text_of(directory / name) for name in names]) + active


def _sealed(directory: Path) -> set[Path]:
    return {*directory.glob("[0-9]*-*.log"), *directory.glob("[0-9]*-*.log.zst")}


def _active(directory: Path) -> tuple[bytes, int]:
    """Return the text of the active segment, and the inode number of its file."""
    try:
        with (directory / "current.log").open("rb") as file:
            return file.read(), os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return b"", 0


def _text_of(segment: Path) -> bytes:
    with contextlib.suppress(FileNotFoundError), Path(f"{segment}.zst").open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
    return segment.read_bytes()


def size_of(directory: Path) -> int:
    """Return the bytes of a store on disk; a daemon may be writing, sealing and removing meanwhile."""
    total = 0
    for path in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def stored_lines(directory: Path) -> list[Stored]:
    """Return every line of a store. Raises AssertionError for one without the stored format."""
    text = stored_bytes(directory)
    lines = []
    for line in text.split(b"\n")[:-1]:
        parts = line.split(b" ", 2)
        assert len(parts) == 3, f"not TIME SOURCE MESSAGE: {line[:200]!r}"
        assert TIME.fullmatch(parts[0]), f"not a time: {line[:200]!r}"
        lines.append(Stored(*parts))
    return lines


def messages(directory: Path) -> list[bytes]:
    """Return the messages of all lines, in the order of the store."""
    return [line.message for line in stored_lines(directory)]


def by_source(directory: Path) -> dict[bytes, list[bytes]]:
    """Return the messages of each source, in the order of the store."""
    found: dict[bytes, list[bytes]] = defaultdict(list)
    for line in stored_lines(directory):
        found[line.source].append(line.message)
    return dict(found)


def numbered(connection: int, count: int) -> bytes:
    """Return `count` lines, each with its connection and its number."""
    return b"".join(b"%d %d %s\n" % (connection, number, b"x" * 60) for number in range(count))


def assert_whole(messages: list[bytes], complete: bool = True) -> None:
    """Demand that messages are the lines of one connection from the first on, each whole, once, in order.

    Unless `complete`, the last one may be cut off by a kill at any byte.
    """
    for position, message in enumerate(messages):
        whole = b"%s %d %s" % (messages[0].split(b" ")[0], position, b"x" * 60)
        if complete or position < len(messages) - 1:
            assert message == whole
        else:
            assert whole.startswith(message)
