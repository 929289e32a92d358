"""Files get the letter that fits their name, and never that of a text if they are none."""

from __future__ import annotations

import pytest

from logsrv.gopher.wire.filetypes import letter_by_name, letter_of


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
