"""Media types for browsers: as what they may show bytes, and under which name they save them.

Sans-IO. Types go by the first bytes alone: what a menu says is somebody's claim, and nothing that
could be active (HTML, SVG, PDF) is among them.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

from logsrv.gopher.wire.charset import decode_line

MediaKind = Literal["image", "sound", "video"]
# So many of the first bytes are enough for `media_type`.
ENOUGH_TO_TELL = 16
LONGEST_NAME = 100

_SIGNS: dict[MediaKind, tuple[tuple[re.Pattern[bytes], str], ...]] = {
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
_NOT_IN_A_NAME = re.compile(r"[^\w .,()+@=-]+")


def media_type(start: bytes, kind: MediaKind) -> str | None:
    """The type of content that begins with `start`, or None if it is none that browsers show."""
    return next((name for sign, name in _SIGNS[kind] if sign.match(start)), None)


def file_name(selector: bytes) -> str:
    """A name to save an item under: the last part of its selector, without what could do harm."""
    last = decode_line(selector).rstrip("/").rpartition("/")[2]
    name = _NOT_IN_A_NAME.sub("_", last).strip(" .")
    if len(name) > LONGEST_NAME:
        dot = name.rfind(".")
        ending = name[dot:] if dot > len(name) - 12 else ""
        name = name[: LONGEST_NAME - len(ending)] + ending
    return name or "gopher-file"


def disposition(name: str) -> str:
    """The value of Content-Disposition that saves under `name` (RFC 6266, appendix D)."""
    plain = "".join(letter if letter.isascii() else "_" for letter in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
