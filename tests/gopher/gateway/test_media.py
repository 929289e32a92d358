"""Bytes are shown only as what they are, and saved under harmless names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.gateway.media import disposition, file_name, media_type


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
    assert media_type(start, kind) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (b"/pub/tides.zip", "tides.zip"),
        (b"/pub/dir/", "dir"),
        (b"/../../etc/passwd", "passwd"),
        (b"..", "gopher-file"),
        (b"", "gopher-file"),
        (b'a";evil="x', "a_evil=_x"),
        (b"a\x1b[31m\\b:c|d", "a_31m_b_c_d"),
        (b"/.bashrc", "bashrc"),
        ("/Küche.txt".encode(), "Küche.txt"),
        (b"/caf\xe9.txt", "café.txt"),
    ],
)
def test_file_name(selector: bytes, expected: str) -> None:
    """Downloads get the name that people expect, without what could leave the folder."""
    assert file_name(selector) == expected


@given(st.binary(max_size=400))
def test_any_file_name(selector: bytes) -> None:
    """No selector makes a name that is empty, hidden, long or another place; the header stays one line."""
    name = file_name(selector)
    assert name
    assert len(name) <= 100
    assert not name.startswith(".")
    assert not set(name) & set('/\\:"<>|*?\0\r\n;')
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()


def test_long_name() -> None:
    """A long name is cut, and keeps its ending."""
    assert file_name(b"x" * 300 + b".tar.gz").endswith(".gz")
    assert disposition("Küche.txt") == (
        "attachment; filename=\"K_che.txt\"; filename*=UTF-8''K%C3%BCche.txt"
    )
