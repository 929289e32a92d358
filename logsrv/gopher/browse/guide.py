"""The browser's texts about itself: the help, the start page, what other kinds of items are."""

from __future__ import annotations

from textwrap import wrap

from logsrv.errors import LogsrvError
from logsrv.gopher.browse.lines import Line
from logsrv.gopher.browse.links import Link
from logsrv.gopher.browse.page import way_to_show
from logsrv.gopher.follow.bookmarks import Bookmarks
from logsrv.gopher.local.fileurl import ItemURL
from logsrv.gopher.wire.beginnings import BEGINNINGS
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

# (keys, what they do), in groups. The test of the help compares this with the bindings.
KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "In a page": (
        ("↑ ↓  k j", "the next link, or a row further"),
        ("Tab Shift-Tab", "the next link, however far"),
        ("Space PgDn PgUp", "a window further"),
        ("Home End", "the top, the bottom"),
        ("Enter →", "open the link"),
        ("1 2 … 9", "open a link by its number, then Enter"),
        ("/", "find in the page"),
        ("n N", "the next, the previous place found"),
        ("w", "break long lines or leave them; < > move sideways"),
        ("i", "where the link leads"),
        ("s", "save what the link leads to, or this page"),
        ("y", "copy that address"),
    ),
    "Between pages": (
        ("← b Backspace", "back, to where you were"),
        ("f", "forward"),
        ("g", "go to an address or a path, or change this one"),
        ("h", "where you were"),
        ("r", "load it again"),
        ("u U", "the menu above, the first menu"),
        ("Esc", "stop loading"),
    ),
    "Menus to follow": (
        ("F", "follow this menu or text; no longer"),
        ("W", "what is new there"),
        ("m M", "there: mark as read, or as new; all as read"),
    ),
    "Things to keep": (
        ("B", "the start page with your bookmarks"),
        ("a A x", "bookmark the page, the link; remove a bookmark"),
        ("d", "downloads; Enter opens what was saved"),
        ("c", "character set, such as cp437"),
        ("T", "trust a server's certificate"),
        ("t", "light or dark"),
        ("?", "this help"),
        ("q", "quit"),
    ),
}

_SESSIONS = {
    "telnet": "This item is a session with another computer over Telnet, typed into a terminal.",
    "tn3270": "This item is a session with an IBM mainframe over TN3270.",
    "phonebook": "This item is a phone book (CSO, also called ph), a protocol of its own.",
}


def help_lines(width: int) -> list[str]:
    """The help in `width` columns."""
    lines: list[str] = []
    indent = 19 if width >= 50 else 4
    for title, keys in KEYS.items():
        lines += ["", title] if lines else [title]
        for key, what in keys:
            lines += wrap(f"  {key:<16} {what}", width, subsequent_indent=" " * indent)
    return lines


def start_lines(bookmarks: Bookmarks) -> list[Line]:
    """The start page."""
    lines = [
        Line("Gopher", "heading"),
        Line(""),
        Line("g  goes to an address, Enter  opens a link, b  goes back, ?  shows all keys.", "dim"),
        Line(""),
        Line("Bookmarks", "heading"),
    ]
    try:
        kept = [link_line(bookmark.url, bookmark.title) for bookmark in bookmarks.all()]
    except LogsrvError as error:
        lines.append(Line(one_line(str(error)), "problem"))
    else:
        none_yet = Line("None yet: a  adds the page you are on, x  removes one here.", "dim")
        lines += kept or [none_yet]
    lines += [Line(""), Line("Places to begin", "heading")]
    lines += [link_line(GopherURL.parse(address), title) for address, title in BEGINNINGS]
    return lines


def link_line(url: ItemURL, title: str) -> Line:
    """Return the line of a link of our own."""
    kind = item_type(url.item_type)
    style = {"menu": "menu", "text": "text", "picture": "media"}.get(way_to_show(url), "file")
    return Line(title, "search" if kind.name == "search" else style, kind.tag, bookmark=url)


def session_text(link: Link) -> str:
    """Return what the item of a session is, and how to get there; it is never started from here."""
    assert link.item is not None
    what = _SESSIONS[item_type(link.item.item_type).name]
    text = f"{what}\nIt is not started from here. To connect by yourself:\n\n    {link.address}"
    if link.item.selector and link.item.item_type != "2":
        login = ascii(link.item.selector.decode("utf-8", "replace"))[1:-1][:100]
        text += f"\n\nThe server suggests to log in as: {login}"
    return text
