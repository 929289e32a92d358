"""RE2, the engine of regular expressions: it takes linear time for any expression, and searches bytes.

All options of RE2 are set here. `never_nl` keeps every match within its line, so one search can go over
a megabyte of lines. RE2 logs nothing, and captures only where `captures` asks for it.

RE2's time to compile grows with the size of the compiled expression, and eight characters can cost half a
second: `\\pL{400}`. So that size is estimated from the text, and bounded, before RE2 compiles anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import re2

Search: TypeAlias = Callable[[bytes, int, int], tuple[int, int]]
"""text, start, end → offsets at which the leftmost match in that part begins and ends, or (-1, -1)."""
GroupSearch: TypeAlias = Callable[[bytes, int, int], Sequence[tuple[int, int]]]
"""text, start, end → the same of the match and of each of its groups; (-1, -1) for one without a part."""

_MEMORY = 16 << 20
# Bytes of memory for a compiled pattern, too few for any: so RE2 stops after parsing.
_NO_MEMORY = 16
_NO_ROOM = "pattern too large"
# Classes that `compile_search` writes as `(?:K|k)` in an expression with alternatives. RE2 reads `[Kk]` as
# "k, case ignored". If a one-character alternative stands beside it, as in `[Kk]|x`, RE2 makes one class of
# both, and that also matches Unicode's other k (U+212A), or for `[Ss]` the long s (U+017F). See google/re2,
# FactorAlternation.
_FOLDED_AS_UNICODE = re.compile(r"\[(?:Kk|Ss)\]")


def require_valid_expression(pattern: str) -> None:
    """Raise WrongExpression unless RE2 accepts `pattern`. RE2 only parses it, and does not compile it."""
    try:
        _compile_with_re2(pattern, _NO_MEMORY)
    except WrongExpression as error:
        if not str(error).startswith(_NO_ROOM):
            raise


def compile_search(pattern: str) -> Search:
    """Return the search for `pattern`. Raises WrongExpression."""
    regexp = _compile_with_re2(_without_mixed_classes(pattern), _MEMORY)
    # The public search makes a generator and an object for each match, which doubles the time if
    # there are many.
    match = regexp._regexp.Match
    unanchored = re2._Anchor.UNANCHORED

    def search(text: bytes, start: int, end: int) -> tuple[int, int]:
        found: tuple[int, int] = match(unanchored, text, start, end)[0]
        return found

    return search


def compile_group_search(pattern: str) -> GroupSearch:
    """Return the search for `pattern` that tells its groups, too. Raises WrongExpression."""
    regexp = _compile_with_re2(_without_mixed_classes(pattern), _MEMORY, capture=True)
    match = regexp._regexp.Match
    unanchored = re2._Anchor.UNANCHORED

    def search(text: bytes, start: int, end: int) -> Sequence[tuple[int, int]]:
        found: Sequence[tuple[int, int]] = match(unanchored, text, start, end)
        return found

    return search


def captures(pattern: str) -> Callable[[bytes], tuple[bytes | None, ...] | None]:
    """Return a function: message → the groups of the leftmost match, or None without a match.

    A group that takes no part in the match is None.
    """
    search = _compile_with_re2(_without_mixed_classes(pattern), _MEMORY, capture=True).search

    def groups(message: bytes) -> tuple[bytes | None, ...] | None:
        found = search(message)
        return found.groups() if found else None

    return groups


def _without_mixed_classes(pattern: str) -> str:
    """Rewrite classes such as `[Kk]` beside alternatives: see _FOLDED_AS_UNICODE."""
    if "|" not in pattern:
        # RE2 finds a text that begins with `[Kk]` five times as fast as with `(?:K|k)`.
        return pattern
    return _FOLDED_AS_UNICODE.sub(lambda found: f"(?:{found[0][1]}|{found[0][2]})", pattern)


def _compile_with_re2(pattern: str, memory: int, *, capture: bool = False) -> Any:
    """Return RE2's compiled pattern, of at most `memory` bytes. Raises WrongExpression."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.UTF8
    options.log_errors = False
    options.never_nl = True
    options.never_capture = not capture
    options.max_mem = memory
    try:
        return re2.compile(pattern.encode(), options)
    except UnicodeEncodeError:
        raise WrongExpression("it is not Unicode text") from None
    except re2.error as error:
        raise WrongExpression(_re2_error_text(error)) from None


def _re2_error_text(error: re2.error) -> str:
    reason = error.args[0] if error.args else b""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


MOST_EXPRESSIONS = 30
"""Expressions in a query: each costs RE2 about 30 µs before the search begins."""
LONGEST_EXPRESSIONS = 2000
"""Characters of all expressions of a query together."""
LARGEST_EXPRESSIONS = 20_000
"""Instructions of all expressions of a query together.

When RE2 runs out of memory for its states, it needs time in proportion to the text's length times this.
"""

