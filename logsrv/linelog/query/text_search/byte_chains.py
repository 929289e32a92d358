r"""Expressions that are chains of runs of bytes, of which NumPy finds all matches of a text at once.

`\b\d{16}\b`, `\d{1,3}(\.\d{1,3}){3}`, `password=[^ ]+` and `[\w.+-]+@[\w.-]+\.[a-z]{2,}` are such chains:
each of their steps is a number of bytes of one class. RE2 takes 0.6 µs for a match, as Python calls it for
each; a chain takes a tenth. A step is read without choice: to the end of its run of bytes, as no byte of
the run may begin what follows. One choice is allowed: a step goes on at the last of a few places, such as
the dots in `[\w.-]+\.`.

A chain gives the same as RE2 does in each line alone. Where a match touches another, the next match may
begin in the middle of a run: such lines are left to RE2. Expressions that are no chains are, too.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.query.text_search.engine import compile_search
from logsrv.linelog.query.text_search.literals import Literal
from logsrv.linelog.query.text_search.pattern_fold import fold_pattern

MOST_STEPS = 64
"""A longer chain is left to RE2."""
# The most repetitions of a byte in the literal at the beginning.
_LONGEST_REPEATED = 8
# Different bytes of a step that may begin in the middle of a run.
_RARE = 4
_LF = ord("\n")
WORD = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_OUTSIDE_ASCII = frozenset(range(0x80, 0x100))
# Parts of a class that have some of the characters outside ASCII, and not all.
_SOME_OUTSIDE = re.compile(r"\\[pP]|\\x\{(?:[89a-f][0-9a-f]|[0-9a-f]{3,})\}|[^\x00-\x7f]")


class ChainStep(NamedTuple):
    """`least` to `most` of the `allowed` bytes; most: None without a limit."""

    allowed: frozenset[int]
    least: int = 1
    most: int | None = 1

    @property
    def is_fixed(self) -> bool:
        return self.least == self.most

    @property
    def counts_characters(self) -> bool:
        """True if a number of bytes is not the same as that number of characters, such as of `é`."""
        return not _OUTSIDE_ASCII.isdisjoint(self.allowed) and (
            len(self.allowed) > 1 and (self.least > 1 or self.most is not None)
        )


_BOUNDARY = ChainStep(frozenset(), 0, 0)
_Steps = tuple[ChainStep, ...]


class ByteChain:
    """A chain, and what a search has to know of it. Made by `byte_chain_of`; `find_matches` uses it.

    steps: without boundaries. leads, trails: whether it begins and ends at a boundary of a word. tables:
    for each step, which bytes it allows. literal: the text with which each match begins, that of the
    first `literal_steps` steps; None for none. begins_by_runs: whether matches begin only where a run of
    the first step does. begins_before: whether these runs are found by the rare bytes that follow them.
    """

    def __init__(self, steps: _Steps, *, leads: bool, trails: bool) -> None:
        self.steps, self.leads, self.trails = steps, leads, trails
        self.needs_utf8 = any(0x80 in step.allowed for step in steps)
        """True if the chain finds nothing in a text with bytes that are not UTF-8."""
        self.needs_ascii = any(step.counts_characters for step in steps)
        """True if the chain counts bytes where RE2 counts characters: it is only for ASCII."""
        self.tables = [table_of(step.allowed) for step in steps]
        self.literal, self.literal_steps = _beginning_of(steps)
        self.begins_by_runs = leads or self.next_differs(0)
        self.begins_before = self.begins_by_runs and self.may_go_back(0) and self.next_differs(0)

    @property
    def is_possible(self) -> bool:
        """True if each step is read without choice."""
        first, last = self.steps[0], self.steps[-1]
        if not first.least or (self.leads and not _is_uniform(first.allowed)):
            return False
        if self.trails and not (last.least and _is_uniform(last.allowed)):
            return False
        if not self.begins_by_runs:
            has_start = self.literal is not None or (first.most is None and self.may_go_back(0))
            if not has_start:
                return False
        return all(
            self.steps[index].is_fixed or self.next_differs(index) or self.may_go_back(index)
            for index in range(len(self.steps))
        )

    def next_differs(self, index: int) -> bool:
        """Return whether no byte of a step may begin what follows it."""
        allowed = self.steps[index].allowed
        for step in self.steps[index + 1 :]:
            if not allowed.isdisjoint(step.allowed):
                return False
            if step.least:
                break
        return True

    def has_to_go_on(self, index: int) -> bool:
        """Return whether a step of at least one byte follows."""
        return any(step.least for step in self.steps[index + 1 :])

    def may_go_back(self, index: int) -> bool:
        """Return whether what follows a step begins at few places."""
        if index + 1 >= len(self.steps):
            return False
        following = self.steps[index + 1]
        return following.is_fixed and following.least == 1 and len(following.allowed) <= _RARE


def byte_chain_of(exact: str) -> ByteChain | None:
    """Return the chain that an `exact` pattern is, or None if it is none."""
    steps = fold_pattern(exact, values=_steps_of, repeated=_repeated, either=_either)
    if steps is None:
        return None
    leads, trails = steps[:1] == (_BOUNDARY,), steps[-1:] == (_BOUNDARY,)
    steps = steps[leads : len(steps) - trails]
    if not steps or _BOUNDARY in steps or len(steps) > MOST_STEPS:
        return None
    chain = ByteChain(_joined_steps(steps), leads=leads, trails=trails)
    return chain if chain.is_possible else None


def _steps_of(token: re.Match[str]) -> list[_Steps | None]:
    text = token[0]
    if token.lastgroup == "plain":
        return [(ChainStep(frozenset((byte,))),) for byte in text.encode()]
    if token.lastgroup == "flags":
        return [None]
    if text == r"\b":
        return [(_BOUNDARY,)]
    if text in (r"\B", r"\A", r"\z") or _SOME_OUTSIDE.search(text):
        return [None]
    search = compile_search(text)
    allowed = {byte for byte in range(0x80) if search(bytes((byte,)), 0, 1) == (0, 1)} - {_LF}
    if search("é".encode(), 0, 2) == (0, 2):
        allowed |= _OUTSIDE_ASCII
    return [(ChainStep(frozenset(allowed)),) if allowed else None]


def _repeated(steps: _Steps | None, token: re.Match[str]) -> _Steps | None:
    text = token[0]
    if steps is None or _BOUNDARY in steps:
        return None
    if token["least"] is None:
        least, most = int(text[0] == "+"), 1 if text[0] == "?" else None
    else:
        least = int(token["least"])
        most = (int(token["most"]) if token["most"] else None) if token["more"] else least
    if least == most:
        is_one = len(steps) == 1 and steps[0].is_fixed
        if is_one:
            return (ChainStep(steps[0].allowed, steps[0].least * least, steps[0].least * least),)
        return steps * least if len(steps) * least <= MOST_STEPS else None
    # A lazy part ends as soon as it can.
    is_lazy = len(text) > 1 and text[-1] == "?"
    if is_lazy or len(steps) != 1 or (steps[0].least, steps[0].most) != (1, 1):
        return None
    return (ChainStep(steps[0].allowed, least, most),)


def _either(branches: list[list[_Steps | None]]) -> _Steps | None:
    if len(branches) > 1:
        return None
    found: _Steps = ()
    for steps in branches[0]:
        if steps is None:
            return None
        found += steps
    return found


def _joined_steps(steps: _Steps) -> _Steps:
    """Return the steps with neighbours of the same bytes as one."""
    found: list[ChainStep] = []
    for step in steps:
        if step.most == 0:
            continue
        if found and found[-1].allowed == step.allowed:
            last = found.pop()
            both_end = last.most is not None and step.most is not None
            most = last.most + step.most if both_end else None  # type: ignore[operator]
            step = ChainStep(step.allowed, last.least + step.least, most)
        found.append(step)
    return tuple(found)


def _is_uniform(allowed: frozenset[int]) -> bool:
    """Return whether all of these bytes are of words, or none is: so no boundary is between two."""
    return allowed <= WORD or allowed.isdisjoint(WORD)


def _beginning_of(steps: _Steps) -> tuple[Literal | None, int]:
    """Return the literal with which each match begins, None for none, and the number of its steps."""
    texts: list[bytes] = []
    ignore_case, number = False, 0
    for step in steps:
        letters = {bytes((byte,)).lower() for byte in step.allowed}
        if not step.is_fixed or len(letters) > 1 or step.least > _LONGEST_REPEATED:
            break
        [letter] = letters
        # A letter in one case alone is no part of a literal that ignores case.
        is_folded = len(step.allowed) == 2
        if (
            letter.isalpha()
            and texts
            and ignore_case != is_folded
            and any(map(bytes.isalpha, texts))
        ):
            break
        ignore_case = ignore_case or is_folded
        texts.append((letter if is_folded else bytes(step.allowed)) * step.least)
        number += 1
    return (Literal(b"".join(texts), ignore_case), number) if texts else (None, 0)


def table_of(allowed: frozenset[int]) -> Array:
    table: Array = numpy.zeros(256, bool)
    table[list(allowed)] = True
    return table
