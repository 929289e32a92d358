"""Sealing: CPU seconds for each GB of text, over the size of a segment, for some kinds of text.

It packs in this process. The daemon starts a process for segments of 16 MiB or more; its start is not
measured.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path

from bench.curves.curve import Curve
from bench.sealing import sealing
from bench.texts import pages
from logsrv.memory import keep_freed_memory

# MiB that are sealed at least: a single small segment is too quick to be measured.
LEAST = 32
SIZES = (1, 4, 16, 64, 256)
SHORT = (1, 2, 4, 8)


def seconds_per_gb(megabytes: int, directory: Path, *, kind: str, with_words: bool) -> float:
    """Return the CPU seconds for a GB of text, sealed in segments of `megabytes` MiB."""
    keep_freed_memory()
    text = directory / "text"
    with text.open("wb") as file:
        for page in islice(pages(kind), megabytes):
            file.write(page)
    rounds = max(1, LEAST // megabytes)
    try:
        made = [sealing(text, directory, with_words=with_words) for _ in range(rounds)]
    finally:
        text.unlink()
    return sum(1000 / one.speed for one in made) / rounds


def _curve(name: str, most: float, kind: str, *, with_words: bool = True) -> Curve:
    measure = partial(seconds_per_gb, kind=kind, with_words=with_words)
    return Curve(name, "MiB", "CPU s/GB", SIZES, SHORT, measure, 0.2, {256: most})


CURVES = (
    _curve("sealing-mix", 18, "mix"),
    _curve("sealing-access", 18, "access"),
    _curve("sealing-json", 18, "json"),
    _curve("sealing-syslog", 18, "syslog"),
    _curve("sealing-without-words", 11, "mix", with_words=False),
)
