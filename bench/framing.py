"""The cost of framing: CPU microseconds per chunk for each kind of input, best of several runs.

python -m bench.framing [KIB]

KIB: the size of a chunk, default 64; a busy connection receives 256 KiB at a time. The bar for the most
expensive mixture of garbage is 2 ms per 64 KiB.
"""

from __future__ import annotations

import random
import sys
import time
import timeit
from collections.abc import Callable

import attrs

from logsrv.linelog.lines.datagrams import frame_datagrams
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize

CHUNKS = 40
RULES = LineRules(max_line=64 * 1024)
MIXTURES = 100
ODD = (
    b"\xff", b"\xff\xff", b"\xff\xfa", b"\xff\xfa\x1f", b"\xff\xfa\xff", b"\xff\xf0", b"\xff\xf6",
    b"\xff\xfd\x07", b"\xff\xfb\xff", b"\xfa", b"\xfd", b"\r", b"\r\0", b"\r\n", b"\n", b"\0", b"\x1b",
    b"\x80", b"\xc2", b"\xc2\x9b", b"\xed\xa0", b"\xe2\x80\xa8", b"\xf0", "é🙂".encode(), b"x",
)  # fmt: skip


def stream(size: int, line: bytes, every_hundredth: bytes | None = None) -> list[bytes]:
    """Return CHUNKS chunks of `size` bytes, cut like TCP: anywhere, each at a different place of a line."""
    lines = [line] * 100
    if every_hundredth is not None:
        lines[50] = every_hundredth
    period = b"".join(lines)
    data = period * (size * CHUNKS // len(period) + 1)
    return [data[i * size : (i + 1) * size] for i in range(CHUNKS)]


def microseconds(work: Callable[[], object], pieces: int) -> float:
    """Return the CPU microseconds per piece, the best of seven runs."""
    return min(timeit.repeat(work, timer=time.thread_time, number=1, repeat=7)) / pieces * 1e6


def through(chunks: list[bytes], rules: LineRules) -> Callable[[], None]:
    def work() -> None:
        framer = LineFramer(rules, LineCounts())
        for chunk in chunks:
            framer.receive(chunk)
            framer.take_answers()

    return work


def datagrams(payloads: list[bytes]) -> Callable[[], object]:
    return lambda: frame_datagrams(payloads, RULES, LineCounts())


def mixture(size: int, noise: random.Random) -> bytes:
    """Return a chunk made of random members of ODD, some much more frequent than others."""
    kinds = noise.sample(ODD, noise.randint(1, len(ODD)))
    weights = [noise.random() ** 3 + 0.01 for _ in kinds]
    return b"".join(noise.choices(kinds, weights, k=size))[:size]


def inputs(size: int) -> dict[str, list[bytes]]:
    noise = random.Random(1)
    ascii_line = b"x" * 99 + b"\n"
    return {
        "ASCII, LF": stream(size, ascii_line),
        "ASCII, CR LF": stream(size, b"x" * 98 + b"\r\n"),
        "UTF-8, Cyrillic": stream(size, ("Привет, мир! " * 4).encode() + b"\n"),
        "UTF-8, Chinese": stream(size, ("日志记录一行" * 5).encode() + b" 2026\n"),
        "UTF-8, French": stream(
            size, "« Température : 21 °C », à l'été, où c'est noté ici\n".encode()
        ),
        "UTF-8, Cyrillic, CR LF": stream(size, ("Привет, мир! " * 4).encode() + b"\r\n"),
        "UTF-8, quotes": stream(size, "„Größe“ – für “Übung” — und … mehr\n".encode()),
        "a control in 1 of 100 lines": stream(
            size, ascii_line, b"x" * 49 + b"\x1b" + b"x" * 49 + b"\n"
        ),
        "a C1 control in 1 of 100 lines": stream(size, ascii_line, b"x" * 97 + b"\xc2\x9b\n"),
        "a bad byte in 1 of 100 lines": stream(size, ascii_line, b"x" * 98 + b"\xe9\n"),
        "Latin-1, German": stream(
            size, "Größe für Übungsräume höher, äußerst schön\n".encode("latin-1")
        ),
        "random bytes": [noise.randbytes(size) for _ in range(CHUNKS)],
        "Telnet DO, nothing else": stream(size, b"\xff\xfd\x01" * 33),
        "no line ending at all": stream(size, b"x" * 100),
        "20-byte lines": stream(size, b"x" * 19 + b"\n"),
    }


def main(size: int) -> None:
    for name, chunks in inputs(size).items():
        print(f"{microseconds(through(chunks, RULES), CHUNKS):8.1f}  {name}")
    noise = random.Random(2)
    mixtures = [mixture(size, noise) for _ in range(MIXTURES)]
    dearest = max(microseconds(through([chunk], RULES), 1) for chunk in mixtures)
    print(f"{dearest:8.1f}  the dearest of {MIXTURES} mixtures of garbage")
    ascii_chunks = stream(size, b"x" * 99 + b"\n")
    raw = attrs.evolve(RULES, raw=True)
    print(f"{microseconds(through(ascii_chunks, raw), CHUNKS):8.1f}  raw")
    for oversize in Oversize:
        rules = attrs.evolve(RULES, max_line=80, oversize=oversize)
        print(
            f"{microseconds(through(ascii_chunks, rules), CHUNKS):8.1f}  all too long, {oversize}"
        )
    for small_size in (1, 100, 1000):
        data = b"".join(ascii_chunks[:2])
        small = [data[i : i + small_size] for i in range(0, len(data), small_size)]
        print(f"{microseconds(through(small, RULES), 2):8.1f}  ASCII in chunks of {small_size}")
    payloads = [b"x" * 100] * 655
    print(f"{microseconds(datagrams(payloads), 1):8.1f}  655 datagrams")
    ended = [payload + b"\n" for payload in payloads]
    print(f"{microseconds(datagrams(ended), 1):8.1f}  655 datagrams, each with LF")


if __name__ == "__main__":
    main(int(sys.argv[1] if len(sys.argv) > 1 else 64) * 1024)
