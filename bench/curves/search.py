"""Searches: CPU time over the number of small segments and over the text, and an expression beside ripgrep.

Each search is a new process, as a user starts it; a third of the time of the quickest is the start of
Python. Small segments have 5 KiB of text, because only their number matters.
"""

from __future__ import annotations

import shlex
import shutil
from functools import partial
from pathlib import Path

from bench.curves.curve import Curve, Missing
from bench.search import LOGSRV, run
from bench.stores import ABSENT, WORD, make, make_small
from bench.texts import EPOCH
from logsrv.kit.text.time import rfc3339

KILOBYTES = 5
SEGMENT_MIB = 64
RUNS = 3
EXPRESSION = r"user=(ann|eve) status=\d+ took=\d*7\b"
SINCE = rfc3339(EPOCH / 1e6 - 1800)


def _searched(directory: Path, command: str, *arguments: str) -> float:
    """Return the CPU milliseconds of a command that reads a store."""
    words = [str(LOGSRV), command, "--directory", str(directory), *arguments]
    return min(run(words).cpu for _ in range(RUNS)) * 1e3


def small(size: int, directory: Path, *, command: tuple[str, ...]) -> float:
    """Return the CPU milliseconds of a command on a store of `size` small segments."""
    store = directory / f"small-{size}"
    if not store.exists():
        make_small(store, size, KILOBYTES)
    return _searched(store, *command)


def word(size: int, directory: Path) -> float:
    """Return the CPU milliseconds of a search for a rare word in `size` MiB of text."""
    store = directory / f"mix-{size}"
    if not store.exists():
        make(store, size // SEGMENT_MIB, SEGMENT_MIB)
    return _searched(store, "search", "-c", WORD)


def expression(size: int, directory: Path) -> float:
    """Return the time of a search by an expression with a frequent literal, divided by that of `zstdcat |
    rg`.
    """
    if missing := [name for name in ("rg", "zstdcat") if shutil.which(name) is None]:
        raise Missing(f"{' and '.join(missing)} not on PATH (Debian: apt-get install ripgrep zstd)")
    store = directory / f"requests-{size}"
    if not store.exists():
        make(store, size // SEGMENT_MIB, SEGMENT_MIB, "requests")
    ours = [str(LOGSRV), "search", "--directory", str(store), "-c", f"/{EXPRESSION}/"]
    files = " ".join(shlex.quote(str(file)) for file in sorted(store.glob("*.zst")))
    theirs = ["sh", "-c", f"zstdcat {files} | rg -c {shlex.quote(EXPRESSION)}"]
    took = [(run(ours), run(theirs)) for _ in range(RUNS)]
    if took[0][0].output != took[0][1].output:
        raise RuntimeError(f"logsrv finds {took[0][0].output!r}, ripgrep {took[0][1].output!r}")
    return min(one.seconds for one, _ in took) / min(other.seconds for _, other in took)


SIZES, SHORT = (10, 100, 1000, 5000, 20_000), (10, 50, 200, 1000)
TEXT, SHORT_TEXT = (64, 256, 1024, 2048), (64, 128, 192, 256)
_SMALL = {
    "absent": ("search", "-c", ABSENT),
    "since": ("search", "-c", "--since", SINCE),
    "tail": ("tail", "-n", "10"),
    "show": ("show", "1:0"),
}
CURVES = (
    *(
        Curve(
            f"search-{name}",
            "small segments",
            "CPU ms",
            SIZES,
            SHORT,
            partial(small, command=command),
            0.4,
            {20_000: 500},
            floor=50,
        )
        for name, command in _SMALL.items()
    ),
    Curve(
        "search-word", "MiB of text", "CPU ms", TEXT, SHORT_TEXT, word, 0.4, {2048: 150}, floor=30
    ),
    Curve(
        "search-expression",
        "MiB of text",
        "of zstdcat and rg's time",
        TEXT,
        SHORT_TEXT,
        expression,
        0.1,
        {1024: 0.77, 2048: 0.77},
        floor=0.1,
    ),
)
