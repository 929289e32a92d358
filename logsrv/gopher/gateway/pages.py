"""HTML: the one place where outside text becomes markup, through templates that escape all of it.

Pages hold no scripts and no styles of their own; each works in a text browser too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import attrs

from logsrv.gopher.fetch.progress import size_text
from logsrv.gopher.gateway.listing import (
    breadcrumb,
    heading_of,
    linked,
    listing,
    row_at,
    shown,
    sized,
)
from logsrv.gopher.gateway.paths import CHARSETS, WebPlace
from logsrv.gopher.wire.beginnings import BEGINNINGS
from logsrv.gopher.wire.charset import decode_line
from logsrv.gopher.wire.columns import Run, flowed, runs_of
from logsrv.gopher.wire.filename import file_name
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import Menu
from logsrv.gopher.wire.text import Text
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line, printable
from logsrv.kit.web.templates import templates

_HERE = Path(__file__).parent
STYLE = (_HERE / "static" / "style.css").read_bytes()
ICON = (_HERE / "static" / "icon.svg").read_bytes()
STYLE_PATH = f"/style.css?{hashlib.sha256(STYLE).hexdigest()[:12]}"
# So many sets are offered on a page; the others can be given in the address.
OFFERED = 5

# Of a text letters, of a menu items, to find its heading.
_LOOKED_AT = 4000

_TEMPLATES = templates(_HERE / "templates")


def start_page(hosts: tuple[str, ...]) -> bytes:
    """The page at `/`. `hosts`: the only ones that are visited, () for all."""
    if hosts:
        urls = (GopherURL(host) for host in hosts if not host.startswith("*."))
        rows = [row_at(url, url.address.removesuffix(":70")) for url in urls]
    else:
        rows = [row_at(GopherURL.parse(address), title) for address, title in BEGINNINGS]
    return _render("start.html", title="Gopher gateway", rows=rows, hosts=hosts)


def content_page(content: Menu | Text, place: WebPlace, missing: str = "") -> bytes:
    """Return the page of a menu or text. missing: why it is not whole, "" if it is."""
    notice = f"This is not all of it: {missing}." if missing else ""
    if isinstance(content, Menu):
        return _menu_page(content, place, notice)
    return _text_page(content, place, notice)


def _menu_page(menu: Menu, place: WebPlace, notice: str) -> bytes:
    if menu.dropped and not notice:
        notice = f"Lines that were too long have been cut; {menu.dropped} bytes are not shown."
    texts = (item for item in menu.items[:_LOOKED_AT] if item.item_type == "i")
    heading = heading_of(shown(item, place.charset) for item in texts)
    number = sum(item.item_type not in "i3" for item in menu.items)
    kind = "item" if place.url.search is None else "result"
    form = attrs.evolve(place, url=place.url.replace(search=None), first=0)
    return _render(
        "menu.html",
        fetched=True,
        **_about(place, heading),
        **_charsets(place),
        size=f"{number:,} {kind}{'' if number == 1 else 's'}",
        listing=listing(menu, place),
        action=form.path,
        notice=notice,
    )


def _text_page(text: Text, place: WebPlace, notice: str) -> bytes:
    if place.url.item_type == "h" and not notice:
        notice = "This is a page in HTML. It comes from elsewhere, so its source is shown."
    content = printable(text.decoded(place.charset)).rstrip()
    runs = runs_of(content + "\n") if content else []
    flowing = [Run(flowed(run.text), run.shape) if run.shape == "prose" else run for run in runs]
    return _render(
        "text.html",
        fetched=True,
        **_about(place, heading_of(content[:_LOOKED_AT].split("\n"))),
        **_charsets(place),
        size=size_text(len(text.content)),
        blocks=sized(flowing if place.flow else runs),
        flow=place.flow,
        # Only where it makes a difference.
        flow_path=attrs.evolve(place, flow=not place.flow).path if flowing != runs else "",
        notice=notice,
        file_path=attrs.evolve(place, rendering="file").path,
    )


def search_page(place: WebPlace) -> bytes:
    """A form for words to look for."""
    return _render("search.html", **_about(place), action=place.path)


def media_page(place: WebPlace) -> bytes:
    """A picture, a sound or a video, and a way to save it."""
    return _render(
        "media.html",
        fetched=True,
        **_about(place),
        name=file_name(place.url),
        media_path=attrs.evolve(place, rendering="media").path,
        file_path=attrs.evolve(place, rendering="file").path,
    )


def link_page(place: WebPlace, url: str) -> bytes:
    """The page for an item that is a URL, as a rule one outside of Gopher."""
    name = item_type(place.url.item_type).name
    link = linked(url, name, one_line(url, 2000))
    title = "This link leaves Gopher" if link.leaves else "A link to elsewhere in Gopher"
    about = {**_about(place), "title": title}
    # What is behind the host is no path there.
    about["steps"] = about["steps"][:1]
    return _render("link.html", **about, link=link)


def error_page(
    heading: str, sentence: str, place: WebPlace | None = None, *, again: bool = False
) -> bytes:
    """Return the page that says why there is nothing to see; `sentence` is safe to show.

    again: another try may go better.
    """
    about = _about(place) if place is not None else {}
    path = place.path if again and place is not None else ""
    return _render("error.html", **{**about, "title": heading}, sentence=sentence, again=path)


def _about(place: WebPlace, heading: str = "") -> dict[str, Any]:
    """`heading`: what the content calls itself, "" if it does not."""
    url = place.url
    steps = breadcrumb(url)
    words = None if url.search is None else one_line(decode_line(url.search, place.charset), 200)
    title = heading or steps[-1][0] if words is None else f"“{words}” in {steps[-1][0]}"
    return {
        "title": title,
        "host": steps[0][0],
        "kind_name": item_type(url.item_type).name,
        "steps": steps,
        "words": words,
        "address": one_line(str(url), 2000),
    }


def _charsets(place: WebPlace) -> dict[str, Any]:
    known: list[str | None] = [None, *CHARSETS[:OFFERED]]
    if place.charset not in known:
        known.append(place.charset)
    return {
        "charsets": [
            (name or "automatic", attrs.evolve(place, charset=name).path, name == place.charset)
            for name in known
        ]
    }


def _render(template: str, **values: Any) -> bytes:
    own = {"fetched": False, "steps": [], "address": "", "charsets": [], "style": STYLE_PATH}
    return (
        _TEMPLATES.get_template(template)
        .render({**own, **values})
        .encode("utf-8", "backslashreplace")
    )
