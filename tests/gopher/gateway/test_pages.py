"""Pages: what servers send is shown, and never becomes markup."""

import re

from logsrv.gopher.gateway import pages
from logsrv.gopher.gateway.paths import ItemView, parse_path
from logsrv.gopher.wire.menu import Menu, MenuItem
from logsrv.gopher.wire.text import Text
from logsrv.gopher.wire.url import GopherURL
from tests.parts.html_pages import Page, check

EVIL = (
    b"</pre></a><script>alert(1)</script><img src=x onerror=alert(1)>"
    b"""" onclick="x' style='y&lt;{{7*7}}"""
)
HERE = ItemView(GopherURL("here.example"))


def test_markup_in_a_menu_is_shown_as_text():
    """Markup in a menu is shown as the text that it is."""
    items = tuple(
        MenuItem(kind, EVIL, selector, b"x.example", 70)
        for kind in "0179hIs3i8\xff"
        for selector in (EVIL, b"URL:https://x/" + EVIL.replace(b" ", b""), b"URL:javascript:x")
    )
    page = check(pages.content_page(Menu(HERE.url, items, terminated=True), HERE, EVIL.decode()))
    assert page.text.count("<script>alert(1)</script>") > len(items)
    assert "{{7*7}}" in page.text


def test_markup_and_escape_sequences_in_a_text_are_shown_as_text():
    """Markup in a text too; escape sequences are shown as codes."""
    page = check(pages.content_page(Text(HERE.url, EVIL + b"\x1b]52;c;x\x07", False), HERE))
    assert "<script>alert(1)</script>" in page.text
    assert "\\x1b]52;c;x\\x07" in page.text


def test_markup_in_a_selector_or_a_search_is_shown_as_text():
    """Markup in a selector or in what was looked for stays text, in all kinds of pages."""
    url = GopherURL("here.example", 70, "7", b"/" + EVIL, EVIL)
    view = ItemView(url)
    check(pages.search_page(view))
    check(pages.content_page(Menu(url, (), True), view))
    check(pages.error_page("Error", EVIL.decode(), view))
    for letter, element in (("I", "img"), ("s", "audio"), (";", "video")):
        view = ItemView(url.replace(item_type=letter))
        page = Page.of(pages.media_page(view))
        extra = [attributes for name, attributes in page.elements if name == element]
        assert len(extra) == 1
        assert extra[0]["src"].startswith(f"/gopher/here.example/{letter}/")
        assert not {
            name for _, attributes in page.elements for name in attributes if name[:2] == "on"
        }


def test_a_page_has_a_language_one_heading_landmarks_and_labels():
    """A page has a language, one heading, landmarks, a way past the header and labels on its fields."""
    items = (
        MenuItem("i", b"/\\/\\/\\"),
        MenuItem("7", b"Find", b"/s", b"x.example"),
        MenuItem("0", b"A"),
    )
    page = Page.of(pages.content_page(Menu(HERE.url, items, True), HERE))
    names = [name for name, _ in page.elements]
    assert page.attributes("html", "lang") == ["en"]
    assert names.count("h1") == names.count("main") == names.count("header") == 1
    assert page.attributes("a", "href")[0] == "#content"
    assert "Breadcrumb" in page.attributes("nav", "aria-label")
    assert page.attributes("pre", "role") == ["img"]
    assert names.count("label") == names.count("input")
    assert "text A" in " ".join(page.text.split())


def test_the_character_set_of_a_page_can_be_chosen():
    """The set that a page is read in can be chosen, and the one in use is marked."""
    view = ItemView(HERE.url, charset="koi8-u")
    page = Page.of(pages.content_page(Text(HERE.url, "Київ".encode("koi8-u"), False), view))
    assert "Київ" in page.text
    assert page.attributes("a", "href")[-1] == "/gopher/here.example/?charset=koi8-u"
    assert page.attributes("a", "aria-current")[-1] == "true"


def test_the_start_page_offers_the_allowed_hosts():
    """The start page offers what this gateway visits."""
    page = check(pages.start_page(("one.example", "*.two.example", "2606::1")))
    found = [path for path in page.attributes("a", "href") if path.startswith("/gopher/")]
    assert found == ["/gopher/one.example/", "/gopher/[2606::1]/"]
    assert "[2606::1]" in page.text
    assert "This gateway visits" in page.text
    every = check(pages.start_page(()))
    assert "Places to begin" in every.text
    # Veronica is a search, to be asked at once.
    assert "/gopher/gopher.floodgap.com/7/v2/vs" in every.attributes("form", "action")


