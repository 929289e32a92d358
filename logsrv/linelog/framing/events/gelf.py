"""GELF: JSON objects are stored as such, all else as text; over streams a NUL ends each (sans-IO)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from logsrv.linelog.batch import Block
from logsrv.linelog.framing.bodies.bodies import parsed
from logsrv.linelog.framing.bodies.json_text import objects_as_they_stand, one_line
from logsrv.linelog.framing.lines.lines import LineFramer
from logsrv.linelog.framing.lines.records import RecordRun, in_runs, without_ending
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, for_frames

_SPACE = b" \t\r\n"


Pieces: TypeAlias = list[RecordRun | Block]


def runs(messages: Sequence[bytes], most: int) -> list[RecordRun]:
    """Return messages as records, in their order: JSON objects, each on one line, or text.

    most: bytes that a JSON object may have; a longer one is text.
    """
    if objects_as_they_stand(b"\n".join(messages), most) == len(messages):
        return [RecordRun(list(messages), True)]
    lines = ((message, _object(message, most)) for message in messages)
    return list(
        in_runs(
            (without_ending(message), False) if line is None else (line, True)
            for message, line in lines
        )
    )


def texts(found: Iterable[RecordRun | Block]) -> int:
    """Count the records that are text and not empty."""
    return sum(
        len(one.lines) - one.lines.count(b"")
        for one in found
        if isinstance(one, RecordRun) and not one.structured
    )


def _object(message: bytes, most: int) -> bytes | None:
    """Return a JSON object on one line, or None for anything else."""
    if len(message) > most or not message.lstrip(_SPACE).startswith(b"{"):
        return None
    try:
        parsed(message)
    except ValueError:
        return None
    line = one_line(message)
    return line if len(line) <= most else None


class GelfFramer:
    """The framer of one connection: bytes in with `receive` and `finish`; runs out, and blocks of lines.

    Those are what is longer than `most` bytes: text, which is dealt with as it comes and by `rules`. So no
    more than `most` bytes are held.
    long_texts: how many of those there were.
    """

    __slots__ = ("_held", "_in_long", "_lines", "_most", "_raw", "long_texts")

    def __init__(self, rules: LineRules, counts: LineCounts, most: int) -> None:
        self._most = most
        self._raw = rules.raw
        self._held = bytearray()
        self._lines = LineFramer(for_frames(rules), counts)
        self._in_long = False
        self.long_texts = 0

    @property
    def held(self) -> int:
        """Return how many bytes wait for the rest of their message."""
        return len(self._held)

    @property
    def closing(self) -> str | None:
        """Return why the connection has to be closed, one sentence, or None."""
        return self._lines.closing

    def receive(self, data: bytes) -> Pieces:
        """Return what is complete with `data`; never raises on account of the bytes."""
        *messages, rest = data.split(b"\0")
        pieces: Pieces = []
        whole: list[bytes] = []
        for message in messages:
            if self._held:
                message = bytes(self._held) + message
                self._held.clear()
            if self._in_long or len(message) > self._most:
                self._finish_runs(whole, pieces)
                self._long(message, pieces)
                self._in_long = False
                self._add(self._lines.receive(b"\n"), pieces)
            else:
                whole.append(message)
        self._finish_runs(whole, pieces)
        self._begin(rest, pieces)
        return pieces

    def finish(self) -> Pieces:
        """Return what is unfinished: the connection has closed, nothing follows."""
        pieces: Pieces = []
        if self._held:
            self._finish_runs([bytes(self._held)], pieces)
            self._held.clear()
        self._add(self._lines.finish(), pieces)
        return pieces

    def _begin(self, rest: bytes, pieces: Pieces) -> None:
        """Take the beginning of a message, or more of it."""
        if self._in_long:
            self._long(rest, pieces)
            return
        self._held += rest
        if len(self._held) > self._most:
            self._long(bytes(self._held), pieces)
            self._held.clear()

    def _long(self, part: bytes, pieces: Pieces) -> None:
        """Take part of a message that is too long, so that the framer of lines sees no ending in it."""
        if not self._in_long:
            self._in_long = True
            self.long_texts += 1
        part = part.replace(b"\n", rb"\x0a")
        self._add(self._lines.receive(part if self._raw else part.replace(b"\r", rb"\x0d")), pieces)

    def _finish_runs(self, whole: list[bytes], pieces: Pieces) -> None:
        pieces += runs(whole, self._most)
        whole.clear()

    @staticmethod
    def _add(block: Block | None, pieces: Pieces) -> None:
        if block is not None:
            pieces.append(block)
