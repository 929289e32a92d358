"""Skeletons: lines of a text with one byte for each number, id and quoted part; templates of these.

NumPy works on all bytes of a frame at once, so that most lines of one pattern become equal. What needs a
closer look is left to the templates, for which each different skeleton is looked at once: as people read
it, with placeholders such as `<n>` and `<ip>`.
"""

from __future__ import annotations

import re

import numpy

from logsrv.linelog.fields.byte_arrays import Array, indexes_of_true, rows_at

LONGEST = 1000
"""Bytes of a message that become part of its pattern."""
NUMBER, HEX, UUID, ID, QUOTED = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"
"""The bytes for a run of digits, an id of hexadecimal digits, a UUID, another id, a part in quotes."""

_DIGIT, _HEX_LETTER, _LETTER = 1, 2, 4
_LF, _QUOTE, _BACKSLASH, _DASH, _COLON = b'\n"\\-:'
_CLASSES: Array = numpy.zeros(256, numpy.uint8)
_CLASSES[list(b"0123456789")] = _DIGIT
_CLASSES[list(b"abcdefABCDEF")] = _HEX_LETTER
_CLASSES[list(b"ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ")] = _LETTER
_CLASSES[128:] = _LETTER
_NUMBERS = bytes.maketrans(b"0123456789", NUMBER * 10)
# Fewer hexadecimal digits are as likely a word with a number, such as `b2`.
_SHORTEST_HEX = 4
_SHORTEST_OF_LETTERS = 12
# A word with letters and at least two groups of digits is an id from this length on.
_SHORTEST_ID = 8
_UUID = (8, 4, 4, 4, 12)
# The ends of keys whose quoted value is a message of logfmt: msg=, message=, err=, error=.
_MESSAGE_KEYS = [int.from_bytes(end, "little") for end in (b"msg=", b"age=", b"err=", b"ror=")]


def skeletons(text: bytes, starts: Array, ends: Array) -> list[bytes]:
    """Return the skeleton of each line of a text.

    starts, ends: where the wanted part of each line begins and ends; equal for a line without one. The
    line's LF is at `ends` or later.
    """
    if not len(starts):
        return []
    raw: Array = numpy.frombuffer(text, numpy.uint8)
    changed = numpy.frombuffer(text.translate(_NUMBERS), numpy.uint8).copy()
    classes = _CLASSES[raw]
    if b"\\x" in text:
        _keep_escapes(raw, classes, changed)
    digits = classes == _DIGIT
    # The number of dropped spans that begin at each byte, less those that end there.
    edges: Array = numpy.zeros(len(raw) + 1, numpy.int8)
    _replace_words(raw, classes, digits, changed, edges)
    if b'"' in text:
        _replace_quoted(raw, starts, changed, edges)
    _drop_unwanted(len(raw), starts, numpy.minimum(ends, starts + LONGEST), edges)
    dropped = numpy.cumsum(edges[:-1], dtype=numpy.int8) != 0
    dropped[1:] |= digits[1:] & digits[:-1]
    dropped[raw == _LF] = False
    kept: bytes = changed[~dropped].tobytes()
    return kept.removesuffix(b"\n").split(b"\n")


def _keep_escapes(raw: Array, classes: Array, changed: Array) -> None:
    """Keep escapes such as `\\x0a` as they are: they are no numbers, nor parts of words."""
    at = numpy.flatnonzero(raw[:-3] == _BACKSLASH)
    is_hex = classes & (_DIGIT | _HEX_LETTER)
    at = at[(raw[at + 1] == ord("x")) & (is_hex[at + 2] > 0) & (is_hex[at + 3] > 0)]
    for offsets in (at + 1, at + 2, at + 3):
        classes[offsets] = 0
        changed[offsets] = raw[offsets]


def _drop_unwanted(size: int, starts: Array, ends: Array, edges: Array) -> None:
    """Drop the bytes outside of the wanted parts."""
    edges[0] += 1
    edges[starts] -= 1
    edges[ends] += 1
    edges[size] -= 1


