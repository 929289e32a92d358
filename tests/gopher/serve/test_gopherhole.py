"""No selector leads to anything that is not shown."""

import os
import re
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.local import LocalAnswer
from logsrv.gopher.serve import gopherhole
from logsrv.gopher.serve.gopherhole import Gopherhole, ProgramRefused, SelectorNotFound
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.fileurl import FileURL, url_of_item
from logsrv.gopher.wire.menu import MenuParser
from logsrv.gopher.wire.url import GopherURL

NOW = 1795132800


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A hole with neighbours that are nobody's business."""
    (tmp_path / "hole-beside").mkdir()
    (tmp_path / "hole-beside" / "a").write_text("secret")
    (tmp_path / "secret").write_text("secret")
    found = tmp_path / "hole"
    for name in ("sub", ".hidden"):
        (found / name).mkdir(parents=True)
    (found / "a.txt").write_text("a")
    (found / "sub" / "deep").write_text("deep")
    (found / ".hidden" / "a").write_text("secret")
    (found / "out").symlink_to(tmp_path)
    (found / "beside").symlink_to("../hole-beside/a")
    (found / "unseen").symlink_to(".hidden/a")
    (found / "loop").symlink_to("loop")
    (found / "in").symlink_to("sub")
    os.mkfifo(found / "pipe")
    return found


def content(place: Gopherhole, selector: bytes) -> bytes:
    with place.open(selector) as descriptor:
        return os.read(descriptor, 100)


@pytest.mark.parametrize(
    ("selector", "said"),
    [(b"a.txt", b"a"), (b"/sub/deep", b"deep"), (b"//sub//deep/", b"deep"), (b"in/deep", b"deep")],
)
def test_selectors_open_files_through_links(directory, selector, said):
    """A link that stays inside is followed."""
    assert content(Gopherhole(directory), selector) == said


@pytest.mark.parametrize(
    ("selector", "reason"),
    [
        (b"nothing", "nothing of that name"),
        (b"a.txt/deeper", "nothing of that name"),
        (b"out/secret", "leads out of the directory"),
        (b"beside", "leads out of the directory"),
        (b"loop", "leads nowhere"),
        (b"pipe", "neither a file nor a directory"),
        (b"../secret", "“..”"),
        *((selector, "“..?”") for selector in (b"/../secret", b"..", b"sub/../a.txt", b"/./a.txt")),
        (b".hidden/a", "hidden"),
        (b"/.hidden/a", "hidden"),
        (b"unseen", "."),
        (b"x" * 300, "too long"),
        (b"a\0b", "."),
        (b"\xff\xfe", "."),
    ],
)
def test_hidden_files_and_ways_that_lead_out_are_refused(directory, selector, reason):
    with pytest.raises(SelectorNotFound, match=reason):
        content(Gopherhole(directory), selector)


def test_hidden_files_may_be_asked_for_where_that_is_wanted(directory):
    """They are not listed all the same; what leads out still does not."""
    place = Gopherhole(directory, hidden=True)
    assert content(place, b"/.hidden/a") == b"secret"
    assert b"1.hidden /.hidden/" not in lines(place)
    with pytest.raises(SelectorNotFound):
        content(place, b"/.hidden/../../secret")


def test_a_link_that_appears_late_is_not_followed(directory, monkeypatch):
    """Between the look at the path and its opening somebody puts a link there."""
    place = Gopherhole(directory)
    real = os.path.realpath

    def swapped(path: bytes) -> bytes:
        found = real(path)
        (directory / "a.txt").unlink()
        (directory / "a.txt").symlink_to("../secret")
        return found

    monkeypatch.setattr(os.path, "realpath", swapped)
    with pytest.raises(SelectorNotFound):
        content(place, b"a.txt")


# Date and size in a listing.
BESIDE = re.compile(rb" +[0-9]{4}-[0-9]{2}-[0-9]{2}( .*)?")


def lines(place: Gopherhole, selector: bytes = b"") -> list[bytes]:
    return [
        item.item_type.encode() + BESIDE.sub(b"", item.display) + b" " + item.selector
        for item in place.menu_items(selector)
    ]


