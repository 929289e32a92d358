"""Sealing: its speed, the size of the word index, and the number of frames that a search reads.

    python -m bench.sealing                       # a mix of all texts, 256 MiB in one segment
    python -m bench.sealing --kind json --kind uuids --megabytes 64 --runs 5

Speeds are MB of text per CPU second of all threads, the median of the runs. Runs with and without words
take turns, because the speed of a machine changes. Searches are for texts that are in one frame, or in
none; the figure is the number of frames that the index names.
"""

from __future__ import annotations

import argparse
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import attrs

from bench.texts import KINDS, pages
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Segment
from logsrv.linelog.store.words.lookup import WordIndex
from logsrv.memory import keep_freed_memory

SPEED_BAR = 100.0
SIZE_BAR = 15.0
NAME = "0000000001-20261120T000000Z.log"
ABSENT = {
    "word": b"quetzalcoatl",
    "id": b"4bf92f3577b34da6",
    "uuid": b"7f3a9c1e-5b2d-4e8f-a6c0-91d2e3f4a5b6",
    "address": b"198.51.100.77",
}
_ID = re.compile(rb"[0-9a-f]{16,32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@attrs.frozen
class Sealing:
    """A sealing. speed: MB of text per CPU second. compressed: bytes. words: the word index,
    b"" without.
    """

    speed: float
    compressed: int
    words: bytes


def sealing(text: Path, directory: Path, *, with_words: bool) -> Sealing:
    """Seal a text as a segment, and remove it again."""
    (directory / NAME).hardlink_to(text)
    disk = Disk().open_directory(directory)
    segment = Segment(1, NAME, Form.PLAIN)
    try:
        before = _cpu()
        made = seal(segment, disk, with_words=with_words)
        taken = _cpu() - before
        words = directory / segment.words
        return Sealing(
            made.text / 1e6 / taken,
            made.compressed,
            words.read_bytes() if words.exists() else b"",
        )
    finally:
        for name in (segment.name, segment.packed, segment.index, segment.words):
            disk.unlink(name)
        disk.close()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def frames_read(words: WordIndex, literal: bytes) -> str:
    """Return the number of frames that a search for the literal reads, and the time to find that out."""
    begun = time.perf_counter()
    found = words.frames_with(literal)
    taken = (time.perf_counter() - begun) * 1e3
    return f"{'all' if found is None else found.bit_count()} in {taken:.2f} ms"


def report(kind: str, megabytes: int, runs: int, directory: Path) -> None:
    """Measure a kind of text and print it."""
    text = directory / "text"
    with text.open("wb") as file:
        for page in islice(pages(kind), megabytes):
            file.write(page)
    turns = [
        [sealing(text, directory, with_words=wanted) for wanted in (False, True)]
        for _ in range(runs)
    ]
    without, with_words = zip(*turns, strict=True)
    last = with_words[-1]
    speed = statistics.median(one.speed for one in with_words)
    part = 100 * len(last.words) / last.compressed
    print(
        f"{kind}: {statistics.median(one.speed for one in without):.0f} MB/s without,"
        f" {speed:.0f} with words ({_met(speed >= SPEED_BAR)} {SPEED_BAR:.0f});"
        f" index {part:.1f} % ({_met(part <= SIZE_BAR)} {SIZE_BAR:.0f})"
    )
    if last.words:
        words = WordIndex(last.words)
        looked_for = dict(ABSENT)
        if found := _ID.search(text.read_bytes()[1 << 20 :]):
            looked_for["an id that is there"] = found[0]
        for name, literal in looked_for.items():
            print(f"  {name}: {frames_read(words, literal)}, of {words.frames} frames")
    text.unlink()


def _met(met: bool) -> str:
    return "bar met:" if met else "bar NOT met:"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure sealing with and without a word index.")
    parser.add_argument(
        "--kind", choices=KINDS, action="append", help="repeatable; the default is mix"
    )
    parser.add_argument("--megabytes", type=int, default=256, help="in MiB; the default is 256")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args(arguments)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as directory:
        for kind in given.kind or ["mix"]:
            report(kind, given.megabytes, given.runs, Path(directory))


if __name__ == "__main__":
    main()
