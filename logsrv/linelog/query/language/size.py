"""The size of compiled expressions, estimated from their text.

RE2's time to compile grows with that size, and eight characters can cost half a second: `\\pL{400}`.
So a query's size is bounded before RE2 compiles anything.
"""

from __future__ import annotations

import re
from functools import lru_cache

MOST_EXPRESSIONS = 30
"""Expressions in a query: each costs RE2 about 30 µs before the search begins."""
LONGEST_EXPRESSIONS = 2000
"""Characters of all expressions of a query together."""
LARGEST_EXPRESSIONS = 20_000
"""Instructions of all expressions of a query together.

When RE2 runs out of memory for its states, it needs time in proportion to the text's length times this.
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
    # A run of characters, without the last one before a repetition, which repeats only that character.
    r"|(?P<plain>[A-Za-z0-9_ ,:;=@%&#~<>/\"'!-]+(?=[^*+?{]|\Z))"
    r"|(?P<other>.)",
    re.DOTALL,
)
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
            "with its repetitions written out this regular expression is too large: all those of a query "
            f"may have {LARGEST_EXPRESSIONS:,} steps together; these have about {size:,}"
        )


@lru_cache(maxsize=256)
def most_re2_instructions(pattern: str) -> int:
    """Return an upper bound of the instructions that RE2 makes of a pattern, which may be invalid.

    Raises WrongExpression for the few patterns that RE2 accepts but a query may not have.
    """
    total, last = 10, 0
    outer: list[int] = []
    is_nothing = False
    for token in _TOKEN.finditer(pattern):
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
    opened = (token["open"] for token in _TOKEN.finditer(pattern) if token["open"])
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
