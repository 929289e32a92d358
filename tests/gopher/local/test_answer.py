"""What a local item sends: what a server would."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.local.answer import LocalAnswer
from logsrv.gopher.local.fileurl import FileURL, url_of
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.menu import MenuParser
from logsrv.gopher.wire.url import GopherURL


def links(url: FileURL) -> list[tuple[bytes, object]]:
    """The texts of a menu, and where they lead."""
    parser = MenuParser()
    items = [item for piece in LocalAnswer(url) for item in parser.feed(piece)]
    assert parser.terminated
    return [(item.display, url_of(item, url)) for item in items]


def test_a_directory_is_a_menu(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("a")
    here = FileURL(os.fsencode(tmp_path))
    assert links(here) == [
        (b"sub", here.beside("1", b"/sub/")),
        (b"a.txt", here.beside("0", b"/a.txt")),
    ]


def test_links_of_a_gophermap_stay_here_or_lead_to_servers(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "gophermap").write_bytes(
        b"Hi\n0Near\tnear.txt\n0Far\t/far.txt\n1Away\t/x\texample.org\t7070\n1Out\t../../../etc/\n"
    )
    here = FileURL(os.fsencode(tmp_path), "1", b"/sub/")
    out = here.beside("1", b"/sub/../../../etc/")
    assert links(here) == [
        (b"Hi", None),
        (b"Near", here.beside("0", b"/sub/near.txt")),
        (b"Far", here.beside("0", b"/far.txt")),
        (b"Away", GopherURL("example.org", 7070, "1", b"/x")),
        (b"Out", out),
    ]
    with pytest.raises(ConfigurationError, match=r"“..”"):
        list(LocalAnswer(out))


def test_a_link_to_a_gophermap_itself_is_a_menu_too(tmp_path: Path) -> None:
    """Some authors write `1Links<TAB>links/gophermap`, or keep several in one directory."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "near.txt").write_text("near")
    (tmp_path / "sub" / "gophermap").write_bytes(b"Hi\n0Near\tnear.txt\n")
    (tmp_path / "sub" / "all.map").write_bytes(b"-gophermap\n-all.map\n*\n")
    here = FileURL(os.fsencode(tmp_path), "1", b"/sub/gophermap")
    near = here.beside("0", b"/sub/near.txt")
    assert links(here) == [(b"Hi", None), (b"Near", near)]
    for selector in (b"sub/all.map", b"/sub//all.map/"):
        assert links(here.beside("1", selector)) == [(b"near.txt", near)]


def test_a_file_comes_as_it_is(tmp_path: Path) -> None:
    content = b"..dots\n.\n" + bytes(range(256)) * 4000
    (tmp_path / "a.bin").write_bytes(content)
    answer = LocalAnswer(FileURL(os.fsencode(tmp_path), "9", b"/a.bin"))
    assert b"".join(answer) == content
    assert answer.length == answer.received == len(content)


def test_a_large_file_ends_at_the_limit(tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        file.truncate(1 << 40)
    answer = LocalAnswer(FileURL(os.fsencode(tmp_path), "0", b"/big"), most_bytes=1_000_000)
    with pytest.raises(TooBig):
        for _ in answer:
            pass
    assert answer.received < 2_000_000


@pytest.mark.parametrize(
    ("selector", "reason"),
    [
        (b"/nothing", "nothing of that name"),
        (b"/pipe", "neither a file nor a directory"),
        (b"/out", "leads out of the directory"),
        (b"/x\x1b", r"x\\x1b: there is nothing"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(tmp_path: Path, selector: bytes, reason: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "out").symlink_to("/etc/passwd")
    with pytest.raises(ConfigurationError, match=reason):
        list(LocalAnswer(FileURL(os.fsencode(tmp_path), "0", selector)))


def test_a_read_that_fails_is_a_sentence() -> None:
    answer = LocalAnswer(FileURL(b"/proc/self", "0", b"/mem"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(answer)


def test_a_directory_that_has_gone(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no directory"):
        list(LocalAnswer(FileURL(os.fsencode(tmp_path / "gone"))))
