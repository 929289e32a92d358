"""HTML pages: the one place where outside text becomes markup, through templates that escape all of it.

Pages have no scripts and no inline styles; each works in a text browser too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from logsrv.gopher.gateway.listing import (
    breadcrumb,
    drawing_width,
    find_heading,
    fitting_width,
    parts_of_menu,
    row_of_link,
    row_of_url,
    safe_text_of,
)
from logsrv.gopher.gateway.paths import CHARSETS, WebPlace
from logsrv.gopher.wire.columns import TextRun, join_broken_lines, split_into_runs
from logsrv.gopher.wire.fileurl import file_name
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import Menu
from logsrv.gopher.wire.text import Text, decode_line
from logsrv.gopher.wire.url import BEGINNINGS, GopherURL
from logsrv.kit.text.escape import one_line, printable
from logsrv.kit.text.words import size_text
from logsrv.kit.web.templates import template_environment

_HERE = Path(__file__).parent
STYLE = (_HERE / "static" / "style.css").read_bytes()
ICON = (_HERE / "static" / "icon.svg").read_bytes()
STYLE_PATH = f"/style.css?{hashlib.sha256(STYLE).hexdigest()[:12]}"
ITEMS_PER_PAGE = 1000
# The number of character sets that a page offers; others can be given in the address.
OFFERED = 5

# A heading is searched in the first characters of a text, or items of a menu, up to this number.
_LOOKED_AT = 4000

_TEMPLATES = template_environment(_HERE / "templates")
_TEMPLATES.filters["room"] = fitting_width


def start_page(hosts: tuple[str, ...]) -> bytes:
    """Return the page at `/`. hosts: the only allowed ones, () for all."""
    if hosts:
        urls = (GopherURL(host) for host in hosts if not host.startswith("*."))
        rows = [row_of_url(url, url.address.removesuffix(":70")) for url in urls]
    else:
        rows = [row_of_url(GopherURL.parse(address), title) for address, title in BEGINNINGS]
    return _render("start.html", title="Gopher gateway", rows=rows, hosts=hosts)


def content_page(content: Menu | Text, place: WebPlace, missing: str = "") -> bytes:
    """Return the page of a menu or text. missing: why it is incomplete, "" if it is complete."""
    values = (
        _menu_values(content, place) if isinstance(content, Menu) else _text_values(content, place)
    )
    if missing:
        values["notice"] = f"This is not all of it: {missing}."
    charsets = dict.fromkeys([None, *CHARSETS[:OFFERED], place.charset])
    return _render(place=place, fetched=True, charsets=charsets, **values)


def _menu_values(menu: Menu, place: WebPlace) -> dict[str, Any]:
    """Return the template values of a menu, or of the results of a search."""
    texts = (item for item in menu.items[:_LOOKED_AT] if item.item_type == "i")
    number = sum(item.is_link for item in menu.items)
    kind = "item" if place.url.search is None else "result"
    cut = f"Lines that were too long have been cut; {menu.dropped} bytes are not shown."
    items = menu.items[place.first : place.first + ITEMS_PER_PAGE]
    parts = parts_of_menu(items, place)
    return {
        "template": "menu.html",
        "heading": find_heading(safe_text_of(item, place.charset) for item in texts),
        "size": f"{number:,} {kind}{'' if number == 1 else 's'}",
        "parts": parts,
        "scale": drawing_width(parts),
        "last": place.first + len(items),
        "total": len(menu.items),
        "before": max(0, place.first - ITEMS_PER_PAGE),
        "notice": cut if menu.dropped else "",
    }


def _text_values(text: Text, place: WebPlace) -> dict[str, Any]:
    content = printable(text.decoded(place.charset)).rstrip()
    runs = split_into_runs(content + "\n") if content else []
    flowing = [
        TextRun(join_broken_lines(run.text), run.shape) if run.shape == "prose" else run
        for run in runs
    ]
    source = "This is a page in HTML. It comes from elsewhere, so its source is shown."
    return {
        "template": "text.html",
        "heading": find_heading(content[:_LOOKED_AT].split("\n")),
        "size": size_text(len(text.content)),
        "runs": flowing if place.flow else runs,
        "scale": drawing_width(runs),
        "can_flow": flowing != runs,
        "notice": source if place.url.item_type == "h" else "",
    }


def search_page(place: WebPlace) -> bytes:
    """Return the page with the form of a search."""
    return _render("search.html", place)


def media_page(place: WebPlace) -> bytes:
    """Return the page that shows a picture, a sound or a video, with a link to save it."""
    return _render("media.html", place, fetched=True, name=file_name(place.url))


def link_page(place: WebPlace, url: str) -> bytes:
    """Return the page for an item that is a URL, usually one outside of Gopher."""
    link = row_of_link(url, item_type(place.url.item_type).name, one_line(url, 2000))
    title = "This link leaves Gopher" if link.leaves else "A link to elsewhere in Gopher"
    # The selector is a URL, not a path: the breadcrumb has only the host.
    return _render("link.html", place, title=title, steps=breadcrumb(place.url)[:1], link=link)


def error_page(
    heading: str, sentence: str, place: WebPlace | None = None, *, again: bool = False
) -> bytes:
    """Return the page for an error; `sentence` is safe to show. again: whether to offer another try."""
    return _render("error.html", place, title=heading, sentence=sentence, again=again and place)


def _render(
    template: str, place: WebPlace | None = None, heading: str = "", **values: Any
) -> bytes:
    """heading: the content's own heading, "" if there is none."""
    own = {"fetched": False, "steps": [], "address": "", "charsets": (), "style": STYLE_PATH}
    if place is not None:
        steps = breadcrumb(place.url)
        search = place.url.search
        words = None if search is None else one_line(decode_line(search, place.charset), 200)
        own |= {
            "place": place,
            "title": heading or steps[-1][0] if words is None else f"“{words}” in {steps[-1][0]}",
            "kind_name": item_type(place.url.item_type).name,
            "steps": steps,
            "words": words,
            "address": one_line(str(place.url), 2000),
        }
    page = _TEMPLATES.get_template(template).render({**own, **values})
    return page.encode("utf-8", "backslashreplace")
