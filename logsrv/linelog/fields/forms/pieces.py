"""Values of fields in some of the lines, each piece coded at once, and put together at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import compress, count
from typing import Any, NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.forms.wanted_names import WantedNames
from logsrv.linelog.fields.json_values import LONGEST_NAME
from logsrv.linelog.fields.known_keys import may_tell_level
from logsrv.linelog.fields.stored_line import decode_stored

HEADER, PAIRS, CONTENT = range(3)
"""Where a field is from: a value of the content replaces that of a pair behind it or of the header."""
_MOST_NAMES = 1000
_LONGEST_NAMES = 1 << 20

Convert = Callable[[list[Any]], Sequence[str | None]]
"""What makes texts of different values; None of a value that means that the line lacks the field."""


class Piece(NamedTuple):
    """The values of a field in some lines. codes: those of `coder`, for each line of `rows`.

    rank: HEADER, PAIRS or CONTENT; less than these for a field under another name. coder: that of the
    field, in which a list is `(text,)`. has_lists: whether there may be some.
    """

    rank: int
    rows: Array
    codes: Array
    coder: Coder
    has_lists: bool = False

    def where(self, chosen: Array) -> Piece:
        """Return the piece without the other lines."""
        return self._replace(rows=self.rows[chosen], codes=self.codes[chosen])


class FieldPieces:
    """The pieces of all fields of a text, but for those called `skip`; or of wanted ones only.

    complete: whether there are no names but these; a text with very many names has those that came first,
    and those of `sources`, of which other fields are made. left_out: names whose values have no exact text.
    objects: the lines whose contents are JSON objects. events: the numbers of lines of CEF and LEEF.
    """

    def __init__(
        self,
        skip: Collection[str] = (),
        wanted: WantedNames | None = None,
        sources: Collection[str] = (),
    ) -> None:
        self._skip = frozenset(skip)
        self._sources = sources
        self.wanted = wanted
        self.complete = True
        self.left_out: set[str] = set()
        self.events: list[Array] = []
        self.objects: Array = numpy.zeros(0, bool)
        self._pieces: dict[str, list[Piece]] = {}
        self._coders: defaultdict[str, Coder] = defaultdict(Coder)
        self._room = _LONGEST_NAMES

    def wants(self, name: str) -> bool:
        """Tell whether the values of a field are to be added."""
        return name not in self._skip if self.wanted is None else name in self.wanted.names

    def add(
        self,
        name: str,
        rows: Array,
        values: Sequence[Any],
        rank: int = CONTENT,
        *,
        convert: Convert | None = None,
        is_list: bool = False,
        missing: str | None = None,
    ) -> None:
        """Add values; without `convert` they are texts, or None. Each different one is converted once.

        missing: a text that says that the line lacks the field.
        """
        if not self._may_add(name, rows):
            return
        if convert or is_list:
            coder = Coder()
            codes = coder.codes(values)
            different = [*coder.index]
            texts = convert(different) if convert else different
            self.add_converted(name, rows, codes, texts, rank, is_list=is_list)
        else:
            coder = self._coders[name]
            self._add_coded(name, Piece(rank, rows, coder.codes(values), coder), missing)

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
        if self._may_add(name, rows):
            coder = self._coders[name]
            table = coder.codes([text and (text,) for text in texts] if is_list else [*texts])
            self._add_coded(name, Piece(rank, rows, table[codes], coder, is_list), None)

    def _may_add(self, name: str, rows: Array) -> bool:
        if not self.wants(name) or not len(rows):
            return False
        if name not in self._pieces:
            self._room -= len(name)
            is_full = len(self._pieces) >= _MOST_NAMES or self._room < 0
            if (is_full and not self._is_source(name)) or not is_possible(name):
                self.complete = False
                return False
            self._pieces[name] = []
        return True

    @property
    def has_sources(self) -> bool:
        """Return whether no field is left out of which others, or levels, are made."""
        return self.complete or bool(self._sources)

    def _is_source(self, name: str) -> bool:
        """Return whether other fields, or levels, are made of a field."""
        return bool(self._sources) and (name in self._sources or may_tell_level(name))

    def _add_coded(self, name: str, piece: Piece, missing: str | None) -> None:
        for one in {None, missing} & piece.coder.index.keys():
            piece = piece.where(piece.codes != piece.coder.index[one])
        if len(piece.rows):
            self._pieces[name].append(piece)

    def names(self) -> list[str]:
        """Return the names of all fields."""
        return [*self._pieces]

    def pieces(self, name: str, least: int = HEADER, most: int = CONTENT) -> list[Piece]:
        """Return the pieces of a field, of these ranks."""
        return [piece for piece in self._pieces.get(name, ()) if least <= piece.rank <= most]


def is_possible(name: str) -> bool:
    """Tell whether a field may have this name here."""
    return len(name) <= LONGEST_NAME and is_utf8(name)


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


class Coder:
    """Gives each different value a number. index: the numbers by value."""

    def __init__(self) -> None:
        # The method `__len__` of the index would make a cycle, which only the rare collection frees.
        self.index: defaultdict[Any, int] = defaultdict(count().__next__)

    def codes(self, values: Sequence[Any]) -> Array:
        """Return the number of each value."""
        found: Array = numpy.fromiter(map(self.index.__getitem__, values), numpy.int32, len(values))
        return found


def put_together(lines: int, pieces: Sequence[Piece]) -> CodedField | None:
    """Return the field with these pieces; None if a text is also that of a list.

    Of two pieces with a value of the same line, the one of higher rank counts.
    """
    codes: Array = numpy.full(lines, -1, numpy.int32)
    coders = [*dict.fromkeys(piece.coder for piece in pieces)]
    coder = coders.pop() if len(coders) == 1 else Coder()
    if coders:
        tables = {one: coder.codes([*one.index]) for one in coders}
        pieces = [piece._replace(codes=tables[piece.coder][piece.codes]) for piece in pieces]
    for piece in sorted(pieces, key=lambda piece: piece.rank):
        codes[piece.rows] = piece.codes
    used = numpy.zeros(len(coder.index) + 1, bool)
    used[codes] = True
    known = [*coder.index]
    if not used[:-1].all():
        known = [*compress(known, used.tolist())]
        codes = numpy.append(used[:-1].cumsum(dtype=numpy.int32) - 1, numpy.int32(-1))[codes]
    if not any(piece.has_lists for piece in pieces):
        return CodedField(codes, known)
    lists = frozenset(at for at, key in enumerate(known) if isinstance(key, tuple))
    texts = [key[0] if isinstance(key, tuple) else key for key in known]
    return None if lists and len({*texts}) < len(texts) else CodedField(codes, texts, lists)