def test_a_page_has_the_heading_of_its_content_else_its_name():
    """A page is headed by what it calls itself, with what it is and where, else by its name."""
    view = ItemView(GopherURL("here.example", selector=b"/docs"))
    items = (MenuItem("i", b"=== The <b>archive</b> ==="), MenuItem("0", b"A"), MenuItem("1", b"B"))
    page = Page.of(pages.content_page(Menu(view.url, items, True), view))
    assert heading(page) == "The <b>archive</b>"
    assert "menu, 2 items" in page.text
    assert "came from here.example" in page.text
    assert heading(Page.of(pages.content_page(Menu(view.url, items[1:], True), view))) == "docs"
    text = Page.of(pages.content_page(Text(view.url, b"\n  NOTES\n\nall of it", False), view))
    assert heading(text) == "NOTES"
    assert "19 bytes" in text.text


def heading(page: Page) -> str:
    return page.text.partition(" – Gopher")[0].strip()


def test_an_empty_menu_search_and_text_say_so():
    """An empty menu, search and text say so."""
    assert "This menu is empty" in Page.of(pages.content_page(Menu(HERE.url, (), True), HERE)).text
    found = ItemView(HERE.url.searching("x"))
    assert "Nothing was found" in Page.of(pages.content_page(Menu(found.url, (), True), found)).text
    assert "This text is empty" in Page.of(pages.content_page(Text(HERE.url, b"", True), HERE)).text


def test_empty_lines_at_the_start_of_a_text_are_kept():
    """HTML takes the first newline of a pre away; the page gives it one to take."""
    body = pages.content_page(Text(HERE.url, b"\n\n  /\\/\\/\\\n\nword\n\n", False), HERE)
    assert b">\n\n\n</pre>" in body
    assert b">\n  /\\/\\/\\\n\n</pre>" in body
    assert b">\nword\n</pre>" in body


def test_each_drawing_and_table_has_the_class_of_its_width():
    """Drawings have the room of the widest, a table its own: the style sheet makes them fit."""
    text = b"/\\/\\/\\\n\nword\n\na    b\nc    d\n\nword\n\n" + b"-" * 100
    body = pages.content_page(Text(HERE.url, text, False), HERE)
    assert re.findall(rb'class="fixed (c\d+)"', body) == [b"c104", b"c40", b"c104"]


def test_a_menu_of_thousands_of_items_is_shown_in_parts_without_a_gap():
    """A menu of thousands of items comes in parts that lead to each other and miss nothing."""
    numbers = [str(n) for n in range(2 * pages.ITEMS_PER_PAGE + 5)]
    items = (MenuItem("0", n.encode(), b"/" + n.encode(), b"x.example") for n in numbers)
    menu = Menu(HERE.url, tuple(items), True)
    seen: list[str] = []
    view, back = ItemView(HERE.url, charset="cp437"), []
    for first in (0, 1000, 2000):
        assert view == ItemView(HERE.url, first=first, charset="cp437")
        page = check(pages.content_page(menu, view))
        seen += [path for path in page.attributes("a", "href") if "/x.example/" in path]
        leads = {found["rel"]: found["href"] for _, found in page.elements if "rel" in found}
        back.append(leads.get("prev"))
        if first < 2000:
            view = parse_path(leads["next"].encode())
    assert "Lines 2001–2005 of 2005" in page.text and "next" not in leads
    assert seen == [f"/gopher/x.example/0/{n}?charset=cp437" for n in numbers]
    here = "/gopher/here.example/?"
    assert back == [None, f"{here}charset=cp437", f"{here}from=1000&charset=cp437"]
    beyond = pages.content_page(menu, ItemView(HERE.url, first=10**6))
    assert "/0/" not in str(Page.of(beyond).attributes("a", "href"))


def test_addresses_in_texts_are_links():
    """Within Gopher and to the web; nothing else is one, and the text stays as it is."""
    text = b"See gopher://there.example/0/a.\n[1] https://web.example/?a=1&b=<2>\njavascript://x\n"
    page = check(pages.content_page(Text(HERE.url, text, False), HERE))
    links = {each for each in page.attributes("a", "href") if "example" in each}
    assert links >= {"/gopher/there.example/0/a", "https://web.example/?a=1&b="}
    assert not [each for each in page.attributes("a", "href") if "javascript" in each]
    assert text.decode() in page.text
