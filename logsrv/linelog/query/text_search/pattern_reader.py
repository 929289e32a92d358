"""A reader of patterns: it parses a pattern once, and rewrites it for RE2 in two forms.

The pattern is rewritten for three reasons. We ignore case in ASCII only, while RE2 folds all of Unicode (a
Kelvin sign would be a k). The first pass searches many lines at once, so `^` and `$` must not mean the
beginning and the end of all of them. And we need the literals that every match contains.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from logsrv.linelog.query.text_search.engine import TOKEN
from logsrv.linelog.query.text_search.literals import (
    Literal,
    Need,
    expression_for_text,
    need_of_all,
    need_of_any,
)

_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CHARACTER = r"\\(?:x\{[0-9A-Fa-f]{1,8}\}|x[0-9A-Fa-f]{2}|[0-7]{1,3}|.)|[^\\]"
# An item of a class: one that RE2 reads alone, or a character or a range of them.
_IN_CLASS = re.compile(
    r"(?P<alone>\[:\^?[a-z]*:\]|\\[pP](?:\{[^}]*\}|.)|\\[dDsSwW])"
    rf"|(?P<low>{_CHARACTER})(?:-(?P<high>{_CHARACTER}))?",
    re.DOTALL,
)
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
        all_texts: dict[bytes, None] = {}
        for branch in self.branches:
            texts: tuple[bytes, ...] = (b"",)
            for item in branch:
                if not isinstance(item, _OneOfTexts) or item.fold != self.fold:
                    return None
                texts = tuple(one + other for one in texts for other in item.texts)
                if len(texts) > MOST_TEXTS:
                    return None
            all_texts.update(dict.fromkeys(texts))
        return _OneOfTexts(tuple(all_texts), self.fold) if len(all_texts) <= MOST_TEXTS else None


class PatternReader:
    """The reader of a pattern that RE2 has accepted."""

    def __init__(self, pattern: str, *, fold: bool) -> None:
        self.pattern = pattern
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
        classes = tuple([item.allowed for item in items for _ in range(item.least)])
        return classes if len(classes) <= WIDEST else ()

    def read_pattern(self) -> None:
        for token in TOKEN.finditer(self.pattern):
            kind, text = token.lastgroup, token[0]
            if kind in ("plain", "quoted"):
                for character in token[kind]:
                    self._write_literal(character)
            elif kind == "escape":
                self._read_escape(text)
            elif kind in ("property", "many"):
                self._write_both_forms(text)
            elif kind == "class":
                self._read_class(text)
            elif kind == "flags":
                self.groups[-1].fold, flags = self._read_flags(text[2:-1])
                self._write_both_forms(f"(?{flags})" if flags else "")
            elif kind == "open":
                self._open_group(text)
            elif kind == "close":
                group = self.groups.pop()
                self._write_both_forms(")", need=group.all_texts() or group.need())
            elif kind == "repeat":
                self._read_repetition(token)
            else:
                self._read_other_character(text)

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

    def _read_escape(self, text: str) -> None:
        meaning = text[1:]
        if meaning in "bBdsw":
            self._write_both_forms(text, allowed=_CLASSES.get(meaning, frozenset()))
        elif meaning == "A":
            self._write_start_anchor()
        elif meaning == "z":
            self._write_both_forms(r"\z", "(?m:$)")
        elif meaning != "E":
            self._write_literal(_character_of(text))

    def _read_class(self, text: str) -> None:
        """Read `[…]`, and write its letters in both cases if case is ignored."""
        written = ["[^" if text.startswith("[^") else "["]
        # Known are classes of which all bytes are ASCII.
        is_known, allowed = written == ["["], set[int]()
        for item in _IN_CLASS.finditer(text[:-1], len(written[0])):
            if alone := item["alone"]:
                written.append(alone)
                is_known = is_known and alone[1:] in _CLASSES
                allowed |= _CLASSES.get(alone[1:], frozenset())
                continue
            low = ord(_character_of(item["low"]))
            high = ord(_character_of(item["high"] or item["low"]))
            others = _other_case_ranges(low, high) if self.groups[-1].fold else []
            is_known = is_known and high < 0x80
            for first, last in [(low, high), *others]:
                written.append(f"{_quoted_code_point(first)}-{_quoted_code_point(last)}")
                allowed.update(range(first, min(last, 0x7F) + 1))
        found = frozenset(allowed) if is_known else frozenset[int]()
        if found in _LETTERS:
            # Written like a letter of a text, which `compiled` recognizes.
            written = [expression_for_text(chr(max(found)), ignore_case=True)]
        else:
            written.append("]")
        self._write_both_forms("".join(written), allowed=found)

    def _open_group(self, text: str) -> None:
        opened, fold = "(?:", self.groups[-1].fold
        if "<" not in text:
            fold, flags = self._read_flags(text[2:-1])
            opened = f"(?{flags}:"
        self.exact.append(text if "<" in text else opened)
        self.loose.append(opened)
        self.groups.append(_OpenGroup(fold))

    def _read_flags(self, flags: str) -> tuple[bool, str]:
        """Return whether case is ignored with these flags, and those for RE2.

        It never gets i and m: we write both cases, and ^ is the beginning of the message.
        """
        on, _, off = flags.partition("-")
        fold = (self.groups[-1].fold or "i" in on) and "i" not in off
        kept = "".join(flag for flag in on if flag in "sU")
        dropped = "".join(flag for flag in off if flag in "sU")
        return fold, kept + ("-" + dropped if dropped else "")

    def _read_repetition(self, repeat: re.Match[str]) -> None:
        branch = self.groups[-1].branches[-1]
        number = repeat["least"]
        least = repeat[0][0] == "+" or (number is not None and int(number) > 0)
        if not least and branch:
            branch[-1] = None
        if self._items and self._is_fixed:
            times = int(least) if number is None else int(number)
            is_fixed = number is not None and repeat["most"] in (None, number)
            self._items[-1] = _ByteItem(self._items[-1].allowed, times, is_fixed)
        self.exact.append(repeat[0])
        self.loose.append(repeat[0])
        branch.append(None)


def _character_of(text: str) -> str:
    """Return the character that a text is, or an escape means."""
    if text[0] != "\\":
        return text
    if text[1] == "x":
        return chr(int(text[2:].strip("{}"), 16))
    return chr(int(text[1:], 8)) if text[1] in "01234567" else _CONTROLS.get(text[1], text[1])


def _need_of_sequence(branch: list[_OneOfTexts | Need | None]) -> Need | None:
    """Return the need of items in sequence: adjacent characters and groups are joined to longer texts."""
    needs: list[Need | None] = []
    run: tuple[bytes, ...] = ()
    fold = False
    for item in [*branch, None]:
        if isinstance(item, _OneOfTexts) and run and item.fold == fold:
            longer = tuple(one + other for one in run for other in item.texts)
            if len(longer) <= MOST_TEXTS:
                run = longer
                continue
        if run:
            needs.append(_need_of_texts(run, fold))
        run = ()
        if isinstance(item, _OneOfTexts):
            run, fold = item.texts, item.fold
        else:
            needs.append(item)
    return need_of_all(needs)


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