def test_a_listing_has_what_can_be_asked_for(directory):
    """Directories first; nothing that is hidden, leads out, or has a name that no selector can."""
    (directory / "b\ttab").write_text("x")
    with open(os.path.join(os.fsencode(directory), b"caf\xe9"), "w") as file:
        file.write("x")
    assert lines(Gopherhole(directory)) == [
        b"1in /sub/",
        b"1sub /sub/",
        b"0a.txt /a.txt",
        b"0caf\xe9 /caf\xe9",
        b"i(and 1 whose names cannot be asked for) ",
    ]
    assert lines(Gopherhole(directory), b"/sub/") == [b"0deep /sub/deep"]


def test_a_gophermap_says_what_is_in_a_menu(directory):
    (directory / "gophermap").write_text("Hello\n0Deep\tsub/deep\n-in\n*\n")
    assert lines(Gopherhole(directory)) == [
        b"iHello ",
        b"0Deep /sub/deep",
        b"1sub /sub/",
        b"0a.txt /a.txt",
    ]
    (directory / "gophermap").write_text("Hello\n")
    assert lines(Gopherhole(directory)) == [b"iHello "]


def test_a_listing_tells_dates_and_sizes(directory):
    os.truncate(directory / "a.txt", 2048)
    for name in ("a.txt", "sub", "in"):
        os.utime(directory / name, (NOW, NOW), follow_symlinks=True)
    shown = [item.display.decode() for item in Gopherhole(directory).menu_items(b"")]
    assert shown[1:] == [f"{'sub':<40}  2026-11-20", f"{'a.txt':<40}  2026-11-20  2.0 KiB"]


def test_a_link_to_a_directory_above_is_no_menu_without_end(directory):
    """Whoever follows all menus comes to an end: each directory has one selector."""
    (directory / "sub" / "up").symlink_to("..")
    seen: set[bytes] = set()
    place, left = Gopherhole(directory), [b"/"]
    while left and len(seen) < 20:
        seen.add(selector := left.pop())
        found = [item.selector for item in place.menu_items(selector) if item.item_type == "1"]
        left += [each for each in found if each not in seen]
    assert seen == {b"/", b"/sub/"}


def test_a_gophermap_includes_files_and_names_types(directory):
    """As gophernicus reads it; what is included may not be outside, nor a program, nor itself."""
    (directory / "header").write_text("From a file\n0Deep\tsub/deep\n")
    program = directory / "program"
    program.write_text("secret")
    program.chmod(0o755)
    (directory / "gophermap").write_text(
        "=header\n=program\n=../secret\n=/beside\n~\n%\n:txt=9\n-header\n-program\n*\n"
    )
    found = lines(Gopherhole(directory))
    assert found[:2] == [b"iFrom a file ", b"0Deep /sub/deep"]
    missing = [b"3(a part of this menu is missing here) "]
    assert found[-6:] == [*missing * 3, b"1in /sub/", b"1sub /sub/", b"9a.txt /a.txt"]
    (directory / "gophermap").write_text("=gophermap\nHello\n")
    assert 100 <= len(lines(Gopherhole(directory))) < 200


def test_programs_and_the_sources_of_menus_are_not_shown(directory):
    (directory / "gophermap").write_text("# password\n0A\ta.txt\n")
    (directory / "sub" / "gophermap").write_text("#!/bin/sh\n# password\n")
    (directory / "sub" / "gophermap").chmod(0o755)
    (directory / "cgi-bin").mkdir()
    (directory / "cgi-bin" / "run").write_text("#!/bin/sh\n# password\n")
    (directory / "cgi-link").symlink_to("cgi-bin")
    place = Gopherhole(directory)
    with pytest.raises(ProgramRefused, match="executable"):
        lines(place, b"/sub/")
    for selector in (b"/cgi-bin/run", b"/cgi-bin", b"/cgi-link/run"):
        with pytest.raises(ProgramRefused, match="for programs"):
            content(place, selector)
    for selector in (b"/gophermap", b"/sub/gophermap/"):
        with pytest.raises(SelectorNotFound, match="as a menu only"):
            content(place, selector)
    (directory / "gophermap").unlink()
    assert not [line for line in lines(place) if b"cgi" in line]


