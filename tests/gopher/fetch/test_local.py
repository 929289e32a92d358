"""What people type: hosts, URLs, paths."""

import os
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.local import MIRROR_JOURNAL, resolve_typed_address
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.fileurl import FileURL
from logsrv.gopher.wire.url import GopherURL


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The current directory, with some files."""
    (tmp_path / "docs" / "sub").mkdir(parents=True)
    (tmp_path / "docs" / "gophermap").write_text("Hello\n")
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "README").write_text("read me")
    (tmp_path / "packed").write_bytes(b"\0\1\2")
    (tmp_path / ".hidden").write_text("hidden")
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return os.fsencode(tmp_path)


def test_paths_are_files_and_directories(here):
    assert (
        resolve_typed_address("docs") == resolve_typed_address("docs/") == FileURL(here + b"/docs")
    )
    assert resolve_typed_address("docs/gophermap") == FileURL(here + b"/docs")
    assert resolve_typed_address("notes.txt") == FileURL(here, "0", b"/notes.txt")
    assert resolve_typed_address("./README") == FileURL(here, "0", b"/README")
    assert resolve_typed_address("packed") == FileURL(here, "9", b"/packed")
    assert resolve_typed_address(".hidden") == FileURL(here, "0", b"/.hidden")
    assert resolve_typed_address("~/docs") == FileURL(here + b"/docs")
    assert resolve_typed_address(f"file://{os.fsdecode(here)}/docs") == FileURL(here + b"/docs")
    assert resolve_typed_address(f"file://{os.fsdecode(here)}/README") == FileURL(
        here, "0", b"/README"
    )
    assert resolve_typed_address(".") == FileURL(here)


def test_a_link_that_is_typed_may_lead_anywhere(here):
    assert resolve_typed_address("link") == FileURL(b"/etc", "0", b"/passwd")


def test_a_typed_text_that_is_no_path_is_a_gopher_url(here):
    """A file of the same name comes first; gopher:// tells them apart."""
    assert resolve_typed_address("example.org/0/notes.txt") == GopherURL(
        "example.org", 70, "0", b"/notes.txt"
    )
    assert resolve_typed_address("gopher://docs") == GopherURL("docs")
    assert resolve_typed_address("docs.example") == GopherURL("docs.example")
    with pytest.raises(BadURL):
        resolve_typed_address("https://example.org/")
    with pytest.raises(BadURL):
        resolve_typed_address("")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("./nothing", "nothing: No such file"),
        ("pipe", "pipe: it is neither a file nor a directory"),
        ("/dev/null", "neither a file nor a directory"),
        ("/x\0y", "NUL"),
        ("./" + "x" * 300, "too long"),
        ("./notes.txt/", "Not a directory"),
        ("./\x1b[2J", r"\\x1b\[2J: No such file"),
        ("file://elsewhere/etc/", "not a file of this machine"),
    ],
)
def test_a_typed_path_that_does_not_exist_is_sentence(here, text, reason):
    with pytest.raises(ConfigurationError, match=reason):
        resolve_typed_address(text)


def test_a_part_of_a_mirror_is_read_as_such(here, tmp_path):
    """Selectors in it count from where the mirror begins."""
    (tmp_path / "docs" / MIRROR_JOURNAL).touch()
    (tmp_path / "docs" / "sub" / "gophermap").touch()
    (tmp_path / "docs" / "sub" / "a.txt").touch()
    docs = here + b"/docs"
    assert resolve_typed_address("docs") == FileURL(docs)
    assert resolve_typed_address("docs/sub") == FileURL(docs, "1", b"/sub/")
    assert resolve_typed_address("docs/sub/gophermap") == FileURL(docs, "1", b"/sub/")
    assert resolve_typed_address("docs/sub/a.txt") == FileURL(docs, "0", b"/sub/a.txt")
