"""A selector gives a file name that does no harm."""

from __future__ import annotations

import pytest

from logsrv.gopher.wire.filename import file_name
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
