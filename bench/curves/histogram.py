"""Histograms by level: CPU time over the size of a store, counted from its indexes or by reading its text.

Each is a new process. With steps of ten minutes the indexes are enough: a GiB of text covers seven
minutes. With steps of ten milliseconds nearly each frame overlaps several steps, and must be read.
"""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

from bench.curves.curve import Curve
from bench.search import LOGSRV, run
from bench.stores import make
from bench.texts import pages
from logsrv.linelog.fields.level_numbers import level_numbers
from logsrv.memory import keep_freed_memory

SEGMENT_MIB = 64
RUNS = 3


def _cpu(size: int, directory: Path, *arguments: str) -> float:
    """Return the CPU seconds of a command on a store of `size` MiB of text."""
    store = directory / f"mix-{size}"
    if not store.exists():
        make(store, size // SEGMENT_MIB, SEGMENT_MIB)
    words = [str(LOGSRV), "search", "--directory", str(store), *arguments]
    took = [run(words) for _ in range(RUNS)]
    if b'"count"' not in took[0].output:
        raise RuntimeError(f"{words} prints no numbers")
    return min(one.cpu for one in took)


def coarse(size: int, directory: Path) -> float:
    """Return the CPU seconds of a histogram by level with steps longer than the frames."""
    return _cpu(size, directory, "--histogram", "--every", "10m", "--output", "json")


def of_errors(size: int, directory: Path) -> float:
    """Return the CPU seconds of the same histogram for the lines of one level."""
    return _cpu(size, directory, "--histogram", "--every", "10m", "--output", "json", "level=error")


def fine(size: int, directory: Path) -> float:
    """Return the CPU seconds of a histogram by level that has to read all text."""
    return _cpu(size, directory, "--histogram", "--every", "10ms", "--output", "json")


def levels(size: int, directory: Path) -> float:
    """Return the CPU seconds of counting the levels in `size` MiB of lines, which is a part of sealing."""
    keep_freed_memory()
    texts = list(islice(pages(), size))
    best = float("inf")
    for _ in range(RUNS):
        begin = time.process_time()
        for text in texts:
            level_numbers(text)
        best = min(best, time.process_time() - begin)
    return best


SIZES, SHORT = (256, 512, 1024, 2048), (64, 128, 192, 256)
CURVES = (
    Curve("histogram-coarse", "MiB of text", "CPU s", SIZES, SHORT, coarse, 0.4, {2048: 0.6}, 0.2),
    Curve(
        "histogram-error", "MiB of text", "CPU s", SIZES, SHORT, of_errors, 0.4, {2048: 0.6}, 0.2
    ),
    Curve("histogram-fine", "MiB of text", "CPU s", SIZES, SHORT, fine, 1.1, {1024: 14}),
    Curve(
        "histogram-levels",
        "MiB of text",
        "CPU s",
        (24, 48, 72, 96),
        (4, 8, 16, 24),
        levels,
        1.1,
        {96: 0.3},
    ),
)
