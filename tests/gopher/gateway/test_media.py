"""Bytes are shown only as what they are, and saved under harmless names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.gateway.media import disposition, media_type


@pytest.mark.parametrize(
    ("start", "kind", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n0000", "image", "image/png"),
        (b"GIF89a", "image", "image/gif"),
        (b"\xff\xd8\xff\xe0", "image", "image/jpeg"),
        (b"RIFF0000WEBP", "image", "image/webp"),
        (b"RIFF0000WAVE", "image", None),
        (b"RIFF0000WAVE", "sound", "audio/wav"),
        (b"ID3\x04", "sound", "audio/mpeg"),
        (b"OggS", "sound", "audio/ogg"),
        (b"\x1aE\xdf\xa3", "video", "video/webm"),
        (b"\0\0\0\x18ftypmp42", "video", "video/mp4"),
        (b"<svg xmlns=", "image", None),
        (b"<html>", "image", None),
        (b"%PDF-1.7", "image", None),
        (b"", "image", None),
    ],
)
def test_media_type(start: bytes, kind: str, expected: str | None) -> None:
    """Pictures are what they begin like; a page with scripts in it is never a picture."""
    assert media_type(start, kind) == expected


@given(st.text(min_size=1, max_size=200))
def test_any_name_is_one_line_of_the_header(name: str) -> None:
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


def test_name() -> None:
    """Browsers of today take the name itself, others one in ASCII."""
    assert disposition("Küche.txt") == (
        "attachment; filename=\"K_che.txt\"; filename*=UTF-8''K%C3%BCche.txt"
    )
