"""Parse logfmt: at least two pairs of `key=value` or `key="a value"`, anywhere in the text.

Behind an access log one pair is enough. A comma after a value separates it from the next pair, and is
dropped.

Linux' auditd writes `msg='op=login res=failed'`: pairs in single quotes are pairs as all others, and what
stands before the quote is no key. Before the names that it adds there is a byte 0x1d, stored as a code.
"""

from __future__ import annotations

import re

from logsrv.kit.text.quoted_text import pattern_until

_KEY = "[A-Za-z_@][A-Za-z0-9_.@-]*="
_PAIR = re.compile(
    r"(?<!\S)([A-Za-z_@][A-Za-z0-9_.@-]*)="
    r'(?:"(' + pattern_until('"') + r')",?(?!\S)|([^\s"]\S*)|(?!\S))',
    re.ASCII,
)
_PAIR_OR_QUOTED = re.compile(_PAIR.pattern + r'|(?<!\S)"' + pattern_until('"') + '"', re.ASCII)
_opens_pairs = re.compile(rf"(?<!\S){_KEY}'(?={_KEY})", re.ASCII).finditer
_closes_pairs = re.compile(r"'(?!\S)", re.ASCII).search
_SEPARATOR = re.compile(rf"(?:\\x1d|\x1d)(?={_KEY})", re.ASCII)
_ESCAPED = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\nrt]))')
_SHORT = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


find_pairs = _PAIR.findall
"""Returns the key, the quoted value and the bare value of each pair in a text."""


def parse_logfmt(content: str) -> dict[str, str] | None:
    """Return the pairs in `content`, or None if there are fewer than two. The last pair of a key wins."""
    if content.count("=") < 2:
        return None
    pairs = find_pairs(_without_marks_of_audit(content))
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
        content = _SEPARATOR.sub(" ", content)
    if "='" not in content:
        return content
    parts: list[str] = []
    at = 0
    for opening in _opens_pairs(content):
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
