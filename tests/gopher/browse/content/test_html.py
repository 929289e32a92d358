"""An HTML page is words, headings and links; nothing in it reaches the terminal or is run."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.browse.content.html import html_lines
from logsrv.kit.text.escape import one_line
from tests.gopher.browse.conftest import Drive
from tests.gopher.conftest import Serve

PAGE = """<!DOCTYPE html><html><head><title>About</title><style>p{}</style></head><body>
<h1>Head &amp; more</h1><p>Some <b>bold</b>
 words with <a href="https://web.example/?a=1">a link</a>.</p><script>alert("no")</script>
<ul><li>one</li><li>two</ul><pre>
a  b
   c</pre><p><a href="gopher://h/1/x">Gopher</a> <a href="#top">top</a> <img src=x alt="a boat"></p>
<a href="javascript:alert(1)">bad</a></body></html>"""


def test_a_page_as_text() -> None:
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
def test_what_never_ends_takes_no_time(piece: str) -> None:
    """Python's parser begins anew at each `<`; 2 MiB of them took hours, with no key obeyed."""
    begin = time.process_time()
    lines = html_lines("<p>before</p>" + piece * (400_000 // len(piece)))
    assert lines[0].text == "before"
    assert time.process_time() - begin < 10


def test_a_long_script_and_a_picture_within_a_tag_are_not_shown() -> None:
    page = f"<p>a<script>{'x<y;' * 100_000}</script>b<img src='data:,{'x' * 50_000}'>c"
    assert [line.text for line in html_lines(page)] == ["abc"]


@given(
    st.lists(
        st.sampled_from([*"<>/ax\x1b\x9b\u202e\n\t\"'=", "pre", "href=", "<a ", "<li>", "&#27;"])
    )
)
def test_no_page_drives_the_terminal(parts: list[str]) -> None:
    for line in html_lines("".join(parts)):
        assert line.text == one_line(line.text, 10_000)


async def test_a_page_in_the_browser(drive: Drive, serve: Serve) -> None:
    """Its links are asked about as others are, and what must not be opened is not."""
    server = serve(PAGE.encode())

    async with drive(server.url("/h/page.html"), size=(100, 40)) as driven:
        await driven.shows("Head & more", "  1 link  a link")
        await driven.press("1", "enter")
        await driven.shows("https://web.example/?a=1: no program to open it with")
        await driven.press("3", "enter")
        await driven.shows("javascript: links are not opened")
