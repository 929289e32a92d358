"""Lines split into columns, at spaces or at another byte, and each column coded, for many lines at once.

Arrow takes a fifth of Python's time, but is not always installed, and takes 0.1 s to load.
"""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.forms.pieces import Coder, decode_all
from logsrv.linelog.fields.stored_line import decode_stored

# After so many lines, it pays to load Arrow.
_MANY = 40_000
LONGEST_LINE = csv.field_size_limit()
"""Bytes. Longer lines cannot be split here."""


def split_words(
    text: bytes | bytearray, width: int, wanted: Collection[int]
) -> Mapping[int, CodedField]:
    """Return the wanted columns of lines of so many words, by index.

    text: the lines, with an LF between two. A word that begins with a quote ends with the next one; what is
    behind that belongs to it, too. Lines have no CR, and are not longer than LONGEST_LINE. Raises
    ValueError if one has another number of words.
    """
    return _split(text, width, wanted, " ", '"')


def split_at(
    text: bytes, width: int, wanted: Collection[int], delimiter: int
) -> Mapping[int, CodedField]:
    """Return the same of lines that are split at a byte, with all their quotes."""
    return _split(text, width, wanted, chr(delimiter), None)


def _split(
    text: bytes | bytearray, width: int, wanted: Collection[int], delimiter: str, quote: str | None
) -> Mapping[int, CodedField]:
    if _engine.is_arrow(text):
        return _split_by_arrow(text, width, wanted, delimiter, quote)
    texts = decode_stored(bytes(text)).split("\n")
    rows = csv.reader(
        texts,
        delimiter=delimiter,
        doublequote=False,
        quotechar=quote,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    )
    columns = [*zip(*rows, strict=True)]
    if len(columns) != width:
        raise ValueError(f"{len(columns)} columns instead of {width}")
    coders = {index: Coder() for index in wanted}
    return {
        index: CodedField(coder.codes(columns[index]), [*coder.index])
        for index, coder in coders.items()
    }


class _Engine:
    """Chooses what splits lines."""

    def __init__(self) -> None:
        self._lines = 0

    def is_arrow(self, text: bytes | bytearray) -> bool:
        """Tell whether Arrow splits more lines: if it is loaded, or worth it."""
        if "pyarrow" in sys.modules:
            return True
        self._lines += text.count(b"\n") + 1
        return self._lines > _MANY and importlib.util.find_spec("pyarrow") is not None


_engine = _Engine()


@lru_cache(maxsize=1)
def _arrow() -> tuple[Any, Any]:
    """Load Arrow, and its reader of CSV."""
    import pyarrow.csv

    # Ctrl-C is Python's: the reader would take it, and keep a pipe for it.
    pyarrow.enable_signal_handlers(False)
    return pyarrow, pyarrow.csv


def _split_by_arrow(
    lines: bytes | bytearray,
    width: int,
    wanted: Collection[int],
    delimiter: str,
    quote: str | None,
) -> Mapping[int, CodedField]:
    arrow, arrow_csv = _arrow()
    # The first line is skipped, as a mark of byte order would be there.
    text = b"".join((b"\n", lines, b"\n"))
    names = [*map(str, range(width))]
    kind = arrow.dictionary(arrow.int32(), arrow.binary())
    # One block: then each column is coded once.
    table = arrow_csv.read_csv(
        arrow.BufferReader(text),
        arrow_csv.ReadOptions(
            use_threads=False, skip_rows=1, column_names=names, block_size=len(text) + 1
        ),
        arrow_csv.ParseOptions(
            delimiter=delimiter,
            quote_char=quote or False,
            double_quote=False,
            ignore_empty_lines=False,
        ),
        arrow_csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(names, kind),
            include_columns=[*map(str, wanted)],
        ),
    ).combine_chunks()
    columns = {index: table.column(str(index)).chunk(0) for index in wanted}
    return {
        index: CodedField(column.indices.to_numpy(), decode_all(column.dictionary.to_pylist()))
        for index, column in columns.items()
    }