def test_a_gophermap_that_leads_out_is_none(directory):
    (directory / "sub" / "gophermap").symlink_to("../../secret")
    assert lines(Gopherhole(directory), b"sub") == [b"0deep /sub/deep"]


def test_large_and_empty_directories(directory, monkeypatch):
    (directory / "none").mkdir()
    assert lines(Gopherhole(directory), b"none") == [b"i(empty) "]
    monkeypatch.setattr(gopherhole, "MOST_LISTED", 2)
    for number in range(5):
        (directory / "none" / f"{number}.txt").touch()
    assert lines(Gopherhole(directory), b"none") == [
        *(b"00.txt /none/0.txt", b"01.txt /none/1.txt", b"i(and 3 more) "),
    ]


def test_a_file_that_cannot_be_read_costs_no_other():
    """Some of the kernel's files refuse to be read, as those on a broken disk do."""
    shown = lines(Gopherhole(Path("/proc/self")))
    assert b"9mem /mem" in shown and b"0status /status" in shown


def test_a_gopherhole_needs_an_existing_directory(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no directory .*/nothing$"):
        Gopherhole(tmp_path / "nothing")


def test_a_directory_called_gophermap_costs_no_descriptor(directory):
    """One was lost with each request, until there were none left for anybody."""
    (directory / "gophermap").mkdir()
    place = Gopherhole(directory)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        assert len(list(place.menu_items(b"/"))) == 3
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_no_file_is_not_even_opened(directory, monkeypatch):
    """Whoever waits for a reader of a pipe would be told that there was one, and end; opening a device
    rewinds a tape, or starts a watchdog that restarts the machine.
    """
    (directory / "to-pipe").symlink_to("pipe")
    os.mkfifo(directory / "sub" / "gophermap")
    place, opened, real = Gopherhole(directory), [], os.open

    def recorded(path: bytes, flags: int, **places: int) -> int:
        # As a directory the system opens nothing else.
        if not flags & os.O_DIRECTORY:
            opened.append(path)
        return real(path, flags, **places)

    monkeypatch.setattr(os, "open", recorded)
    assert lines(place)[-1] == b"0a.txt /a.txt"
    assert lines(place, b"sub") == [b"0deep /sub/deep"]
    for selector in (b"pipe", b"to-pipe", b"pipe/deeper", b"sub/gophermap"):
        with pytest.raises(SelectorNotFound):
            content(place, selector)
    assert b"a.txt" in opened
    assert not {b"pipe", b"gophermap"} & {*opened}


def links(url: FileURL) -> list[tuple[bytes, object]]:
    """The texts of a menu, and where they lead."""
    parser = MenuParser()
    items = [item for piece in LocalAnswer(url) for item in parser.feed(piece)]
    assert parser.terminated
    return [(BESIDE.sub(b"", item.display), url_of_item(item, url)) for item in items]


def test_a_directory_is_a_menu(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("a")
    here = FileURL(os.fsencode(tmp_path))
    assert links(here) == [
        (b"sub", here.beside("1", b"/sub/")),
        (b"a.txt", here.beside("0", b"/a.txt")),
    ]


def test_links_of_a_gophermap_stay_here_or_lead_to_servers(tmp_path):
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


def test_a_link_to_a_gophermap_itself_is_a_menu_too(tmp_path):
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


def test_a_file_comes_as_it_is(tmp_path):
    content = b"..dots\n.\n" + bytes(range(256)) * 4000
    (tmp_path / "a.bin").write_bytes(content)
    answer = LocalAnswer(FileURL(os.fsencode(tmp_path), "9", b"/a.bin"))
    assert b"".join(answer) == content
    assert answer.length == answer.received == len(content)


def test_a_large_file_ends_at_the_limit(tmp_path):
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
def test_what_cannot_be_read_is_a_sentence(tmp_path, selector, reason):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "out").symlink_to("/etc/passwd")
    with pytest.raises(ConfigurationError, match=reason):
        list(LocalAnswer(FileURL(os.fsencode(tmp_path), "0", selector)))


def test_a_read_that_fails_is_a_sentence():
    answer = LocalAnswer(FileURL(b"/proc/self", "0", b"/mem"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(answer)


def test_a_directory_that_has_gone(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no directory"):
        list(LocalAnswer(FileURL(os.fsencode(tmp_path / "gone"))))
