"""Values of fields in some of the lines, each piece coded at once, and put together at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy

from logsrv.linelog.columns.coded import CodedField
from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.json import LONGEST_NAME
from logsrv.linelog.fields.stored_line import decode_stored

HEADER, PAIRS, CONTENT = range(3)
"""Where a field is from: a value of the content replaces that of a pair behind it or of the header."""
_MOST_NAMES = 1000
_LONGEST_NAMES = 1 << 20
# If so many of the first values differ, all may do.
_SAMPLE, _MANY_IN_SAMPLE = 64, 56

Convert = Callable[[list[Any]], Sequence[str | None]]
"""What makes texts of different values; None of a value that means that the line lacks the field."""


class Piece(NamedTuple):
    """The values of a field in some lines. codes: the index in `texts`, for each line of `rows`.

    rank: HEADER, PAIRS or CONTENT; less than these for a field under another name. is_list: whether each
    text is JSON of a list.
    """

    rank: int
    rows: Array
    codes: Array
    texts: list[str]
    is_list: bool = False

    def where(self, chosen: Array) -> Piece:
        """Return the piece without the other lines, and without the texts that only these have."""
        used, codes = numpy.unique(self.codes[chosen], return_inverse=True)
        texts = [self.texts[code] for code in used.tolist()]
        return self._replace(rows=self.rows[chosen], codes=codes, texts=texts)


class FieldPieces:
    """The pieces of all fields of a text, but for those called `skip`.

    complete: whether there are no names but these; a text with very many names has those that came first.
    left_out: names whose values have no exact text.
    """

    def __init__(self, skip: Collection[str]) -> None:
        self.skip = frozenset(skip)
        self.complete = True
        self.left_out: set[str] = set()
        self._pieces: dict[str, list[Piece]] = {}
        self._room = _LONGEST_NAMES

    def add(
        self,
        name: str,
        rows: Array,
        values: Sequence[Any],
        rank: int = CONTENT,
        *,
        convert: Convert | None = None,
        is_list: bool = False,
    ) -> None:
        """Add values; without `convert` they are texts, or None. Each different one is converted once."""
        if name in self.skip:
            return
        codes, texts = code_values(values)
        if convert is None and None not in texts:
            self.add_piece(name, Piece(rank, rows, codes, texts, is_list))
        else:
            made = convert(texts) if convert else texts
            self.add_converted(name, rows, codes, made, rank, is_list=is_list)

    def add_converted(
        self,
        name: str,
        rows: Array,
        codes: Array,
        texts: Iterable[str | None],
        rank: int = CONTENT,
        *,
        is_list: bool = False,
    ) -> None:
        """Add coded values whose texts may be missing, or may be the same."""
        if name in self.skip:
            return
        texts = [*texts]
        index: dict[str | None, int] = dict.fromkeys(texts, 0)
        if len(index) < len(texts) or None in index:
            index.pop(None, None)
            index = dict(zip(index, range(len(index)), strict=True))
            codes = numpy.array([index.get(text, -1) for text in texts], numpy.int32)[codes]
            rows, codes = rows[codes >= 0], codes[codes >= 0]
        self.add_piece(
            name, Piece(rank, rows, codes, [text for text in index if text is not None], is_list)
        )

    def add_piece(self, name: str, piece: Piece) -> None:
        """Add a piece that is coded."""
        if not len(piece.rows):
            return
        if name not in self._pieces:
            self._room -= len(name)
            is_long = len(name) > LONGEST_NAME or self._room < 0
            if is_long or len(self._pieces) >= _MOST_NAMES or not is_utf8(name):
                self.complete = False
                return
            self._pieces[name] = []
        self._pieces[name].append(piece)

    def names(self) -> list[str]:
        """Return the names of all fields."""
        return [*self._pieces]

    def pieces(self, name: str, least: int = HEADER) -> list[Piece]:
        """Return the pieces of a field, of this rank or a higher one."""
        return [piece for piece in self._pieces.get(name, ()) if piece.rank >= least]


def is_utf8(text: str) -> bool:
    """Tell whether a text has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def decode_all(values: Sequence[bytes]) -> list[str]:
    """Return bytes of the store, without LFs, as texts; a fourth of the time of each by itself."""
    return decode_stored(b"\n".join(values)).split("\n") if values else []


def decode_present(values: Sequence[bytes], missing: Collection[str] = ("",)) -> list[str | None]:
    """Return the same with None for those that mean a missing field. values: different ones."""
    texts: list[str | None] = [*decode_all(values)]
    for one in missing:
        if one in texts:
            texts[texts.index(one)] = None
    return texts


def code_values(values: Sequence[Any]) -> tuple[Array, list[Any]]:
    """Return the index of each value among the different ones, and these."""
    if len({*values[:_SAMPLE]}) > _MANY_IN_SAMPLE:
        found = [*dict.fromkeys(values)]
        if len(found) == len(values):
            return numpy.arange(len(values), dtype=numpy.int32), found
    coder = Coder()
    coder.add(values)
    return coder.coded()


class Coder:
    """Gives each different value a number."""

    def __init__(self) -> None:
        self._index: defaultdict[Any, int] = defaultdict()
        self._index.default_factory = self._index.__len__
        self._codes: list[Array] = []

    def add(self, values: Sequence[Any]) -> None:
        """Add values."""
        codes = map(self._index.__getitem__, values)
        self._codes.append(numpy.fromiter(codes, numpy.int32, len(values)))

    def coded(self) -> tuple[Array, list[Any]]:
        """Return the number of each value, and the different values."""
        return numpy.concatenate([numpy.zeros(0, numpy.int32), *self._codes]), [*self._index]


def put_together(lines: int, pieces: Sequence[Piece]) -> CodedField | None:
    """Return the field with these pieces; None if a text is also that of a list.

    Of two pieces with a value of the same line, the one of higher rank counts.
    """
    codes: Array = numpy.full(lines, -1, numpy.int32)
    if len(pieces) == 1:
        _, rows, codes_of_rows, texts, is_list = pieces[0]
        codes[rows] = codes_of_rows
        return CodedField(codes, texts, frozenset(range(len(texts) if is_list else 0)))
    index: dict[str | tuple[str], int] = {}
    for piece in sorted(pieces, key=lambda piece: piece.rank):
        keys = [(text,) for text in piece.texts] if piece.is_list else piece.texts
        places = [index.setdefault(key, len(index)) for key in keys]
        codes[piece.rows] = numpy.array(places, numpy.int32)[piece.codes]
    used = numpy.zeros(len(index) + 1, bool)
    used[codes] = True
    known = [*compress(index, used.tolist())]
    codes = numpy.append(used[:-1].cumsum(dtype=numpy.int32) - 1, numpy.int32(-1))[codes]
    lists = frozenset(at for at, key in enumerate(known) if isinstance(key, tuple))
    texts = [key[0] if isinstance(key, tuple) else key for key in known]
    if lists and len({*texts}) < len(texts):
        return None
    return CodedField(codes, texts, lists)
