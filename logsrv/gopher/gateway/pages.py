"""HTML pages: the one module where outside text becomes markup, through templates that escape all of it.

First, menus and texts become the parts of a page: headings, runs of text, and rows with links. All their
text is safe to show (no control characters); none of it is markup yet.

Pages have no scripts and no inline styles; each works in a text browser too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import attrs

from logsrv.gopher.gateway.paths import CHARSETS, ItemView
from logsrv.gopher.wire.columns import (
    TextRun,
    cell_count,
    find_heading,
    split_into_runs,
)
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.fileurl import file_name
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import Menu, MenuItem
from logsrv.gopher.wire.text import Text, decode_line
from logsrv.gopher.wire.url import BEGINNINGS, GopherURL, addresses_in
from logsrv.kit.text.escape import one_line, printable
from logsrv.kit.text.words import counted, size_text
from logsrv.kit.web.templates import template_environment

RowKind = Literal["item", "search", "outside", "nowhere", "error"]
LONGEST_DISPLAY = 1000
# The most steps of a breadcrumb. Each step contains the whole path before it, so many would need much room.
MOST_STEPS = 20

_OUTSIDE = re.compile(r"(?:https?://|mailto:)[!-~\x80-\U0010ffff]+", re.IGNORECASE)
# Does not match a URL with a user or password: their text, before the @, could look like a host.
_SITE = re.compile(r"https?://([A-Za-z0-9.-]{1,60})(?::[0-9]*)?(?=[/?#]|\Z)", re.IGNORECASE)
_INSIDE = re.compile(r"gophers?://", re.IGNORECASE)
_AS_THEMSELVES = "!#$%&'()*+,/:;=?@[]~-._"
# The style sheet has a class for each of these widths.
WIDTHS: tuple[int, ...] = (*range(40, 161, 8), 200, 240)


@attrs.frozen
class MenuRow:
    """A line of a menu other than information.

    kind: `item` and `search` lead to `href` in this gateway, `outside` to an `href` elsewhere; `nowhere`
        cannot be followed, and `address` shows where it would lead; `error` is an error message.
    type: the item type in one word.
    """

    kind: RowKind
    type: str
    text: str
    href: str = ""
    address: str = ""

    @property
    def leaves(self) -> bool:
        """Return true if the row does not lead to this gateway."""
        return self.kind not in ("item", "search")

    @property
    def site(self) -> str:
        """Return the host of a link out of this gateway; "" if the host is not certain."""
        found = _SITE.match(self.address)
        return found[1] if found else ""


Part = TextRun | tuple[MenuRow, ...]


def fitting_width(text: str) -> int:
    """Return the least of WIDTHS, in columns, that fits every line of `text`, or the largest."""
    widest = max(map(cell_count, text.split("\n")))
    return next((width for width in WIDTHS if widest <= width), WIDTHS[-1])


def drawing_width(parts: Iterable[Part]) -> int:
    """Return one width for all drawings of a page, because they may be parts of one picture."""
    drawings = (part for part in parts if isinstance(part, TextRun) and part.shape == "drawing")
    return max((fitting_width(run.text) for run in drawings), default=0)


def parts_of_menu(items: Sequence[MenuItem], view: ItemView) -> list[Part]:
    """Return the items of a menu at `view` in order: lines of information as runs, others as rows."""
    parts: list[Part] = []
    for is_text, run in groupby(items, lambda item: item.item_type == "i"):
        if is_text:
            parts += split_into_runs(
                "".join(safe_text_of(item, view.charset) + "\n" for item in run)
            )
        else:
            parts.append(tuple(row_of_item(item, view.url, view.charset) for item in run))
    return parts


def safe_text_of(item: MenuItem, charset: str | None) -> str:
    """Return the text of an item, safe to show; blanks inside, which form columns, stay."""
    return one_line(item.text(charset).rstrip(), LONGEST_DISPLAY)


def row_of_item(item: MenuItem, menu: GopherURL, charset: str | None) -> MenuRow:
    """Return the row of one item of the menu at `menu`."""
    text = safe_text_of(item, charset) or "(no name)"
    if item.item_type == "3":
        return MenuRow("error", "error", text)
    name = item_type(item.item_type).title
    if (link := item.link()) is not None:
        return row_of_link(link, name, text)
    if (url := item.url(menu)) is not None:
        return row_of_url(url, text, charset)
    can_be_fetched = item_type(item.item_type).transfer is not None
    return MenuRow("nowhere", name, text, address="" if can_be_fetched else item.host_text)


def row_of_url(url: GopherURL, text: str, charset: str | None = None) -> MenuRow:
    """Return the row of the item at `url`: a search form, or a link."""
    is_search = url.item_type == "7" and url.search is None
    item = url.item_type.encode("latin-1") + url.selector
    if any(segment in (b".", b"..") for segment in item.split(b"/")):
        # Browsers would ask for another item.
        return MenuRow("nowhere", item_type(url.item_type).title, text, address=str(url))
    path = ItemView(url.replace(plus=None), charset=charset).path
    return MenuRow("search" if is_search else "item", item_type(url.item_type).title, text, path)


def row_of_link(link: str, name: str, text: str) -> MenuRow:
    """Return the row of a link by URL: out of Gopher, or a Gopher URL."""
    if _INSIDE.match(link):
        try:
            return row_of_url(GopherURL.parse(link), text)
        except BadURL:
            return MenuRow("nowhere", name, text, address=one_line(link, 200))
    if _OUTSIDE.fullmatch(link):
        is_mail = link[:7].lower() == "mailto:"
        href = quote(link, _AS_THEMSELVES)
        return MenuRow("outside", "mail" if is_mail else "web", text, href, one_line(link, 200))
    return MenuRow("nowhere", "link" if name == "html" else name, text, address=one_line(link, 200))


def linked_pieces(text: str) -> Iterator[tuple[str, MenuRow | None]]:
    """Yield the pieces of a text; those that are addresses with the row of their link."""
    at = 0
    for start, end in addresses_in(text):
        row = row_of_link(text[start:end], "link", text[start:end])
        if row.href:
            yield text[at:start], None
            yield row.text, row
            at = end
    yield text[at:], None


def breadcrumb(url: GopherURL) -> list[tuple[str, str]]:
    """Return name and path of each step: the host, then at most MOST_STEPS parts of the selector.

    The last step is `url` itself.
    """
    root = GopherURL(url.host, url.port, tls=url.tls)
    steps = [(one_line(root.address.removesuffix(":70"), 100), ItemView(root).path)]
    parts = [part for part in url.selector.split(b"/") if part]
    begun = b"" if not url.selector.startswith(b"/") else b"/"
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        begun += part if begun in (b"", b"/") else b"/" + part
        if number >= len(parts) - MOST_STEPS:
            step = url if is_last else root.replace(selector=begun)
            steps.append((one_line(decode_line(part), 60), ItemView(step).path))
    return steps


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
_TEMPLATES.filters["pieces"] = linked_pieces


def start_page(hosts: tuple[str, ...]) -> bytes:
    """Return the page at `/`. hosts: the only allowed ones, () for all."""
    if hosts:
        urls = (GopherURL(host) for host in hosts if not host.startswith("*."))
        rows = [row_of_url(url, url.address.removesuffix(":70")) for url in urls]
    else:
        rows = [row_of_url(GopherURL.parse(address), title) for address, title in BEGINNINGS]
    return _render("start.html", title="Gopher gateway", rows=rows, hosts=hosts)


def content_page(content: Menu | Text, view: ItemView, missing: str = "") -> bytes:
    """Return the page of a menu or text. missing: why it is incomplete, "" if it is complete."""
    values = (
        _menu_values(content, view) if isinstance(content, Menu) else _text_values(content, view)
    )
    if missing:
        values["notice"] = f"This is not all of it: {missing}."
    charsets = dict.fromkeys([None, *CHARSETS[:OFFERED], view.charset])
    return _render(view=view, fetched=True, charsets=charsets, **values)


def _menu_values(menu: Menu, view: ItemView) -> dict[str, Any]:
    """Return the template values of a menu, or of the results of a search."""
    texts = (item for item in menu.items[:_LOOKED_AT] if item.item_type == "i")
    number = sum(item.is_link for item in menu.items)
    kind = "item" if view.url.search is None else "result"
    cut = f"Lines that were too long have been cut; {menu.dropped} bytes are not shown."
    items = menu.items[view.first : view.first + ITEMS_PER_PAGE]
    parts = parts_of_menu(items, view)
    return {
        "template": "menu.html",
        "heading": find_heading(safe_text_of(item, view.charset) for item in texts),
        "size": counted(number, kind),
        "parts": parts,
        "scale": drawing_width(parts),
        "last": view.first + len(items),
        "total": len(menu.items),
        "before": max(0, view.first - ITEMS_PER_PAGE),
        "notice": cut if menu.dropped else "",
    }


def _text_values(text: Text, view: ItemView) -> dict[str, Any]:
    content = printable(text.decoded(view.charset)).rstrip()
    runs = split_into_runs(content + "\n") if content else []
    source = "This is a page in HTML. It comes from elsewhere, so its source is shown."
    return {
        "template": "text.html",
        "heading": find_heading(content[:_LOOKED_AT].split("\n")),
        "size": size_text(len(text.content)),
        "runs": runs,
        "scale": drawing_width(runs),
        "notice": source if view.url.item_type == "h" else "",
    }


def search_page(view: ItemView) -> bytes:
    """Return the page with the form of a search."""
    return _render("search.html", view)


def media_page(view: ItemView) -> bytes:
    """Return the page that shows a picture, a sound or a video, with a link to save it."""
    return _render("media.html", view, fetched=True, name=file_name(view.url))


def link_page(view: ItemView, url: str) -> bytes:
    """Return the page for an item that is a URL, usually one outside of Gopher."""
    link = row_of_link(url, item_type(view.url.item_type).name, one_line(url, 2000))
    title = "This link leaves Gopher" if link.leaves else "A link to elsewhere in Gopher"
    # The selector is a URL, not a path: the breadcrumb has only the host.
    return _render("link.html", view, title=title, steps=breadcrumb(view.url)[:1], link=link)


def error_page(
    heading: str, sentence: str, view: ItemView | None = None, *, again: bool = False
) -> bytes:
    """Return the page for an error; `sentence` is safe to show. again: whether to offer another try."""
    return _render("error.html", view, title=heading, sentence=sentence, again=again and view)


def _render(template: str, view: ItemView | None = None, heading: str = "", **values: Any) -> bytes:
    """heading: the content's own heading, "" if there is none."""
    own = {"fetched": False, "steps": [], "address": "", "charsets": (), "style": STYLE_PATH}
    if view is not None:
        steps = breadcrumb(view.url)
        search = view.url.search
        words = None if search is None else one_line(decode_line(search, view.charset), 200)
        own |= {
            "view": view,
            "title": heading or steps[-1][0] if words is None else f"“{words}” in {steps[-1][0]}",
            "kind_name": item_type(view.url.item_type).name,
            "steps": steps,
            "words": words,
            "address": one_line(str(view.url), 2000),
        }
    page = _TEMPLATES.get_template(template).render({**own, **values})
    return page.encode("utf-8", "backslashreplace")
