"""Lines of a fixed-width medium: wrap prose, never drawings and tables. Sans-IO.

Gopher texts have drawings and tables made of characters: wrapping destroys them, but prose that never wraps
cannot be read in a narrow window. So each run of lines gets a shape:

    drawing   mostly punctuation: never wrapped
    table     words in columns: never wrapped
    prose     anything else: wrapped where the window is too narrow
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

Shape = Literal["drawing", "table", "prose"]

TAB = 8

_COLUMNS = re.compile(r"\S(?: {3,}|\t)\S")
# The empty line before a paragraph.
_BEFORE_PARAGRAPH = re.compile(r"\n[^\S\n]*\n(?=[^\S\n]*\S)")
# Only the first paragraphs, up to this number, get a shape; the rest counts as prose. 2 MiB of real prose
# has fewer.
_MOST_JUDGED = 10_000
_ORDINARY = re.compile(r"[^\W_]")
# A heading is among the first 12 lines, and at most 72 columns long.
_HEADING_LINES = 12
_LONGEST_HEADING = 72
_DECORATION = " \t*=-_#~+|:·•—–"
_WORD = re.compile(r"[^\W\d_]{2}")


class TextRun(NamedTuple):
    """Consecutive lines of one shape, each with its LF."""

    text: str
    shape: Shape


def cell_count(line: str) -> int:
    """Return the number of terminal cells that the line takes."""
    line = line.expandtabs(TAB)
    if line.isascii():
        return len(line)
    return sum(map(_cells_of_letter, line))


@lru_cache(4096)
def _cells_of_letter(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1


def shape_of(lines: Sequence[str]) -> Shape:
    """Return the shape of the lines of one block."""
    visible = "".join("".join(line.split()) for line in lines)
    ordinary = len(_ORDINARY.findall(visible))
    if len(visible) >= 4 and ordinary < 0.4 * len(visible):
        return "drawing"
    # A gap in one line may be a typing error; gaps in two lines are columns.
    in_columns = sum(bool(_COLUMNS.search(line)) for line in lines)
    return "table" if in_columns > 1 and in_columns * 3 >= len(lines) else "prose"


def split_into_runs(text: str) -> list[TextRun]:
    """Split a text at its empty lines, and join neighbours of the same shape to runs."""
    runs = itertools.groupby(_paragraphs_with_shape(text), lambda judged: judged[1])
    return [TextRun("".join(paragraph for paragraph, _ in run), shape) for shape, run in runs]


def _paragraphs_with_shape(text: str) -> Iterator[tuple[str, Shape]]:
    end = 0
    for paragraph in itertools.islice(_paragraphs(text), _MOST_JUDGED):
        end += len(paragraph)
        yield paragraph, shape_of(paragraph.split("\n"))
    if end < len(text):
        yield text[end:], "prose"


def _paragraphs(text: str) -> Iterator[str]:
    """Yield each paragraph with the empty lines after it; the first piece may be only empty lines."""
    begin = 0
    for found in _BEFORE_PARAGRAPH.finditer("\n" + text):
        end = found.end() - 1
        yield text[begin:end]
        begin = end
    if begin < len(text):
        yield text[begin:]


def find_heading(lines: Iterable[str]) -> str:
    """Return the first line that may be a heading, without decoration such as `===`; "" for none."""
    for number, line in enumerate(lines):
        if number == _HEADING_LINES:
            break
        found = line.strip(_DECORATION)
        if not _WORD.search(found):
            continue
        if cell_count(found) <= _LONGEST_HEADING and shape_of([line.strip()]) == "prose":
            return " ".join(found.split())
        # After a line of prose, all further lines are text.
        if shape_of([line]) == "prose":
            break
    return ""
