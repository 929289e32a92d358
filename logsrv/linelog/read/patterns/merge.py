"""Merge templates that differ only in some words: `user ann logged in` and others are `user <*> logged in`.

Templates of one program and level with the same separators and names are one group. Names never become a
placeholder: those of classes and levels, and the first word behind time and level, unless it has a digit
or is an address. A group is split by the column with the fewest different words, as long as these are few:
they are a part of the message. What then differs is a variable part, if there are enough templates and
words that stay.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from logsrv.linelog.fields.level_names import level_of_word
from logsrv.linelog.read.patterns.line_patterns import PatternKey
from logsrv.linelog.read.patterns.skeletons import ANY

ENOUGH = 3
"""Templates that have to differ in a word before it counts as variable."""
_SURELY_VARIABLE = 12
"""Different words after which a column counts as variable whatever else varies."""
_MANY = 16
"""Templates that are merged even if most of their words differ."""
_PARTS = re.compile(r"((?:<[a-z*]+>|[^\s=/,;:()\[\]{}\"'|<>])+)")
# Placeholders of which one column may have several: an id of digits alone looks like a number.
_OF_IDS = frozenset(("<n>", "<hex>", ANY))
# `LedgerMismatch`, `ValueError`, `com.acme.Boom`, `Acme\\Boom`, `Outer$Inner`.
_CLASS = re.compile(
    r"(?:[\w$.\\]|<n>)*(?:Exception|Error|Throwable|Fault|Failure|Warning|Interrupt|Death)"
    r"|(?:[A-Za-z_]\w*[.\\$])+[A-Z][\w$]*|(?:[A-Z][a-z]{2,}){2,}"
)
# A first word with one of these may be an id or an address.
_NO_PLAIN_WORD = re.compile(r"[0-9<@]")
_TIME = "<time>"
_Words: TypeAlias = tuple[str, ...]


def merge_templates(keys: Sequence[PatternKey]) -> dict[PatternKey, PatternKey]:
    """Return the pattern of each template: itself, or one with `<*>` for words that differ."""
    groups: dict[tuple[Any, ...], list[tuple[_Words, PatternKey]]] = defaultdict(list)
    for key in keys:
        parts = _PARTS.split(key.template)
        words = tuple(parts[1::2])
        shape = tuple(parts[::2]), key.app, key.level, key.value, _names(words)
        groups[shape].append((words, key))
    found: dict[PatternKey, PatternKey] = {}
    for (separators, *_), members in groups.items():
        for words, some in _merged(members):
            template = _join(separators, words)
            merged = some[0]._replace(template=template) if len(some) > 1 else some[0]
            found.update((key, merged) for key in some)
    return found


def _names(words: _Words) -> _Words:
    """Return the words that are names, and "" for each other one."""
    found = [word if _is_name(word) else "" for word in words]
    for index, word in enumerate(words):
        if word != _TIME and not _is_level(word):
            if not _NO_PLAIN_WORD.search(word):
                found[index] = word
            break
    return tuple(found)


@lru_cache(maxsize=1 << 16)
def _is_name(word: str) -> bool:
    return _is_level(word) or _CLASS.fullmatch(word) is not None


def _is_level(word: str) -> bool:
    return level_of_word(word) is not None


def _join(separators: _Words, words: _Words) -> str:
    return "".join(part for pair in zip(separators, (*words, ""), strict=True) for part in pair)


def _merged(
    members: list[tuple[_Words, PatternKey]],
) -> Iterator[tuple[_Words, list[PatternKey]]]:
    """Yield the merged words of a group, each with the templates that they stand for."""
    waiting = [members]
    while waiting:
        group = waiting.pop()
        columns = [set(column) for column in zip(*(words for words, _ in group), strict=True)]
        counts = [len(column - _OF_IDS) + (not column.isdisjoint(_OF_IDS)) for column in columns]
        varying = [index for index, count in enumerate(counts) if count > 1]
        few = min((len(columns[index]) for index in varying), default=0)
        if not varying or _may_merge(group, varying, few):
            words = (_common_word(column) for column in columns)
            yield tuple(words), [key for _, key in group]
            continue
        index = min(varying, key=counts.__getitem__)
        parts: dict[str, list[tuple[_Words, PatternKey]]] = defaultdict(list)
        for member in group:
            word = member[0][index]
            parts["" if word in _OF_IDS else word].append(member)
        waiting += parts.values()


def _may_merge(group: list[tuple[_Words, PatternKey]], varying: list[int], few: int) -> bool:
    """Tell whether all that varies in a group is variable. few: the least different words in a column."""
    if len(group) < ENOUGH or few < ENOUGH:
        return False
    words = group[0][0]
    fixed = sum(
        not word.startswith("<") for index, word in enumerate(words) if index not in set(varying)
    )
    if fixed < len(varying) and len(group) < _MANY:
        return False
    # A column with few words for many templates tells messages apart.
    return few >= _SURELY_VARIABLE or few ** len(varying) >= len(group)


def _common_word(column: set[str]) -> str:
    """Return the word of a place, or the placeholder for its words."""
    if len(column) == 1:
        return next(iter(column))
    return "<hex>" if column <= {"<n>", "<hex>"} else ANY
