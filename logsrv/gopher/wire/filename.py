"""File names out of selectors, for people."""

from __future__ import annotations

from logsrv.gopher.wire.charset import decode_line
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.paths import safe_name

# gophernicus writes bytes that it thinks unsafe in octal. Compiled when first used.
_OCTAL = rb"#([0-3][0-7]{2})"


def name_of(selector: bytes) -> bytes:
    """`selector` with the bytes that gophernicus writes as `#NNN` as themselves: a name for people."""
    if b"#" not in selector:
        return selector
    import re

    return re.sub(_OCTAL, lambda found: bytes([int(found[1], 8)]), selector)


def file_name(url: GopherURL) -> str:
    """A safe name for what `url` leads to: the end of its selector, or its host."""
    words = name_of(url.selector).replace(b"\\", b"/").split(b"/")
    words = [word for word in words if word]
    return safe_name(decode_line(words[-1]).encode() if words else url.host.encode())
