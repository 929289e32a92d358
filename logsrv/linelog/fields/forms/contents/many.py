"""Columns of the fields in contents: each form reads its lines together, by its `many.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import numpy

from logsrv.linelog.fields.byte_arrays import (
    Array,
    PaddedLines,
    byte_membership_table,
    indexes_of_true,
)
from logsrv.linelog.fields.forms.access.many import (
    haproxy_time_ends,
    read_access_lines,
    spaced_brackets,
)
from logsrv.linelog.fields.forms.contents.one import parse_text
from logsrv.linelog.fields.forms.events.many import events_in
from logsrv.linelog.fields.forms.json.many import ObjectColumns
from logsrv.linelog.fields.forms.line_form import LineForm
from logsrv.linelog.fields.forms.logfmt.many import frequent_keys, read_pairs
from logsrv.linelog.fields.forms.logfmt.one import has_marks_of_audit, parse_trailing_pairs
from logsrv.linelog.fields.forms.pieces import CONTENT, PAIRS, Convert, FieldPieces, decode_present
from logsrv.linelog.fields.forms.programs.many import lines_beginning_like_sshd, login_form
from logsrv.linelog.fields.forms.programs.one import DURATION, LOGIN_WORDS
from logsrv.linelog.fields.stored_line import decode_stored

_DURATION = DURATION.encode()
_LOGINS = tuple(f"{word} ".encode() for word in LOGIN_WORDS)
_SPACE, _QUOTE, _EQUALS, _CLOSE = b' "=]'
_spaced_request = re.compile(rb'\]  +"').match


class ContentColumns:
    """Adds the fields of contents to `pieces`. objects, access: the numbers of such lines."""

    def __init__(self, pieces: FieldPieces) -> None:
        self.objects: list[Array] = []
        self.access: list[Array] = []
        self._pieces = pieces
        self._objects = ObjectColumns(pieces)
        self._has_pairs = pieces.wanted is None or pieces.wanted.has_pairs

    def add(
        self, rows: Array, contents: Sequence[bytes], apps: Sequence[bytes | None] | None = None
    ) -> None:
        """Add contents. rows: their numbers. apps: the programs in their headers, None without a header."""
        if self._pieces.wanted:
            at = self._pieces.wanted.numbers_of(contents)
            if len(at) < len(contents):
                rows, contents = rows[[*at]], [contents[one] for one in at]
                apps = [apps[one] for one in at] if apps else None
        objects = _objects_in(contents)
        if len(objects):
            no_objects = self._objects.add(rows[objects], _chosen(contents, objects))
            left = numpy.ones(len(rows), bool)
            left[objects] = False
            left[objects[no_objects]] = True
            self.objects.append(rows[~left])
            chosen = numpy.flatnonzero(left)
            rows, contents = rows[chosen], _chosen(contents, chosen)
            apps = _chosen(apps, chosen) if apps else None
        if contents:
            self._add_texts(rows, contents, apps)

    def _add_texts(
        self, rows: Array, contents: Sequence[bytes], apps: Sequence[bytes | None] | None
    ) -> None:
        lines = PaddedLines.join(contents)
        if found := events_in(lines.text, contents):
            self._pieces.events.append(rows[[*found]])
            self._objects.add_flat(rows[[*found]], [*found.values()])
            left = numpy.delete(numpy.arange(len(rows)), [*found])
            rows, contents = rows[left], _chosen(contents, left)
            apps = _chosen(apps, left) if apps else None
            lines = PaddedLines.join(contents)
        self._add_lines(rows, contents, apps, lines)

    def _add_lines(
        self,
        rows: Array,
        contents: Sequence[bytes],
        apps: Sequence[bytes | None] | None,
        lines: PaddedLines,
    ) -> None:
        """Add contents that are no objects and no events. lines: all of them."""
        raw, ends = lines.raw, lines.ends
        brackets = indexes_of_true(raw == _CLOSE)
        access, single = numpy.zeros((2, len(rows)), bool)
        single[numpy.searchsorted(ends, haproxy_time_ends(raw, brackets))] = True
        spaced = spaced_brackets(raw, brackets).tolist()
        single[
            numpy.searchsorted(ends, [at for at in spaced if _spaced_request(lines.text, at)])
        ] = True
        brackets = brackets[(raw[brackets + 1] == _SPACE) & (raw[brackets + 2] == _QUOTE)]
        access[numpy.searchsorted(ends, brackets)] = True
        with_pairs = numpy.zeros(len(rows), bool)
        # An access log has pairs in its addresses only.
        if self._has_pairs and not access.all():
            pairs = numpy.searchsorted(ends, indexes_of_true(raw == _EQUALS))
            with_pairs = numpy.bincount(pairs, minlength=len(rows)) > 1
            if has_marks_of_audit(lines.text):
                single[
                    [at for at, content in enumerate(contents) if has_marks_of_audit(content)]
                ] = True
        if _DURATION in lines.text:
            single[[at for at, content in enumerate(contents) if _DURATION in content]] = True
        said = lines_beginning_like_sshd(raw, lines.starts)
        if apps:
            said = [at for at in said if (app := apps[at]) is None or app.startswith(b"sshd")]
        single[said] |= with_pairs[said] | access[said]
        logins = [at for at in said if not single[at] and contents[at].startswith(_LOGINS)]
        single[said] = True
        single[logins] = False
        chosen = numpy.array(logins, numpy.intp)
        others = self._add_form(login_form(), rows, contents, chosen, decode_present)
        single[others] = True
        done = numpy.zeros(len(rows), bool)
        done[chosen] = True
        chosen = numpy.flatnonzero(access & ~single)
        if len(chosen):
            if len(chosen) < len(contents):
                lines = PaddedLines.join(_chosen(contents, chosen))
            single[self._add_access(rows, lines, chosen)] = True
        chosen = numpy.flatnonzero(with_pairs & ~access & ~single & ~done)
        single[self._add_pairs(rows, contents, chosen, CONTENT)] = True
        self._add_singly(rows, contents, apps, numpy.flatnonzero(single))

    def _add_form(
        self,
        form: LineForm,
        rows: Array,
        contents: Sequence[bytes],
        chosen: Array,
        convert: Convert,
        rank: int = CONTENT,
    ) -> Array:
        """Add the fields of chosen contents; return the indexes of those of another form."""
        found = form.read(rows[chosen], [contents[at] for at in chosen.tolist()])
        for name, (codes, values) in found.columns.items():
            self._pieces.add_converted(name, found.rows, codes, convert(values), rank)
        return chosen[found.others]

    def _add_access(self, rows: Array, lines: PaddedLines, chosen: Array) -> Array:
        """Add the fields of chosen contents, the lines; return the indexes of those of an unusual form."""
        left = numpy.ones(len(chosen), bool)
        for found in read_access_lines(lines, self._pieces.wants):
            left[found.at] = False
            those = rows[chosen[found.at]]
            self.access.append(those)
            for name, (codes, texts, _) in found.columns.items():
                # Several: two virtual hosts without a port.
                said = [None if text == "-" else text for text in texts]
                self._pieces.add_converted(name, those, codes, said)
            behind = {at: text for at, text in found.rest.items() if b"=" in text}
            if not (behind and self._has_pairs):
                continue
            with_pairs, rests = those[[*behind]], [*behind.values()]
            others = self._add_pairs(with_pairs, rests, numpy.arange(len(rests)), PAIRS)
            pairs = [parse_trailing_pairs(decode_stored(rests[at])) for at in others.tolist()]
            self._objects.add_flat(with_pairs[others], pairs, PAIRS)
        return chosen[left]

    def _add_pairs(self, rows: Array, contents: Sequence[bytes], chosen: Array, rank: int) -> Array:
        """Add the pairs in chosen contents; return the indexes of those that are no form of many."""
        lines = [contents[at] for at in chosen.tolist()]
        # A single pair is no logfmt.
        for keys in frequent_keys(lines, 2 if rank == CONTENT else 1):
            found = read_pairs(keys, _chosen(contents, chosen), self._pieces.wants)
            for name, (codes, texts, _) in found.columns.items():
                self._pieces.add_converted(name, rows[chosen[found.at]], codes, texts, rank)
            chosen = numpy.delete(chosen, found.at)
        return chosen

    def _add_singly(
        self,
        rows: Array,
        contents: Sequence[bytes],
        apps: Sequence[bytes | None] | None,
        chosen: Array,
    ) -> None:
        found, access = [], []
        for at in chosen.tolist():
            app = apps[at] if apps else None
            said = None if app is None else decode_stored(app)
            kind, fields = parse_text(decode_stored(contents[at]), said)
            found.append(fields)
            if kind == "access":
                access.append(at)
        self._objects.add_flat(rows[chosen], found)
        self.access.append(rows[access])


_WHITE = b" \t\r\n"
_IS_WHITE = byte_membership_table(_WHITE)


def _objects_in(contents: Sequence[bytes]) -> Array:
    """Return the indexes of the contents that begin as objects do, perhaps behind white space."""
    try:
        firsts = numpy.frombuffer(bytes(map(itemgetter(0), contents)), numpy.uint8)
    except IndexError:
        return _objects_in([content or b"-" for content in contents])
    found = firsts == ord("{")
    white = numpy.flatnonzero(_IS_WHITE[firsts])
    found[white] = [contents[at].lstrip(_WHITE).startswith(b"{") for at in white.tolist()]
    return numpy.flatnonzero(found)


def _chosen(values: Sequence[Any], those: Array) -> Sequence[Any]:
    return values if len(those) == len(values) else [values[at] for at in those.tolist()]
