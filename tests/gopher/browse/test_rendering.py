"""HTML and pictures become lines: nothing runs, nothing is fetched, nothing unpacks to gigabytes."""

from io import BytesIO

import pytest
from PIL import Image

from logsrv.errors import PeerError
from logsrv.gopher.browse import rendering
from logsrv.gopher.browse.followed_menus import FollowedMenus
from logsrv.gopher.browse.page import Page
from logsrv.gopher.browse.page_lines import (
    PageLine,
)
from logsrv.gopher.browse.rendering import html_lines, picture_lines, rendered_lines
from logsrv.gopher.browse.session import BrowsingSession
from logsrv.gopher.wire.url import GopherURL
from tests.parts.costs import allocated, doubled

PAGE = """<!DOCTYPE html><html><head><title>About</title><style>p{}</style></head><body>
<h1>Head &amp; more</h1><p>Some <b>bold</b>
 words with <a href="https://web.example/?a=1">a link</a>.</p><script>alert("no")</script>
<ul><li>one</li><li>two</ul><pre>
a  b
   c</pre><p><a href="gopher://h/1/x">Gopher</a> <a href="#top">top</a> <img src=x alt="a boat"></p>
<a href="javascript:alert(1)">bad</a></body></html>"""


def test_a_page_as_text():
    lines = html_lines(PAGE)
    assert [line.text for line in lines] == [
        *("About", "", "Head & more", "", "Some bold words with a link[1].", ""),
        *("• one", "• two", "", "a  b", "   c", "", "Gopher[2] top [a boat]", "", "bad[3]"),
        *("", "Links", "a link", "Gopher", "bad"),
    ]
    assert [line.style for line in lines if line.text in ("About", "Head & more")] == [
        "heading"
    ] * 2
    assert [line.item.link() for line in lines if line.item is not None][:2] == [
        "https://web.example/?a=1",
        "gopher://h/1/x",
    ]


@pytest.mark.parametrize(
    "piece", ["<a href='", "<a b", "<!--", "<!--x>", "<![CDATA[x>", "<script>"]
)
def test_what_never_ends_is_not_begun_anew_again_and_again(piece):
    """Python's parser does so at each `<`; 2 MiB of them took hours, with no key obeyed."""

    def copied(size: int) -> int:
        page = "<p>before</p>" + piece * (size // len(piece))
        lines: list[PageLine] = []
        taken = allocated(lambda: lines.extend(html_lines(page)))
        assert lines[0].text == "before"
        return taken

    assert doubled(copied, 100_000) < 2.5


def test_a_long_script_and_a_picture_within_a_tag_are_not_shown():
    page = f"<p>a<script>{'x<y;' * 100_000}</script>b<img src='data:,{'x' * 50_000}'>c"
    assert [line.text for line in html_lines(page)] == ["abc"]


@pytest.mark.slow
async def test_a_page_in_the_browser(drive, serve):
    """Its links are asked about as others are, and what must not be opened is not."""
    server = serve(PAGE.encode())

    async with drive(server.url("/h/page.html"), size=(100, 40)) as driven:
        await driven.shows("Head & more", "  1 link  a link")
        await driven.press("1", "enter")
        await driven.shows("https://web.example/?a=1: no program to open it with")
        await driven.press("3", "enter")
        await driven.shows("javascript: links are not opened")


def encoded(size: tuple[int, int], colour: str = "red", kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG", "BMP", "WEBP"])
def test_each_format_is_shown(kind):
    lines, what = picture_lines(encoded((200, 100), kind=kind), 40, 20)
    assert what == f"{kind}, 200 × 100"
    assert len(lines) == 10 and {line.text for line in lines} == {"▀" * 40}
    paint = lines[0].spans[0].paint
    for shade in (paint.letters, paint.ground):
        assert isinstance(shade, tuple) and shade[0] > 240 and shade[1] < 20


def test_a_tall_picture_fits_the_height_and_a_small_one_keeps_its_size():
    assert len(picture_lines(encoded((100, 1000)), 80, 20)[0]) == 20
    lines, _ = picture_lines(encoded((3, 3)), 80, 20)
    assert [line.text for line in lines] == ["▀▀▀"] * 2
    assert lines[1].spans[0].paint.ground is None


@pytest.mark.parametrize("content", [b"", b"<html>", b"GIF89a", encoded((50, 50))[:60]])
def test_what_is_no_picture_is_a_sentence(content):
    with pytest.raises(PeerError, match="s saves the file"):
        picture_lines(content, 80, 20)


def test_a_picture_that_would_unpack_to_gigabytes_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(rendering, "MOST_PIXELS", 1000)
    with pytest.raises(PeerError, match="100 × 100 pixels"):
        picture_lines(encoded((100, 100)), 80, 20)


def test_a_picture_fits_the_window_beside_its_scrollbar_and_above_its_description(environ):
    session = BrowsingSession(environ)
    page = Page(GopherURL("h", item_type="I", selector=b"/a.png"), encoded((400, 400)))
    lines = rendered_lines(page, session, FollowedMenus(session), 41, 82)
    assert [len(lines[0].text), len(lines)] == [40, 22]
    assert lines[-1].text == "PNG, 400 × 400.  s  saves it."
    lines = rendered_lines(page, session, FollowedMenus(session), 82, 22)
    assert [len(lines[0].text), len(lines)] == [40, 22]
