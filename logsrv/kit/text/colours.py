r"""Removes colours and other escape sequences of terminals (ECMA-48) from text.

The store has ESC as the four characters `\x1b`, with --raw as a byte; JSON may have it as an escape.
A sequence inside a word, as `grep --color` writes it, stays a part of the word: so a word that a field has
without sequences stands unbroken in the line, and an index finds it.
"""

from __future__ import annotations

import re

ESC, STORED_ESC = b"\x1b", rb"\x1b"
# CSI, as `[31m`; then OSC, DCS and other strings up to their end, as links and titles; then short ones, as
# `(B`. All may be cut off; none has an LF.
_REST = (
    rb"(?:\[[0-?]*[!-/]*[@-\[\]-~]?"
    rb"|[\]PX^_](?:(?!\\x07|\\x1b)[^\x07\x1b\n])*(?:\x07|\\x07|(?:\x1b|\\x1b)\\(?!x1b))"
    rb"|[!-/]*(?:[0-\[\]-~]|\\(?!x1b))?)"
)
# Behind a backslash it is no ESC: JSON writes the text `\\x1b` so.
_find = re.compile(rb"(?:(?<!\\)\\x1b|\x1b)" + _REST + rb"(?:(?:\\x1b|\x1b)" + _REST + rb")*").sub
_WORD = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_./@+%-")
_COLON = ord(":")


def has_colours(text: bytes) -> bool:
    """Return whether a text may have escape sequences."""
    # A single byte is found fifty times as fast.
    return ESC in text or (b"\\" in text and STORED_ESC in text)


def without_colours(text: bytes) -> bytes:
    """Return a text of one or several lines without its escape sequences; sequences inside words stay."""
    return _find(_replacement, text) if has_colours(text) else text


def text_without_colours(text: str) -> str:
    """Return a text, which may have lone surrogates, without its escape sequences."""
    if "\x1b" not in text:
        return text
    return without_colours(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def _replacement(found: re.Match[bytes]) -> bytes:
    text, start, end = found.string, found.start(), found.end()
    if start and _is_in_word(text[start - 1]) and end < len(text):
        # A colon ends a word, unless another one follows it.
        end += text[end] == _COLON
        if end < len(text) and _is_in_word(text[end]):
            return found[0]
    return b""


def _is_in_word(byte: int) -> bool:
    return byte in _WORD or byte >= 0x80