TOKEN = re.compile(
    r"\\Q(?P<quoted>(?:(?!\\E).)*)(?:\\E)?"
    r"|(?P<property>\\[pP](?:\{[^}]*\}|.)?)"
    r"|(?P<byte>\\C)"
    r"|(?P<many>\\[DSW])"
    r"|(?P<escape>\\(?:x(?:\{[0-9A-Fa-f]*\}|[0-9A-Fa-f]{2})|[0-7]{1,3}|.|\Z))"
    r"|(?P<class>\[\^?\]?(?:\[:\^?[a-z]*:\]|\\.|[^\]\\])*\]?)"
    r"|(?P<flags>\(\?[imsU-]*\))"
    r"|(?P<open>\((?:\?(?:P?<[^>]*>|[imsU-]*:))?)"
    r"|(?P<close>\))"
    r"|(?P<repeat>(?:[*+?]|\{(?P<least>[0-9]{1,9})(?P<more>,(?P<most>[0-9]{0,9}))?\})\??)"
    # A run of characters, without the last one before a repetition, which repeats only that character.
    r"|(?P<plain>[A-Za-z0-9_ ,:;=@%&#~<>/\"'!-]+(?=[^*+?{]|\Z))"
    r"|(?P<other>.)",
    re.DOTALL,
)
"""The parts of a pattern, one behind the other; its group tells what a part is."""
_PROPERTY = re.compile(r"\\[pP]")
# Upper bounds of RE2's instructions: `\pL` and `[^\pL]` are the largest properties, with 1,204; a range of
# UTF-8 has up to 19.
_OF_PROPERTY = 1250
_OF_RANGE = 20
_OF_CHARACTER = 4
_MOST_REPETITIONS = 1000


class WrongExpression(Exception):
    """The expression is invalid, or not supported here; `str()` of the error says why."""


class TooLargeExpressions(Exception):
    """The query has too many or too large expressions; `str()` of the error says which bound it exceeds."""


def check_expression_sizes(patterns: list[str]) -> None:
    """Raise TooLarge if a query may not have all these expressions, or WrongExpression for one of them."""
    if len(patterns) > MOST_EXPRESSIONS:
        raise TooLargeExpressions(
            f"a query may have {MOST_EXPRESSIONS} regular expressions; join some: /one|other/"
        )
    if sum(map(len, patterns)) > LONGEST_EXPRESSIONS:
        raise TooLargeExpressions(
            f"the regular expressions of a query may have {LONGEST_EXPRESSIONS:,} characters together"
        )
    size = sum(map(most_re2_instructions, patterns))
    if size > LARGEST_EXPRESSIONS:
        raise TooLargeExpressions(
            "this regular expression is too large when its repetitions are written out: all regular "
            f"expressions of a query may have {LARGEST_EXPRESSIONS:,} steps together, and these have "
            f"about {size:,}"
        )


@lru_cache(maxsize=256)
def most_re2_instructions(pattern: str) -> int:
    """Return an upper bound of the instructions that RE2 makes of a pattern, which may be invalid.

    Raises WrongExpression for the few patterns that RE2 accepts but a query may not have.
    """
    total, last = 10, 0
    outer: list[int] = []
    is_nothing = False
    for token in TOKEN.finditer(pattern):
        kind = token.lastgroup
        if kind == "repeat":
            if is_nothing:
                # RE2 would repeat the item before `(?i)` or `\Q\E`.
                raise WrongExpression(f"no argument for repetition operator: {token[0]}")
            last = _size_when_repeated(last, token)
        elif kind == "byte":
            raise WrongExpression(r"\C, a single byte, is not for text: \C")
        elif kind == "open":
            outer.append(total + last)
            total, last = 2, 0
        elif kind == "close":
            inner = total + last
            total, last = (outer.pop() if outer else 0), inner
        else:
            total += last
            last = _size_of_item(kind, token[0])
        is_nothing = kind == "flags" or token[0] in (r"\Q\E", r"\Q")
    return total + last + sum(outer)


def group_names(pattern: str) -> list[str]:
    """Return the names of the groups `(?P<name>…)` of a pattern, in order."""
    opened = (token["open"] for token in TOKEN.finditer(pattern) if token["open"])
    return [text[text.index("<") + 1 : -1] for text in opened if "<" in text]


def _size_when_repeated(size: int, token: re.Match[str]) -> int:
    if token["least"] is None:
        return size + 2
    # RE2 refuses more than a thousand repetitions.
    most = min(int(token["most"] or token["least"]), _MOST_REPETITIONS)
    is_open = token["more"] is not None
    return max(1, most + is_open) * (size + is_open) + 2


def _size_of_item(kind: str | None, text: str) -> int:
    if kind in ("plain", "flags"):
        return len(text)
    if kind == "other":
        return _OF_CHARACTER if text != "." else 9
    if kind == "property":
        return _OF_PROPERTY
    if kind == "class":
        return _size_of_character_class(text)
    return _OF_RANGE if kind == "many" else _OF_CHARACTER * max(1, len(text))


def _size_of_character_class(text: str) -> int:
    """Return the instructions of a class `[…]`, with its letters in both cases, as we write them."""
    size = _OF_RANGE + len(_PROPERTY.findall(text)) * _OF_PROPERTY
    is_simple = text.isascii() and "\\" not in text and "[:" not in text
    return size + len(text) * (2 if is_simple else _OF_RANGE // 2)
