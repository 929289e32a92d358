"""Parse logfmt: at least two pairs of `key=value` or `key="a value"`, anywhere in the text.

A comma after a value separates it from the next pair, and is dropped.
"""

from __future__ import annotations

import re

from logsrv.kit.text.quoted_text import pattern_until

_PAIR = re.compile(
    r"(?<!\S)([A-Za-z_@][A-Za-z0-9_.@-]*)="
    r'(?:"(' + pattern_until('"') + r')",?(?!\S)|([^\s"]\S*)|(?!\S))',
    re.ASCII,
)
_ESCAPED = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\nrt]))')
_SHORT = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def parse_logfmt(content: str) -> dict[str, str] | None:
    """Return the pairs in `content`, or None if there are fewer than two. The last pair of a key wins."""
    if content.count("=") < 2:
        return None
    pairs = _PAIR.findall(content)
    if len(pairs) < 2:
        return None
    return {
        key: _unescape_value(quoted) if quoted else bare.removesuffix(",")
        for key, quoted, bare in pairs
    }


def _unescape_value(value: str) -> str:
    return _ESCAPED.sub(_escaped_character, value) if "\\" in value else value


def _escaped_character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _SHORT[escape[2]]