def _replace_words(raw: Array, classes: Array, digits: Array, changed: Array, edges: Array) -> None:
    """Replace words that are ids; each begins with a byte of `changed` and drops the rest by `edges`."""
    in_word = numpy.zeros(len(raw) + 2, bool)
    numpy.not_equal(classes, 0, out=in_word[1:-1])
    bounds = indexes_of_true(in_word[1:] != in_word[:-1])
    begins, stops = bounds[::2], bounds[1::2]
    if not len(begins):
        return
    kinds = numpy.bitwise_or.reduceat(classes, begins)
    sizes = stops - begins
    uuids = _begins_of_uuids(raw, kinds, sizes, begins, stops)
    _drop(begins[uuids], stops[uuids + 4] if len(uuids) else uuids, UUID, changed, edges)
    is_free = numpy.ones(len(begins), bool)
    for number in range(5 if len(uuids) else 0):
        is_free[uuids + number] = False
    is_hex = (kinds == _DIGIT | _HEX_LETTER) & (
        (sizes >= _SHORTEST_HEX) | (raw[begins - 1] == _COLON)
    )
    is_hex |= (kinds == _HEX_LETTER) & (sizes >= _SHORTEST_OF_LETTERS)
    mixed = numpy.flatnonzero(is_free & (kinds & (_DIGIT | _LETTER) == _DIGIT | _LETTER))
    if len(mixed):
        first = begins[mixed]
        prefixed = (raw[first] == ord("0")) & (raw[first + 1] == ord("x"))
        is_hex[mixed[prefixed]] = True
        mixed = mixed[~prefixed & (sizes[mixed] >= _SHORTEST_ID)]
        groups = _count_digit_groups(digits, begins[mixed], stops[mixed])
        ids = mixed[groups > 1]
        _drop(begins[ids], stops[ids], ID, changed, edges)
    hexes = numpy.flatnonzero(is_hex & is_free)
    _drop(begins[hexes], stops[hexes], HEX, changed, edges)


def _drop(begins: Array, stops: Array, by: bytes, found: Array, edges: Array) -> None:
    """Replace spans by one byte: no two may begin, or end, at the same offset."""
    found[begins] = by[0]
    edges[begins + 1] += 1
    edges[stops] -= 1


def _begins_of_uuids(raw: Array, kinds: Array, sizes: Array, begins: Array, stops: Array) -> Array:
    """Return the numbers of the words with which a UUID begins."""
    if len(begins) < len(_UUID):
        return numpy.zeros(0, int)
    last = len(begins) - len(_UUID)
    able = numpy.flatnonzero((sizes[: last + 1] == _UUID[0]) & (sizes[4:] == _UUID[4]))
    for number, size in enumerate(_UUID):
        able = able[(sizes[able + number] == size) & (kinds[able + number] < _LETTER)]
        if number:
            before = begins[able + number] - 1
            able = able[(before == stops[able + number - 1]) & (raw[before] == _DASH)]
    return able


def _count_digit_groups(digits: Array, begins: Array, stops: Array) -> Array:
    """Return the number of runs of digits in each word."""
    sizes = numpy.minimum(stops - begins, 64)
    counts: Array = numpy.zeros(len(begins), int)
    before: Array = numpy.zeros(len(begins), bool)
    for column in range(int(sizes.max(initial=0))):
        here = digits[numpy.minimum(begins + column, len(digits) - 1)] & (column < sizes)
        counts += here & ~before
        before = here
    return counts


def _replace_quoted(raw: Array, starts: Array, changed: Array, edges: Array) -> None:
    """Replace the parts in double quotes, except for messages of logfmt."""
    quotes = numpy.flatnonzero(raw == _QUOTE)
    quotes = quotes[raw[quotes - 1] != _BACKSLASH]
    lines = numpy.searchsorted(starts, quotes, side="right") - 1
    # The number of each quote within its line: an even one opens, the next closes.
    first = numpy.searchsorted(lines, lines)
    within = numpy.arange(len(quotes)) - first
    opens = numpy.flatnonzero(within[:-1] % 2 == 0)
    opens = opens[lines[opens] == lines[opens + 1]]
    begins, stops = quotes[opens], quotes[opens + 1] + 1
    if len(begins) and begins[-1] >= 4:
        known = numpy.flatnonzero(begins >= 4)
        keys = rows_at(raw, begins[known] - 4, 4).view("<u4")[:, 0]
        kept = known[numpy.isin(keys, _MESSAGE_KEYS)]
        begins, stops = numpy.delete(begins, kept), numpy.delete(stops, kept)
    _drop(begins, stops, QUOTED, changed, edges)


