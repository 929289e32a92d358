"""The size of expressions, known from their text: how large they are once RE2 has compiled them.

Compiling costs in proportion to that, and ten characters can ask for half a second of it: `\\pL{400}`.
So what a query may cost is bounded before anything of it is compiled.
"""

from __future__ import annotations

import re
from functools import lru_cache

MOST_EXPRESSIONS = 30
"""Expressions in a query: each costs RE2 some 30 µs before it is looked at."""
LONGEST_EXPRESSIONS = 2000
"""Characters of all expressions of a query together."""
LARGEST_EXPRESSIONS = 20_000
"""Instructions of all expressions of a query together.

RE2's time is that of the text times this when it runs out of memory for its states.
"""

_TOKEN = re.compile(
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
    # Many at once, but for the last before a repetition, which is all that it repeats.
    r"|(?P<plain>[A-Za-z0-9_ ,:;=@%&#~<>/\"'!-]+(?=[^*+?{]|\Z))"
    r"|(?P<other>.)",
    re.DOTALL,
)
_PROPERTY = re.compile(r"\\[pP]")
# `\pL` and `[^\pL]` are the largest properties, with 1,204. Of UTF-8, a range is up to 19.
_OF_PROPERTY = 1250
_OF_RANGE = 20
_OF_CHARACTER = 4
_MOST_REPETITIONS = 1000


class WrongExpression(Exception):
    """An expression that cannot be one here; `str()` of it says why."""


class TooLarge(Exception):
    """A query asks for more expressions, or larger ones, than it may; `str()` says which."""


def check_sizes(patterns: list[str]) -> None:
    """Raise TooLarge if these are too much for one query, the last one being new; or WrongExpression."""
    if len(patterns) > MOST_EXPRESSIONS:
        raise TooLarge(
            f"a query may have {MOST_EXPRESSIONS} regular expressions; join some: /one|other/"
        )
    if sum(map(len, patterns)) > LONGEST_EXPRESSIONS:
        raise TooLarge(
            f"the regular expressions of a query may have {LONGEST_EXPRESSIONS:,} characters together"
        )
    size = sum(map(size_of, patterns))
    if size > LARGEST_EXPRESSIONS:
        raise TooLarge(
            "with its repetitions written out this regular expression is too large: all of a query "
            f"may come to {LARGEST_EXPRESSIONS:,} steps, and this makes about {size:,}"
        )


@lru_cache(maxsize=256)
def size_of(pattern: str) -> int:
    """Return at least the number of instructions that RE2 makes of a pattern, be it right or wrong.

    Raises WrongExpression for the few that RE2 takes and that cannot be used here.
    """
    total, last = 10, 0
    outer: list[int] = []
    is_nothing = False
    for token in _TOKEN.finditer(pattern):
        kind = token.lastgroup
        if kind == "repeat":
            if is_nothing:
                # RE2 would repeat what stands before `(?i)` or `\Q\E`.
                raise WrongExpression(f"no argument for repetition operator: {token[0]}")
            last = _repeated(last, token)
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


def _repeated(size: int, token: re.Match[str]) -> int:
    if token["least"] is None:
        return size + 2
    # More than a thousand is an error, which RE2 tells.
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
        return _size_of_class(text)
    return _OF_RANGE if kind == "many" else _OF_CHARACTER * max(1, len(text))


def _size_of_class(text: str) -> int:
    """Return the same of `[…]`, whose letters are written in both cases."""
    size = _OF_RANGE + len(_PROPERTY.findall(text)) * _OF_PROPERTY
    is_simple = text.isascii() and "\\" not in text and "[:" not in text
    return size + len(text) * (2 if is_simple else _OF_RANGE // 2)
