"""What framing costs: microseconds per 64 KiB chunk for each kind of input, best of several runs.

python bench/framing.py
"""

from __future__ import annotations

import random
import timeit
from collections.abc import Callable

import attrs

from logsrv.linelog.framing.datagrams import frame_datagrams
from logsrv.linelog.framing.lines import LineFramer
from logsrv.linelog.framing.rules import LineCounts, LineRules, Oversize

CHUNK = 64 * 1024
CHUNKS = 40
RULES = LineRules(max_line=64 * 1024)


def stream(line: bytes, every_hundredth: bytes | None = None) -> list[bytes]:
    """CHUNKS chunks as TCP delivers them: cut anywhere, at a different place each time."""
    lines = [line] * 100
    if every_hundredth is not None:
        lines[50] = every_hundredth
    period = b"".join(lines)
    data = period * (CHUNK * CHUNKS // len(period) + 1)
    return [data[i * CHUNK : (i + 1) * CHUNK] for i in range(CHUNKS)]


def microseconds(work: Callable[[], object], pieces: int) -> float:
    """Per piece, the best of seven runs."""
    return min(timeit.repeat(work, number=1, repeat=7)) / pieces * 1e6


def through(chunks: list[bytes], rules: LineRules) -> Callable[[], None]:
    def work() -> None:
        framer = LineFramer(rules, LineCounts())
        for chunk in chunks:
            framer.receive(chunk)
            framer.take_answers()

    return work


def datagrams(payloads: list[bytes]) -> Callable[[], object]:
    return lambda: frame_datagrams(payloads, RULES, LineCounts())


def inputs() -> dict[str, list[bytes]]:
    noise = random.Random(1)
    ascii_line = b"x" * 99 + b"\n"
    return {
        "ASCII, LF": stream(ascii_line),
        "ASCII, CR LF": stream(b"x" * 98 + b"\r\n"),
        "UTF-8, Cyrillic": stream(("Привет, мир! " * 4).encode() + b"\n"),
        "UTF-8, Chinese": stream(("日志记录一行" * 5).encode() + b" 2026\n"),
        "UTF-8, French": stream("« Température : 21 °C », à l'été, où c'est noté ici\n".encode()),
        "a control in 1 of 100 lines": stream(ascii_line, b"x" * 49 + b"\x1b" + b"x" * 49 + b"\n"),
        "a C1 control in 1 of 100 lines": stream(ascii_line, b"x" * 97 + b"\xc2\x9b\n"),
        "a bad byte in 1 of 100 lines": stream(ascii_line, b"x" * 98 + b"\xe9\n"),
        "Latin-1, German": stream("Größe für Übungsräume höher, äußerst schön\n".encode("latin-1")),
        "random bytes": [noise.randbytes(CHUNK) for _ in range(CHUNKS)],
        "Telnet DO, nothing else": stream(b"\xff\xfd\x01" * 33),
        "no line ending at all": stream(b"x" * 100),
        "20-byte lines": stream(b"x" * 19 + b"\n"),
    }


def main() -> None:
    for name, chunks in inputs().items():
        print(f"{microseconds(through(chunks, RULES), CHUNKS):8.1f}  {name}")
    ascii_chunks = stream(b"x" * 99 + b"\n")
    raw = attrs.evolve(RULES, raw=True)
    print(f"{microseconds(through(ascii_chunks, raw), CHUNKS):8.1f}  raw")
    for oversize in Oversize:
        rules = attrs.evolve(RULES, max_line=80, oversize=oversize)
        print(
            f"{microseconds(through(ascii_chunks, rules), CHUNKS):8.1f}  all too long, {oversize}"
        )
    for size in (1, 100, 1000):
        data = b"".join(ascii_chunks[:2])
        small = [data[i : i + size] for i in range(0, len(data), size)]
        print(f"{microseconds(through(small, RULES), 2):8.1f}  ASCII in chunks of {size}")
    payloads = [b"x" * 100] * 655
    print(f"{microseconds(datagrams(payloads), 1):8.1f}  655 datagrams")
    ended = [payload + b"\n" for payload in payloads]
    print(f"{microseconds(datagrams(ended), 1):8.1f}  655 datagrams, each with LF")


if __name__ == "__main__":
    main()
