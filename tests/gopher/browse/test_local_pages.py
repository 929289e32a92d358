"""Local files and directories in the browser: whatever can be done with a server's pages."""

import os
from pathlib import Path

import pytest

from logsrv.gopher.browse.page import link_to
from logsrv.gopher.command.main import run as gopher
from logsrv.gopher.fetch.local import resolve_typed_address
from tests.gopher.browse.conftest import Driven
from tests.gopher.conftest import until
from tests.parts.gopherhole import item, menu

pytestmark = pytest.mark.slow


@pytest.fixture
def gopherhole(tmp_path: Path) -> Path:
    """A directory with menus and files, and neighbours that are nobody's business."""
    (tmp_path / "secret.txt").write_text("secret")
    found = tmp_path / "hole"
    (found / "sub").mkdir(parents=True)
    (found / "gophermap").write_bytes(
        b"Welcome\n0About\tabout.txt\n1Sub\tsub\n0Missing\tnope.txt\n0Out\t../secret.txt\n"
        b"0Link\tlink.txt\n9Packed\tpacked.bin\n7Search\tsearch\nhFile\tURL:file:///etc/passwd\n"
    )
    (found / "about.txt").write_text("All about it.\n" + "more\n" * 100 + "the end\n")
    (found / "sub" / "deep.txt").write_bytes(b"caf\xe9 \x1b[2Jdeep\n")
    (found / "sub" / "bad\x1b\xff").write_text("x")
    (found / "sub" / "page.html").write_text("<h1>Heading</h1><p>Words.")
    (found / "link.txt").symlink_to("../secret.txt")
    (found / "packed.bin").write_bytes(bytes(range(256)) * 100)
    os.mkfifo(found / "sub" / "pipe")
    return found


async def follow(driven: Driven, number: str) -> None:
    """Open a link by its number."""
    await driven.press(number)
    await until(lambda: driven.browser.prompt.keys, "the prompt")
    await driven.press("enter")


async def test_a_gophermap_is_read_and_left_and_come_back_to(drive, gopherhole):
    async with drive(str(gopherhole / "gophermap"), size=(160, 24)) as driven:
        await driven.shows("Welcome", f"file://{gopherhole}/")
        await driven.press("enter")
        await driven.shows("All about it.", f"file://{gopherhole}/about.txt")
        await driven.press("slash")
        await driven.type("the end")
        await driven.shows("“the end”: 1 of 1")
        await driven.press("b")
        await driven.shows("Welcome")
        await driven.press("f")
        await driven.shows("the end")
        await driven.press("u")
        await driven.shows("Welcome")
        await follow(driven, "2")
        await driven.shows("deep.txt", "page.html", "bad?ÿ", f"file://{gopherhole}/#1/sub")
        assert "pipe" not in driven.screen()
        await driven.press("U")
        await driven.shows("Welcome")
        await driven.press("u")
        await driven.shows("This is the first menu")
        await driven.press("h")
        await driven.shows("History, the newest first", "about.txt")


async def test_reloading_shows_what_was_edited(drive, gopherhole):
    async with drive(str(gopherhole)) as driven:
        await driven.shows("Welcome")
        (gopherhole / "gophermap").write_text("Edited\n*\n")
        await driven.press("r")
        await driven.shows("Edited", "about.txt")


async def test_files_are_copied_to_the_downloads(drive, gopherhole, tmp_path):
    async with drive(str(gopherhole)) as driven:
        await driven.shows("Welcome")
        await follow(driven, "6")
        await driven.shows("Saved to")
        await driven.press("home", "s")
        downloads = driven.browser.session.downloads
        await until(lambda: len(downloads.all) == 2 and not downloads.running, "both")
    assert (tmp_path / "downloads" / "packed.bin").read_bytes() == bytes(range(256)) * 100
    # Stuffed dots are a server's, not a file's.
    assert (tmp_path / "downloads" / "about.txt").read_text().startswith("All about it.")


async def test_a_bookmark_remembers_what_was_opened(drive, gopherhole):
    async with drive(str(gopherhole), size=(160, 24)) as driven:
        await driven.shows("Welcome")
        await follow(driven, "2")
        await driven.shows("deep.txt")
        await driven.press("a", "enter")
        await driven.shows("Bookmarked: sub")
        await driven.press("B")
        await driven.shows("Places to begin")
        assert driven.pointed() == "sub"
        await driven.press("enter")
        await driven.shows("deep.txt", f"file://{gopherhole}/#1/sub")


async def test_paths_are_typed_as_addresses(drive, gopherhole):
    async with drive(None) as driven:
        await driven.shows("Places to begin")
        await driven.press("g")
        await driven.shows("Go to")
        await driven.type(str(gopherhole / "sub" / "deep.txt"))
        await driven.shows("café \\x1b[2Jdeep")
        await driven.press("g")
        await driven.type(str(gopherhole / "sub" / "page.html"))
        await driven.shows("Heading")
        await driven.press("g")
        await driven.type(str(gopherhole / "sub" / "pipe"))
        await driven.shows("neither a file nor a directory")
        await driven.press("g")
        await driven.type(f"file://{gopherhole}/")
        await driven.shows("Welcome")


async def test_the_place_of_a_file_is_explained(drive, gopherhole):
    async with drive(str(gopherhole), size=(160, 24)) as driven:
        await driven.shows("Welcome")
        await driven.press("i")
        await driven.shows("Where this leads", f"File      {gopherhole}/about.txt")


async def test_a_mirror_is_read_without_a_server(drive, serve, tmp_path, environ):
    answers = {
        b"": menu(item("i", "The hole"), item("1", "Sub", "/sub"), item("0", "A", "/a.txt")),
        b"/sub": menu(item("0", "Deep", "/sub/deep.txt"), item("1", "Far", "/", "h.example", 70)),
        b"/a.txt": b"text a\r\n.\r\n",
        b"/sub/deep.txt": b"deep down\r\n.\r\n",
    }
    server = serve(
        lambda connection, request: connection.sendall(
            answers.get(request.strip(), b"3no\t\terror.host\t1\r\n")
        )
    )
    copy = tmp_path / "copy"
    with open(os.devnull, "wb") as out, open(os.devnull, "w") as err:
        assert gopher(["mirror", server.url(), str(copy)], out, err) == 0
    server.close()

    async with drive(str(copy)) as driven:
        await driven.shows("The hole")
        await follow(driven, "1")
        await driven.shows("Deep", "Far")
        await driven.press("enter")
        await driven.shows("deep down")
        await driven.press("b")
        await driven.shows("Far")
        await driven.press("down")
        await driven.shows("gopher://h.example/")
        # A part of a mirror leads to the other parts.
        driven.browser.navigation.open_link(link_to(resolve_typed_address(str(copy / "a.txt"))))
        await driven.shows("text a")
        await driven.press("u")
        await driven.shows("The hole")
