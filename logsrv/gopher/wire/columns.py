"""Lines of a fixed-width medium: wrap prose, never drawings and tables. Sans-IO.

Gopher is read in columns: drawings and tables are made of characters. A page that wraps or re-flows
them destroys them, and one that never wraps cannot be read in a narrow window. So each run of lines is
judged:

    drawing   mostly punctuation: never wrapped
    table     words in columns: never wrapped
    prose     anything else: wrapped where the window is too narrow
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal

from logsrv.gopher.wire.value import Value

Shape = Literal["drawing", "table", "prose"]

TAB = 8

_COLUMNS = re.compile(r"\S(?: {3,}|\t)\S")
# The empty line before a paragraph.
_BEFORE_PARAGRAPH = re.compile(r"\n[^\S\n]*\n(?=[^\S\n]*\S)")
# 2 MiB of prose has fewer; of a text made of nothing else the rest is taken as it is, as prose.
_MOST_JUDGED = 10_000
# Beginnings of a line of its own: an indent, a list, a quotation.
_BEGINS = re.compile(r"[\s>|*•·–—+-]|\(?[0-9A-Za-z]{1,3}[.)]\s|\[")
# The narrowest column that somebody broke prose to; shorter lines are verses, addresses, lists.
_NARROWEST = 45
# A paragraph with no line of so many characters, of two cells each at the most, has none that is full.
_MAY_BE_FULL = re.compile(rf".{{{_NARROWEST // 2}}}")
_ORDINARY = re.compile(r"[^\W_]")


class TextRun(Value):
    """Some lines that belong together, each with its LF."""

    text: str
    shape: Shape


def columns(line: str) -> int:
    """Return how many cells of a terminal the line takes."""
    line = line.expandtabs(TAB)
    if line.isascii():
        return len(line)
    return sum(map(_cells, line))


@lru_cache(4096)
def _cells(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1


def shape_of(lines: Sequence[str]) -> Shape:
    """Return the shape of the lines of one block."""
    visible = "".join("".join(line.split()) for line in lines)
    ordinary = len(_ORDINARY.findall(visible))
    if len(visible) >= 4 and ordinary < 0.4 * len(visible):
        return "drawing"
    # A single gap may be a slip of the space bar; two lines with one are columns.
    in_columns = sum(bool(_COLUMNS.search(line)) for line in lines)
    return "table" if in_columns > 1 and in_columns * 3 >= len(lines) else "prose"


def runs_of(text: str) -> list[TextRun]:
    """A text cut where lines are empty, and put together where the shape is the same."""
    runs = itertools.groupby(_judged(text), lambda judged: judged[1])
    return [TextRun("".join(paragraph for paragraph, _ in run), shape) for shape, run in runs]


def _judged(text: str) -> Iterator[tuple[str, Shape]]:
    end = 0
    for paragraph in itertools.islice(_paragraphs(text), _MOST_JUDGED):
        end += len(paragraph)
        yield paragraph, shape_of(paragraph.split("\n"))
    if end < len(text):
        yield text[end:], "prose"


def _paragraphs(text: str) -> Iterator[str]:
    """Yield lines with something in them and the empty ones behind; at the start maybe empty ones alone."""
    begin = 0
    for found in _BEFORE_PARAGRAPH.finditer("\n" + text):
        end = found.end() - 1
        yield text[begin:end]
        begin = end
    if begin < len(text):
        yield text[begin:]


def flowed(prose: str) -> str:
    """Return prose whose lines were broken by hand with each paragraph in one line.

    A line goes on in the next one if it is about as long as the longest of its paragraph.
    """
    return "".join(map(_joined, _paragraphs(prose)))


def _joined(paragraph: str) -> str:
    if not _MAY_BE_FULL.search(paragraph):
        return paragraph
    lines = paragraph.split("\n")
    full = max(_NARROWEST, 0.75 * max(map(columns, lines)))
    joined = lines[:1]
    for line, after in itertools.pairwise(lines):
        goes_on = columns(line.rstrip()) >= full and after.strip() and not _BEGINS.match(after)
        if goes_on:
            joined[-1] = line.rstrip()
        joined += (" " if goes_on else "\n", after)
    return "".join(joined)
