"""Parse logfmt: at least two pairs of `key=value` or `key="a value"`, anywhere in the text.

Behind an access log one pair is enough. A comma after a value separates it from the next pair, and is
dropped.

Linux' auditd writes `msg='op=login res=failed'`: pairs in single quotes are pairs as all others, and what
stands before the quote is no key. Before the names that it adds there is a byte 0x1d, stored as a code.

Keys have letters of any script, as the names in a query have.
"""

from __future__ import annotations

import re

from logsrv.kit.text.late_pattern import LatePattern
from logsrv.kit.text.quoted_text import pattern_until

# Letters, their marks and digits beyond ASCII: their blocks, without those of punctuation, arrows, emoji.
# A query tells them by category (`query/field_names.py`); this is a superset, as a test holds. It cannot be
# the same: each Python has other tables of categories, and columns that one has made are read by others.
_LETTER = (
    "\xaa\xb2\xb3\xb5\xb9\xba\xbc-\xbe\xc0-\xd6\xd8-\xf6\xf8-\u167f\u1681-\u1fff\u2070-\u209c\u20d0-\u20f0"
    "\u2100-\u2189\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u2c00-\u2dff\u2e2f\u3005-\u3007\u3021-\u302f"
    "\u3031-\u303c\u3041-\ud7ff\uf900-\ufd3d\ufd50-\ufdfb\ufe00-\ufe0f\ufe20-\ufe2f\ufe70-\ufefc\uff10-\uff19"
    "\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc\U00010000-\U0001efff\U0001f100-\U0001f10c\U0001fbf0-\U0001fbf9"
    "\U00020000-\U0003ffff\U000e0100-\U000e01ef"
)
_NAME = f"[A-Za-z_@{_LETTER}][A-Za-z0-9_.@{_LETTER}-]*"
_ASCII_NAME = "[A-Za-z_@][A-Za-z0-9_.@-]*"
_VALUE = r'(?:"(' + pattern_until('"') + r')",?(?!\S)|([^\s"]\S*)|(?!\S))'
_PAIR = LatePattern(rf"(?<!\S)({_NAME})={_VALUE}", re.ASCII)
# Finds the same in a text that is ASCII, as most are, in 5 % less time.
_pairs_in_ascii = re.compile(rf"(?<!\S)({_ASCII_NAME})={_VALUE}", re.ASCII).findall
_PAIR_OR_QUOTED = LatePattern(_PAIR.pattern + r'|(?<!\S)"' + pattern_until('"') + '"', re.ASCII)
_OPENS_PAIRS = LatePattern(rf"(?<!\S){_NAME}='(?={_NAME}=)", re.ASCII)
_closes_pairs = re.compile(r"'(?!\S)", re.ASCII).search
_SEPARATOR = LatePattern(rf"(?:\\x1d|\x1d)(?={_NAME}=)", re.ASCII)
_ESCAPED = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\nrt]))')
_SHORT = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def find_pairs(text: str) -> list[tuple[str, str, str]]:
    """Return the key, the quoted value and the bare value of each pair in a text."""
    return _pairs_in_ascii(text) if text.isascii() else _PAIR.findall(text)


def parse_logfmt(content: str) -> dict[str, str] | None:
    """Return the pairs in `content`, or None if there are fewer than two. The last pair of a key wins."""
    if content.count("=") < 2:
        return None
    content = _without_marks_of_audit(content)
    # This is `find_pairs`, without the cost of a call.
    pairs = _pairs_in_ascii(content) if content.isascii() else _PAIR.findall(content)
    return _values_of_pairs(pairs) if len(pairs) >= 2 else None


def has_marks_of_audit(content: bytes) -> bool:
    """Tell whether a content may have pairs in single quotes, or the byte 0x1d."""
    # To look for one byte takes a tenth of the time.
    return (
        (b"'" in content and b"='" in content)
        or (b"\\" in content and b"\\x1d" in content)
        or b"\x1d" in content
    )


def _without_marks_of_audit(content: str) -> str:
    """Return a content with spaces for single quotes around pairs, and for the byte 0x1d."""
    if "\\x1d" in content or "\x1d" in content:
        content = _SEPARATOR.compiled.sub(" ", content)
    if "='" not in content:
        return content
    parts: list[str] = []
    at = 0
    for opening in _OPENS_PAIRS.compiled.finditer(content):
        if opening.start() < at:
            continue
        closing = _closes_pairs(content, opening.end())
        if closing is None:
            break
        parts += (content[at : opening.start()], content[opening.end() : closing.start()], " ")
        at = closing.end()
    return "".join([*parts, content[at:]])


def parse_trailing_pairs(text: str) -> dict[str, str]:
    """Return the pairs in the text behind an access log, outside of quoted texts, which clients choose."""
    return _values_of_pairs(_PAIR_OR_QUOTED.findall(text)) if "=" in text else {}


def _values_of_pairs(pairs: list[tuple[str, str, str]]) -> dict[str, str]:
    return {
        key: unescape_value(quoted) if quoted else bare.removesuffix(",")
        for key, quoted, bare in pairs
        if key
    }


def unescape_value(value: str) -> str:
    return _ESCAPED.sub(_escaped_character, value) if "\\" in value else value


def _escaped_character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _SHORT[escape[2]]
