"""Media types for browsers: as what they may show bytes, and under which name they save them.

Sans-IO. Types go by the first bytes alone: what a menu says is somebody's claim, and nothing that
could be active (HTML, SVG, PDF) is among them.
"""

from __future__ import annotations

import re
from urllib.parse import quote

# First bytes that are enough for `media_type`.
ENOUGH_TO_TELL = 16

# By the name of an item type.
MEDIA: dict[str, tuple[tuple[re.Pattern[bytes], str], ...]] = {
    "image": (
        (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
        (re.compile(rb"GIF8[79]a"), "image/gif"),
        (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
        (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
        (re.compile(rb"....ftypavif", re.DOTALL), "image/avif"),
        (re.compile(rb"BM"), "image/bmp"),
    ),
    "sound": (
        (re.compile(rb"ID3|\xff[\xe2-\xfb]"), "audio/mpeg"),
        (re.compile(rb"OggS"), "audio/ogg"),
        (re.compile(rb"RIFF....WAVE", re.DOTALL), "audio/wav"),
        (re.compile(rb"fLaC"), "audio/flac"),
        (re.compile(rb"....ftyp", re.DOTALL), "audio/mp4"),
    ),
    "video": (
        (re.compile(rb"....ftyp", re.DOTALL), "video/mp4"),
        (re.compile(rb"\x1aE\xdf\xa3"), "video/webm"),
        (re.compile(rb"OggS"), "video/ogg"),
    ),
}
_NOT_PLAIN = re.compile(r"[^\w .,()+@=-]", re.ASCII)


def media_type(start: bytes, kind: str) -> str | None:
    """The type of content that begins with `start`, or None if it is none that browsers show."""
    return next((name for sign, name in MEDIA[kind] if sign.match(start)), None)


def disposition(name: str) -> str:
    """The value of Content-Disposition that saves under `name` (RFC 6266, appendix D)."""
    plain = _NOT_PLAIN.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
