"""Selectors give file names that do no harm, and files get the letter that fits their name."""

from __future__ import annotations

import pytest

from logsrv.gopher.wire.files import file_name, letter_by_name, letter_of
from logsrv.gopher.wire.url import GopherURL


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("gopher://h/9/files/pic.gif", "pic.gif"),
        ("gopher://h/9/files/", "files"),
        ("gopher://h/9", "h"),
        ("gopher://h/9/../../etc/passwd", "passwd"),
        ("gopher://h/9/..", "=2E=2E"),
        ("gopher://h/9/a%5C..%5Cb.exe", "b.exe"),
        ("gopher://h/9/%1B%5B2J", "=1B[2J"),
        ("gopher://h/9/.bashrc", "=2Ebashrc"),
        ("gopher://h/9/caf%23351.bin", "café.bin"),
        ("gopher://h/9/caf%C3%A9.bin", "café.bin"),
        ("gopher://h/9/a%22;evil=%22x", "a=22;evil==22x"),
        ("gopher://h/9/a%23057b", "b"),
    ],
)
def test_the_name_comes_from_the_selector_and_is_safe(url: str, name: str) -> None:
    assert file_name(GopherURL.parse(url)) == name


@pytest.mark.parametrize(
    ("name", "start", "letter"),
    [
        (b"about.txt", b"Hello\r\n", "0"),
        (b"README", b"caf\xe9\n", "0"),
        (b"drawing.asc", b"\x1b[31mred\x1b[0m\n", "0"),
        (b"empty", b"", "0"),
        (b"core", b"\x7fELF\0\0", "9"),
        (b"lie.txt", b"\0\1\2", "9"),
        (b"PHOTO.JPG", b"\xff\xd8\xff", "I"),
        (b"old.gif", b"GIF89a", "g"),
        (b"page.html", b"<html>", "h"),
        (b"copy.tar.gz", b"\x1f\x8b", "5"),
        (b"paper.pdf", b"%PDF", "P"),
        (b"no.ending.", b"text", "0"),
    ],
)
def test_letter(name: bytes, start: bytes, letter: str) -> None:
    assert letter_of(name, start) == letter


def test_a_name_alone() -> None:
    """Most names need no look into the file."""
    assert (letter_by_name(b"a.txt"), letter_by_name(b"README"), letter_by_name(b"a.\xff")) == (
        *("0", None, None),
    )