_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = "\x01:\x01:\x01(?:[.,]\x01)?"
_ZONE = "(?: ?(?:Z|UTC|[+-]\x01(?::\x01)?)(?![A-Za-z]))?"
_GROUP = "[0-9A-Fa-f\x01\x02]{0,9}"
_NOT_INSIDE = "(?<![A-Za-z0-9:.\x01\x02])"
_PLACEHOLDER = re.compile(
    f"(?P<time>\x01[-/]\x01[-/]\x01[T ]+{_CLOCK}{_ZONE}|\x01/{_MONTH}/\x01:{_CLOCK}{_ZONE}"
    f"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?{_MONTH} +\x01 {_CLOCK}{_ZONE}"
    f"|(?<![:\x01]){_CLOCK}(?![:\x01]){_ZONE})"
    f"|(?P<ip>(?<![.\x01])\x01\\.\x01\\.\x01\\.\x01(?![.]?\x01)"
    f"|{_NOT_INSIDE}(?=[^ ]{{0,40}}[\x01\x02])(?:{_GROUP}:){{1,6}}(?::{_GROUP}){{1,6}}(?![:A-Za-z])"
    f"|{_NOT_INSIDE}(?:{_GROUP}:){{7}}{_GROUP}(?![:A-Za-z]))"
    f"|(?P<hex>\x02|{_NOT_INSIDE}(?=[^ ]{{0,20}}[\x01\x02])(?:[0-9A-Fa-f\x01\x02]{{1,3}}[:-]){{5}}"
    f"[0-9A-Fa-f\x01\x02]{{1,3}}(?![:A-Za-z]))"
    "|(?P<n>(?<![A-Za-z0-9_\x01-\x05-])-\x01(?:[.,]\x01)*|\x01(?:[.,]\x01)*)"
    "|(?P<uuid>\x03)|(?P<any>\x04)"
    "|(?P<quoted>\x05|(?<![A-Za-z0-9_\x01-\x05])'[^']{0,200}'(?![A-Za-z0-9_\x01-\x05]))"
)
ANY = "<*>"
PLACEHOLDERS = ("<n>", "<hex>", "<uuid>", "<ip>", "<time>", "<quoted>", ANY)
"""The placeholders of a pattern; `<*>` stands for words that differ."""
_BY_GROUP = {one[1:-1]: one for one in PLACEHOLDERS} | {"any": ANY}
_WHITE = re.compile(r"\s+")
# A number that is padded to a width, as in `[   12.5]`.
_PADDED = re.compile(r"(?<=[\[(])\s+(?=<n>)")
_NAME_DIGITS = re.compile("[0-9]+")


def template_of_skeleton(skeleton: bytes) -> str:
    """Return the template of a line's skeleton."""
    text = skeleton.decode("utf-8", "backslashreplace")
    named = _PLACEHOLDER.sub(lambda found: _BY_GROUP[found.lastgroup or "any"], text)
    return _WHITE.sub(" ", _PADDED.sub("", named)).strip()


def app_in_pattern(app: str) -> str:
    """Return the name of a program without its numbers, so that `worker7` and `worker8` are one."""
    return _NAME_DIGITS.sub("<n>", app)


def share_of(part: float) -> str:
    """Return a share of all lines in per cent: never 0 % for some lines, nor 100 % if one is missing."""
    if part < 0.0005:
        return "< 0.1 %"
    return "> 99.9 %" if 0.9995 <= part < 1 else f"{100 * part:.1f} %"
