"""HTML: the one place where outside text becomes markup, through templates that escape all of it.

Pages hold no scripts and no styles of their own; each works in a text browser too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import attrs

from logsrv.gopher.gateway.columns import sized
from logsrv.gopher.gateway.listing import breadcrumb, listing
from logsrv.gopher.gateway.media import MediaKind, file_name
from logsrv.gopher.gateway.paths import CHARSETS, WebPlace
from logsrv.gopher.wire.charset import decode_line
from logsrv.gopher.wire.columns import runs_of
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

_TEMPLATES = templates(_HERE / "templates")


def start_page(hosts: tuple[str, ...]) -> bytes:
    """The page at `/`. `hosts`: the only ones that are visited, () for all."""
    known = hosts or ("gopher.floodgap.com", "gopher.quux.org", "sdf.org")
    links = [(host, WebPlace(GopherURL(host)).path) for host in known if not host.startswith("*.")]
    return _render("start.html", title="Gopher gateway", links=links, hosts=hosts)


def menu_page(menu: Menu, place: WebPlace, notice: str = "") -> bytes:
    """A menu, or what a search found. `notice`: why it is not whole."""
    if menu.dropped and not notice:
        notice = f"Lines that were too long have been cut; {menu.dropped} bytes are not shown."
    return _render(
        "menu.html",
        **_about(place),
        **_charsets(place),
        listing=listing(menu, place),
        notice=notice,
    )


def text_page(text: Text, place: WebPlace, notice: str = "") -> bytes:
    """A text. `notice`: why it is not whole, or what it is."""
    shown = printable(text.decoded(place.charset)).rstrip()
    return _render(
        "text.html",
        **_about(place),
        **_charsets(place),
        blocks=sized(runs_of(shown + "\n")) if shown else (),
        notice=notice,
        file_path=attrs.evolve(place, rendering="file").path,
    )


def search_page(place: WebPlace) -> bytes:
    """A form for words to look for."""
    return _render("search.html", **_about(place), action=place.path)


def media_page(place: WebPlace, kind: MediaKind) -> bytes:
    """A picture, a sound or a video, and a way to save it."""
    return _render(
        "media.html",
        **_about(place),
        kind=kind,
        name=file_name(place.url.selector),
        media_path=attrs.evolve(place, rendering="media").path,
        file_path=attrs.evolve(place, rendering="file").path,
    )


def error_page(heading: str, sentence: str, place: WebPlace | None = None) -> bytes:
    """Return the page that says why there is nothing to see; `sentence` is safe to show."""
    about = _about(place) if place is not None else {}
    return _render("error.html", **{**about, "title": heading}, sentence=sentence)


def _about(place: WebPlace) -> dict[str, Any]:
    url = place.url
    steps = breadcrumb(url)
    words = None if url.search is None else one_line(decode_line(url.search, place.charset), 200)
    title = steps[-1][0] if words is None else f"“{words}” in {steps[-1][0]}"
    return {
        "title": title,
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
    values = {"steps": [], "address": "", "charsets": [], "style": STYLE_PATH, **values}
    return _TEMPLATES.get_template(template).render(values).encode("utf-8", "backslashreplace")
