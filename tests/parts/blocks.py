"""Blocks as an edge makes them, of a text of its own, and who sends them."""

import http.client
import random
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import zstandard

from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.store.packed_block import PackedBlock
from logsrv.linelog.store.segment import Position

SEGMENT = 1 << 20


def stored_lines(origin: str, count: int, *, first: int = 0, size: int = 150) -> bytes:
    """Lines as a store has them; each is another one."""
    chance = random.Random(f"{origin} {first}")
    return b"".join(
        b"%s tcp:10.0.0.7:51%03d <%s %d>%s\n"
        % (
            rfc3339(1_800_000_000 + number / 1000).encode(),
            number % 1000,
            origin[:4].encode(),
            number,
            chance.randbytes(chance.randint(0, size) // 2).hex().encode(),
        )
        for number in range(first, first + count)
    )


def packed(text: bytes, frame: int = 1 << 20) -> bytes:
    """The frames of a text."""
    pack = zstandard.ZstdCompressor(write_checksum=True, write_content_size=True).compress
    return b"".join(pack(text[at : at + frame]) for at in range(0, len(text), frame))


def block_of(
    origin: str, text: bytes, start: Position, after: Position | None, gap: str = ""
) -> PackedBlock:
    """The block of a text at a place."""
    end = Position(start.segment, start.offset + len(text))
    return PackedBlock(origin, start, end, after, zlib.crc32(text), packed(text), gap)


class Edge:
    """A store of an edge. text: all of it; its segments are of SEGMENT bytes, or a line more."""

    def __init__(self, origin: str, text: bytes, segment: int = SEGMENT) -> None:
        self.origin = origin
        self.text = text
        self._starts: list[int] = [0]
        while self._starts[-1] < len(text):
            at = text.find(b"\n", self._starts[-1] + segment) + 1
            self._starts.append(at or len(text))

    def offset(self, place: Position | None) -> int:
        """How many bytes of the text are before a place."""
        return 0 if place is None else self._starts[place.segment - 1] + place.offset

    def next(self, after: Position | None, most: int, chance: random.Random) -> PackedBlock | None:
        """The block behind a place, of at most so many bytes or a line more; None at the end."""
        at = self.offset(after)
        if at >= len(self.text):
            return None
        number = next(n for n, start in enumerate(self._starts) if start > at)
        start = Position(number, at - self._starts[number - 1])
        stop = min(self._starts[number], at + chance.randint(1, most))
        stop = self.text.index(b"\n", stop - 1) + 1
        return block_of(self.origin, self.text[at:stop], start, after)


class Answered(NamedTuple):
    """An answer of a centre; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def place(self) -> str | None:
        return self.headers.get("logsrv-to")


class Sender:
    """A connection to a centre, with a token."""

    def __init__(self, port: int, token: str | None = "geheim") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._token = {} if token is None else {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answered:
        self._request(method, path, body, **headers)
        return self.answered()

    def _request(self, method: str, path: str, body: bytes | None, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, {**self._token, **named})

    def answered(self) -> Answered:
        """Wait for the answer to what was posted."""
        answer = self._connection.getresponse()
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Answered(answer.status, found, answer.read())

    def place(self, origin: str) -> Answered:
        return self.ask("GET", f"/blocks/{origin}")

    def send(self, block: PackedBlock, **headers: str) -> Answered:
        self.post(block, **headers)
        return self.answered()

    def post(self, block: PackedBlock, **headers: str) -> None:
        """Send a block without waiting for the answer."""
        named = {"Content_Encoding": "zstd", **block.headers(), **headers}
        self._request("POST", "/blocks", block.packed, **named)

    def close(self) -> None:
        self._connection.close()


def blocks(edge: Edge, most: int, seed: int = 1) -> Iterator[PackedBlock]:
    """All blocks of an edge."""
    chance, after = random.Random(seed), None
    while (block := edge.next(after, most, chance)) is not None:
        yield block
        after = block.end
