"""A reader of patterns: it parses a pattern once, and rewrites it for RE2 in two forms.

The pattern is rewritten for three reasons. We ignore case in ASCII only, while RE2 folds all of Unicode (a
Kelvin sign would be a k). The first pass searches many lines at once, so `^` and `$` must not mean the
beginning and the end of all of them. And we need the literals that every match contains.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from logsrv.linelog.query.literals import (
    Literal,
    Need,
    expression_for_text,
    need_of_all,
    need_of_any,
)

_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}")
_HEX = re.compile(r"x(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2}))")
_PROPERTY = re.compile(r"[pP](?:\{[^}]*\}|.)", re.DOTALL)
_POSIX = re.compile(r"\[:\^?[a-z]*:\]")
_GROUP = re.compile(r"\((?:\?(?:P?<([^>]*)>|([imsU-]*)([:)])))?")
_REPEAT = re.compile(r"(?:[*+?]|\{([0-9]+)(?:,([0-9]*))?\})\??")
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# The ends of a range of a class, as `_quoted_code_point` writes them.
_ENDS = re.compile(r"\\x\{([0-9a-f]+)\}|([A-Za-z0-9])")
_LF = ord("\n")
_CLASSES = {
    "d": frozenset(b"0123456789"),
    "w": frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"),
}
_LETTERS = {frozenset((letter, letter ^ 0x20)) for letter in b"abcdefghijklmnopqrstuvwxyz"}
WIDEST = 200
"""Bytes of the longest expression that is searched for as one of fixed width."""
MOST_TEXTS = 8
"""Texts to which an expression such as `user=(ann|eve)` may be expanded."""


class _ByteItem(NamedTuple):
    """An item that matches a byte of `allowed`, `least` times, or `least` times or more if not fixed."""

    allowed: frozenset[int]
    least: int
    is_fixed: bool


class _OneOfTexts(NamedTuple):
    """An item that matches one of these texts, and nothing else."""

    texts: tuple[bytes, ...]
    fold: bool


class _OpenGroup:
    """An open group: the needs of its branches so far."""

    def __init__(self, fold: bool) -> None:
        self.fold = fold
        self.branches: list[list[_OneOfTexts | Need | None]] = [[]]
        """For each branch its texts and inner groups in order; None ends a run of texts."""

    def need(self) -> Need | None:
        return need_of_any(_need_of_sequence(branch) for branch in self.branches)

    @property
    def begins_with_one_text(self) -> bool:
        first = self.branches[0][0] if len(self.branches) == 1 and self.branches[0] else None
        return isinstance(first, _OneOfTexts) and len(first.texts) == 1

    def all_texts(self) -> _OneOfTexts | None:
        """Return all texts that the group matches, or None if they are many or differ in `fold`."""
        found: dict[bytes, None] = {}
        for branch in self.branches:
            texts: tuple[bytes, ...] = (b"",)
            for item in branch:
                if not isinstance(item, _OneOfTexts) or item.fold != self.fold:
                    return None
                texts = tuple(one + other for one in texts for other in item.texts)
                if len(texts) > MOST_TEXTS:
                    return None
            found.update(dict.fromkeys(texts))
        return _OneOfTexts(tuple(found), self.fold) if len(found) <= MOST_TEXTS else None


class PatternReader:
    """The reader of a pattern that RE2 has accepted."""

    def __init__(self, pattern: str, *, fold: bool) -> None:
        self.pattern = pattern
        self.at = 0
        self.groups = [_OpenGroup(fold)]
        self.exact: list[str] = []
        self.loose: list[str] = []
        self.anchored = False
        self._items: list[_ByteItem] = []
        self._is_fixed = True

    def bytes_by_position(self) -> tuple[frozenset[int], ...]:
        """Return the allowed bytes of each position; empty unless the expression is ASCII and fixed."""
        items = self._items
        # The first and the last item need only their least number of repetitions: we look for a match of
        # any length.
        for end in (0, -1):
            while items and not items[end].is_fixed:
                allowed, least, _ = items.pop(end)
                items.insert(len(items) if end else 0, _ByteItem(allowed, least, True))
                if not least:
                    items.pop(end)
        if not self._is_fixed or not all(item.is_fixed for item in items):
            return ()
        places = tuple([item.allowed for item in items for _ in range(item.least)])
        return places if len(places) <= WIDEST else ()

    def read_pattern(self) -> None:
        while self.at < len(self.pattern):
            character = self.pattern[self.at]
            if character == "\\":
                self._read_escape()
            elif character == "[":
                self._read_class()
            elif character in "()":
                self._read_parenthesis(character)
            elif repeat := _REPEAT.match(self.pattern, self.at):
                self._read_repetition(repeat)
            else:
                self.at += 1
                self._read_other_character(character)

    def _write_both_forms(
        self,
        exact: str,
        loose: str | None = None,
        need: _OneOfTexts | Need | None = None,
        allowed: frozenset[int] = frozenset(),
    ) -> None:
        """Write an item in both forms. allowed: the bytes that it matches, if it matches just one byte."""
        if allowed and max(allowed) < 0x80 and _LF not in allowed:
            self._items.append(_ByteItem(allowed, 1, True))
        else:
            self._is_fixed = False
        self.exact.append(exact)
        self.loose.append(exact if loose is None else loose)
        self.groups[-1].branches[-1].append(need)

    def _read_other_character(self, character: str) -> None:
        if character == "^":
            self._write_start_anchor()
        elif character == "$":
            self._write_both_forms(r"\z", "(?m:$)")
        elif character == "|":
            self._is_fixed = False
            self.exact.append("|")
            self.loose.append("|")
            self.groups[-1].branches.append([])
        elif character == ".":
            self._write_both_forms(".")
        else:
            self._write_literal(character)

    def _write_start_anchor(self) -> None:
        self.anchored = True
        self._write_both_forms(r"\A", "(?:)")

    def _write_literal(self, character: str) -> None:
        fold = self.groups[-1].fold
        needed = _OneOfTexts(
            ((lower_ascii_letter(character) if fold else character).encode(),), fold
        )
        cases = {character}
        if fold and character.isascii():
            cases = {character.upper(), character.lower()}
        written = expression_for_text(character, ignore_case=fold)
        self._write_both_forms(written, need=needed, allowed=frozenset(map(ord, cases)))

    def _read_escape(self) -> None:
        rest = self.at + 1
        following = self.pattern[rest]
        if following == "Q":
            end = self.pattern.find(r"\E", rest)
            for character in self.pattern[rest + 1 : end if end >= 0 else None]:
                self._write_literal(character)
            self.at = end + 2 if end >= 0 else len(self.pattern)
        elif following == "E":
            self.at = rest + 1
        elif found := _PROPERTY.match(self.pattern, rest):
            self.at = found.end()
            self._write_both_forms("\\" + found[0])
        elif following in "dDsSwWbB":
            self.at = rest + 1
            self._write_both_forms("\\" + following, allowed=_CLASSES.get(following, frozenset()))
        elif following == "A":
            self.at = rest + 1
            self._write_start_anchor()
        elif following == "z":
            self.at = rest + 1
            self._write_both_forms(r"\z", "(?m:$)")
        else:
            self._write_literal(self._read_escaped_character())

    def _read_escaped_character(self) -> str:
        """Read an escape and return the character that it means."""
        rest = self.at + 1
        if found := _HEX.match(self.pattern, rest):
            self.at = found.end()
            return chr(int(found[1] or found[2], 16))
        if found := _OCTAL.match(self.pattern, rest):
            self.at = found.end()
            return chr(int(found[0], 8))
        self.at = rest + 1
        character = self.pattern[rest]
        return _CONTROLS.get(character, character)

    def _read_class(self) -> None:
        """Read `[…]`, and write its letters in both cases if case is ignored."""
        first = self.at + 1
        negated = self.pattern.startswith("^", first)
        self.at = first = first + negated
        items: list[str] = []
        while self.at == first or self.pattern[self.at] != "]":
            items.append(self._read_class_item())
        self.at += 1
        allowed = frozenset() if negated else _bytes_of_class(items)
        written = f"[{'^' if negated else ''}{''.join(items)}]"
        if allowed in _LETTERS:
            # Written like a letter of a text, which `compiled` recognizes.
            written = expression_for_text(chr(max(allowed)), ignore_case=True)
        self._write_both_forms(written, allowed=allowed)

    def _read_class_item(self) -> str:
        if posix := _POSIX.match(self.pattern, self.at):
            self.at = posix.end()
            return posix[0]
        if self.pattern[self.at] == "\\":
            if found := _PROPERTY.match(self.pattern, self.at + 1):
                self.at = found.end()
                return "\\" + found[0]
            if self.pattern[self.at + 1] in "dDsSwW":
                self.at += 2
                return self.pattern[self.at - 2 : self.at]
        low = high = ord(self._read_class_character())
        if self.pattern.startswith("-", self.at) and self.pattern[self.at + 1 : self.at + 2] != "]":
            self.at += 1
            high = ord(self._read_class_character())
        ranges = [(low, high)]
        if self.groups[-1].fold:
            ranges += _other_case_ranges(low, high)
        return "".join(
            f"{_quoted_code_point(low)}-{_quoted_code_point(high)}" for low, high in ranges
        )

    def _read_class_character(self) -> str:
        if self.pattern[self.at] == "\\":
            return self._read_escaped_character()
        self.at += 1
        return self.pattern[self.at - 1]

    def _read_parenthesis(self, character: str) -> None:
        if character == ")":
            self.at += 1
            group = self.groups.pop()
            self._write_both_forms(")", need=group.all_texts() or group.need())
            return
        found = _GROUP.match(self.pattern, self.at)
        assert found is not None
        self.at = found.end()
        fold = self.groups[-1].fold
        name, flags, end = found.groups()
        if flags is not None:
            on, _, off = flags.partition("-")
            fold = (fold or "i" in on) and "i" not in off
            # RE2 never gets the flags i and m: we write both cases, and ^ is the beginning of the message.
            kept = "".join(flag for flag in on if flag in "sU")
            dropped = "".join(flag for flag in off if flag in "sU")
            flags = kept + ("-" + dropped if dropped else "")
        if end == ")":
            self.groups[-1].fold = fold
            self._write_both_forms(f"(?{flags})" if flags else "")
            return
        opened = f"(?{flags or ''}:"
        self.exact.append(opened if name is None else f"(?P<{name}>")
        self.loose.append(opened)
        self.groups.append(_OpenGroup(fold))

    def _read_repetition(self, repeat: re.Match[str]) -> None:
        self.at = repeat.end()
        branch = self.groups[-1].branches[-1]
        least = repeat[0][0] == "+" or (repeat[1] is not None and int(repeat[1]) > 0)
        if not least and branch:
            branch[-1] = None
        if self._items and self._is_fixed:
            number = int(repeat[1]) if repeat[1] is not None else int(least)
            is_fixed = repeat[1] is not None and repeat[2] in (None, repeat[1])
            self._items[-1] = _ByteItem(self._items[-1].allowed, number, is_fixed)
        self.exact.append(repeat[0])
        self.loose.append(repeat[0])
        branch.append(None)


def _bytes_of_class(items: list[str]) -> frozenset[int]:
    """Return the bytes of a class; empty unless all of them are known and ASCII."""
    found: set[int] = set()
    for item in items:
        if item.startswith("\\") and item[1:] in _CLASSES:
            found |= _CLASSES[item[1:]]
        elif item.startswith(("[", "\\")) and not item.startswith("\\x"):
            return frozenset()
        else:
            ends = [int(code, 16) if code else ord(plain) for code, plain in _ENDS.findall(item)]
            if max(ends) >= 0x80:
                return frozenset()
            for low, high in zip(ends[::2], ends[1::2], strict=True):
                found.update(range(low, high + 1))
    return frozenset(found)


def _need_of_sequence(branch: list[_OneOfTexts | Need | None]) -> Need | None:
    """Return the need of items in sequence: adjacent characters and groups are joined to longer texts."""
    found: list[Need | None] = []
    run: tuple[bytes, ...] = ()
    fold = False
    for item in [*branch, None]:
        if isinstance(item, _OneOfTexts) and run and item.fold == fold:
            longer = tuple(one + other for one in run for other in item.texts)
            if len(longer) <= MOST_TEXTS:
                run = longer
                continue
        if run:
            found.append(_need_of_texts(run, fold))
        run = ()
        if isinstance(item, _OneOfTexts):
            run, fold = item.texts, item.fold
        else:
            found.append(item)
    return need_of_all(found)


def _need_of_texts(texts: tuple[bytes, ...], fold: bool) -> Need | None:
    return need_of_any(Literal(text, fold) for text in texts) if all(texts) else None


def lower_ascii_letter(character: str) -> str:
    """Return the small letter of A–Z, and any other character unchanged."""
    return character.lower() if character.isascii() else character


def _other_case_ranges(low: int, high: int) -> list[tuple[int, int]]:
    """Return the ASCII letters of a range in their other case, as ranges."""
    found = []
    for first, last, shift in ((65, 90, 32), (97, 122, -32)):
        start, end = max(low, first), min(high, last)
        if start <= end:
            found.append((start + shift, end + shift))
    return found


def _quoted_code_point(character: int) -> str:
    return expression_for_text(chr(character), ignore_case=False)
