"""Reading a store from outside, with nothing of ours: what an operator's own script would see."""

from __future__ import annotations

import contextlib
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import zstandard

TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Stored(NamedTuple):
    """One line of the store."""

    time: bytes
    source: bytes
    message: bytes


def stored_bytes(directory: Path) -> bytes:
    """All that a store holds, oldest first; sealed segments before the active one.

    A daemon may be writing, sealing and removing meanwhile.
    """
    while True:
        listed = _sealed(directory)
        active, number = _active(directory)
        # One may be compressed or removed before it is looked at.
        with contextlib.suppress(FileNotFoundError):
            # In the middle of a rotation the active one has a sealed name as well.
            sealed = [path for path in listed if path.stat().st_ino != number]
            # Otherwise what was active may be missing, or be there twice.
            if listed == _sealed(directory):
                names = sorted({path.name.removesuffix(".zst") for path in sealed})
                return b"".join([_text_of(directory / name) for name in names]) + active


def _sealed(directory: Path) -> set[Path]:
    return {*directory.glob("[0-9]*-*.log"), *directory.glob("[0-9]*-*.log.zst")}


def _active(directory: Path) -> tuple[bytes, int]:
    """The text of the active segment, and the number of its file."""
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
    """How many bytes a store has; a daemon may be writing, sealing and removing meanwhile."""
    total = 0
    for path in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def stored_lines(directory: Path) -> list[Stored]:
    """Every line of a store; raises AssertionError for one that does not have the stored format."""
    text = stored_bytes(directory)
    lines = []
    for line in text.split(b"\n")[:-1]:
        parts = line.split(b" ", 2)
        assert len(parts) == 3, f"not TIME SOURCE MESSAGE: {line[:200]!r}"
        assert TIME.fullmatch(parts[0]), f"not a time: {line[:200]!r}"
        lines.append(Stored(*parts))
    return lines


def messages(directory: Path) -> list[bytes]:
    """The messages of all lines, in the order of the store."""
    return [line.message for line in stored_lines(directory)]


def by_source(directory: Path) -> dict[bytes, list[bytes]]:
    """The messages of each source, in the order of the store."""
    found: dict[bytes, list[bytes]] = defaultdict(list)
    for line in stored_lines(directory):
        found[line.source].append(line.message)
    return dict(found)


def numbered(connection: int, count: int) -> bytes:
    """`count` lines that say where they belong."""
    return b"".join(b"%d %d %s\n" % (connection, number, b"x" * 60) for number in range(count))


def assert_whole(messages: list[bytes], complete: bool = True) -> None:
    """The messages of one connection are its lines from the first on, each whole, once, in order.

    Unless `complete`, the last may be the beginning of one, wherever a kill cut it off.
    """
    for position, message in enumerate(messages):
        whole = b"%s %d %s" % (messages[0].split(b" ")[0], position, b"x" * 60)
        if complete or position < len(messages) - 1:
            assert message == whole
        else:
            assert whole.startswith(message)
