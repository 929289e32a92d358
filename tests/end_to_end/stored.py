"""Reading a store from outside, with nothing of ours: what an operator's own script would see."""

from __future__ import annotations

import contextlib
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
    """All that a store holds, oldest first; sealed segments before the active one."""
    text = b""
    segments = {path.name.split(".log")[0]: path for path in directory.glob("[0-9]*-*.log")}
    segments |= {path.name.split(".log")[0]: path for path in directory.glob("[0-9]*-*.log.zst")}
    for _, path in sorted(segments.items()):
        if path.suffix == ".zst":
            with path.open("rb") as file:
                text += (
                    zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
                )
        else:
            text += path.read_bytes()
    active = directory / "current.log"
    return text + (active.read_bytes() if active.exists() else b"")


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
