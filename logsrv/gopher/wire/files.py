"""Names of files from selectors, and item types of files. Sans-IO."""

from __future__ import annotations

import re

from logsrv.gopher.wire.charset import decode_line
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.paths import safe_name

# gophernicus writes unsafe bytes in octal. Compiled when first used.
_OCTAL = rb"#([0-3][0-7]{2})"

# The number of bytes from the beginning of a file that `item_type_of_file` looks at.
ENOUGH_TO_TELL = 512

_ENDINGS = {
    "0": "asc atom c cfg conf css csv diff go h hs ini java js json log lua md nfo patch pl py rb rs rst "
    "rss sh sql tex toml tsv txt xml yaml yml",
    "4": "hqx",
    "5": "7z arc arj bz2 gz lha lzh rar tar tbz tgz txz xz zip zoo zst",
    "6": "uu uue",
    "9": "bin com deb dll dmg elf exe img iso jar o pyc rpm so",
    ":": "bmp",
    ";": "avi m4v mkv mov mp4 mpeg mpg ogv webm",
    "I": "avif ico jpeg jpg png svg tif tiff webp",
    "M": "eml mbox",
    "P": "pdf",
    "c": "ics",
    "d": "doc docx epub odt ps",
    "g": "gif",
    "h": "htm html xhtml",
    "r": "rtf",
    "s": "aac aif au flac m4a mid mod mp3 ogg opus s3m wav xm",
}
_LETTERS = {ending: letter for letter, endings in _ENDINGS.items() for ending in endings.split()}
# Control characters that no text has; ESC is in drawings with colours.
_NO_TEXT = bytes([*range(7), *range(0x0E, 0x1A), *range(0x1C, 0x20), 0x7F])


def decode_gophernicus_name(selector: bytes) -> bytes:
    """Decode the `#NNN` that gophernicus writes for unsafe bytes of a selector."""
    if b"#" not in selector:
        return selector
    return re.sub(_OCTAL, lambda found: bytes([int(found[1], 8)]), selector)


def file_name(url: GopherURL) -> str:
    """Return a safe file name for `url`: the end of its selector, or its host."""
    words = decode_gophernicus_name(url.selector).replace(b"\\", b"/").split(b"/")
    words = [word for word in words if word]
    return safe_name(decode_line(words[-1]).encode() if words else url.host.encode())


def item_type_by_name(name: bytes) -> str | None:
    """Return the item type for the ending of a name, or None for an unknown ending."""
    _, dot, ending = name.rpartition(b".")
    return _LETTERS.get(ending.decode("latin-1").lower()) if dot else None


def item_type_of_file(name: bytes, start: bytes) -> str:
    """Return the item type of a file by its name and its first bytes.

    A file that is named like a text but is not one gets type 9, binary.
    """
    begun = start[:ENOUGH_TO_TELL]
    is_text = len(begun.translate(None, _NO_TEXT)) == len(begun)
    letter = item_type_by_name(name) or ("0" if is_text else "9")
    return letter if is_text or letter not in "046Mc" else "9"
