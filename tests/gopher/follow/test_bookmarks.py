"""Bookmarks survive, in a file that people may edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.follow.bookmarks import Bookmark, Bookmarks, title_of
from logsrv.gopher.local.fileurl import FileURL
from logsrv.gopher.wire.url import GopherURL

A = GopherURL.parse("gopher://a.org/1/x%20y")
B = GopherURL.parse("gophers://b.org/")


def test_added_ones_are_there_next_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "bookmarks"
    assert Bookmarks(path).add(A, "A title") and Bookmarks(path).add(B, "")
    assert not Bookmarks(path).add(A, "again")
    assert Bookmarks(path).all() == [Bookmark(A, "A title"), Bookmark(B, str(B))]


def test_removing_one_leaves_everything_else_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "bookmarks"
    path.write_bytes(b"# mine\n\ngopher://a.org/1/x%20y  A\nnot a URL\n\xff\ngophers://b.org/")
    bookmarks = Bookmarks(path)
    assert bookmarks.remove(A)
    assert not bookmarks.remove(A)
    assert path.read_bytes() == b"# mine\n\nnot a URL\n\xff\ngophers://b.org/\n"


def test_a_title_from_a_server_cannot_forge_a_line(tmp_path: Path) -> None:
    bookmarks = Bookmarks(tmp_path / "bookmarks")
    bookmarks.add(A, "nice\ngopher://evil.org/ \x1b[31mred")
    assert [each.url for each in bookmarks.all()] == [A]
    assert bookmarks.all()[0].title == "nice\\x0agopher://evil.org/ \\x1b[31mred"


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="bookmarks cannot be read"):
        Bookmarks(tmp_path).all()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file" / "gone")
    with pytest.raises(ConfigurationError, match="bookmarks cannot be"):
        Bookmarks(tmp_path / "link" / "bookmarks").add(A, "")


def test_a_place_is_called_by_its_host_and_name() -> None:
    titles = {"gopher://h.org/": "h.org", "gopher://h.org/1/a/phlog/": "h.org phlog"}
    titles["gopher://h.org/7/find%09red%1Bhat"] = "h.org find “red\\x1bhat”"
    assert {url: title_of(GopherURL.parse(url)) for url in titles} == titles


def test_local_files_are_bookmarks_too(tmp_path: Path) -> None:
    path = tmp_path / "bookmarks"
    place = FileURL(b"/srv/hole", "0", b"/sub/a.txt")
    assert Bookmarks(path).add(place, "A") and not Bookmarks(path).add(place, "B")
    assert path.read_text() == "file:///srv/hole/#0/sub/a.txt A\n"
    path.write_text(path.read_text() + "file://elsewhere/etc/ no\nfile:///srv/ S\n")
    assert Bookmarks(path).all() == [Bookmark(place, "A"), Bookmark(FileURL(b"/srv"), "S")]
