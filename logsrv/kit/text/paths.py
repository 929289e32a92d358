"""Makes file names from outside data: safe on every file system, and always inside their directory.

Nothing else in the code makes a path of outside data.
"""

from __future__ import annotations

import re

LONGEST_NAME = 200
"""The most bytes of a file name. File systems accept 255; a file that is being written has a suffix."""

# For these names Windows opens a device instead of a file, also if a dot and more follow the name.
_NUMBERED = {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"}
_DEVICES = {"con", "prn", "aux", "nul", *_NUMBERED}
# Most names have only these characters, and need no change.
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_. -"
# Characters that Windows and FAT refuse, that mislead a terminal or a reader (as in escape.py), and
# bytes that are not UTF-8.
_UNSAFE = (
    '[\x00-\x1f\x7f-\x9f"*/:<>?\\\\|\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]'
    # Beginnings of hidden files and of options, and endings that Windows drops.
    r"|\A[.\- ~]|[. ]\Z"
)
_LONGEST_ENDING = 16


def _escape_bytes(match: re.Match[str]) -> str:
    return "".join(f"={byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def safe_name(name: bytes) -> str:
    """Return a safe file name for `name`: the same name if it is safe, else with `=XX` in place of each
    unsafe byte.

    It is never empty or hidden, and has LONGEST_NAME bytes at most: a longer name is shortened, with a
    digest in it. Different names may get the same result, and names that differ only in case stay
    different: the caller has to compare if that matters.
    """
    text = name.decode("utf-8", "surrogateescape")
    if not text or name.translate(None, _PLAIN) or text.strip(".- ") != text:
        text = re.sub(_UNSAFE, _escape_bytes, text) or "="
    if text.partition(".")[0].rstrip(" ").lower() in _DEVICES:
        text = f"={ord(text[0]):02X}{text[1:]}"
    return text if len(text.encode()) <= LONGEST_NAME else _shorten_with_digest(text)


def _shorten_with_digest(text: str) -> str:
    """Return the beginning and the ending of a name, with a digest of the whole name between them."""
    from hashlib import sha256  # 5 ms, with OpenSSL, and few names are so long

    stem, dot, ending = text.rpartition(".")
    if not dot or len(ending.encode()) > _LONGEST_ENDING:
        stem, ending = text, ""
    end = f"={sha256(text.encode()).hexdigest()[:16]}{dot if ending else ''}{ending}"
    room = LONGEST_NAME - len(end.encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + end


def checked_name(name: str) -> str:
    """Return `name` if a file with this name would be inside its directory, and not hidden.

    Raises ValueError for a name with a separator or NUL, an empty one, one that begins with a dot (also
    `..`), or one of more than 255 bytes.
    """
    leads_out = name[:1] in ("", ".") or "/" in name or "\\" in name or "\0" in name
    if leads_out or len(name.encode()) > 255:
        raise ValueError(f"{name[:300]!r} is not a name for a file inside a directory")
    return name
