"""The browser's own texts: the help, the start page, explanations of sessions."""

from __future__ import annotations

from textwrap import wrap

from logsrv.errors import LogsrvError
from logsrv.gopher.browse.page import Hyperlink
from logsrv.gopher.browse.page_lines import PageLine, link_line
from logsrv.gopher.follow.bookmarks import Bookmarks
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.url import BEGINNINGS, GopherURL
from logsrv.kit.text.escape import one_line

_NUMBERS = " ".join(f"{digit}=navigation.ask_for_link_number('{digit}')" for digit in "123456789")
# Groups of (keys as shown, description, bindings KEY=PART.COMMAND with Textual's names of keys). The part
# `page` is the `PageView`, and its commands are Textual actions; other parts are attributes of `Browser`.
KEYS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "In a page": (
        ("↑ ↓  k j", "the next link, or a row further", "up,k=page.step(-1) down,j=page.step(1)"),
        (
            "Tab Shift-Tab",
            "the next link, however far",
            "tab=page.next_link(1) shift+tab=page.next_link(-1)",
        ),
        (
            "Space PgDn PgUp",
            "a window further",
            "space,pagedown=page.scroll_page(1) pageup,shift+space=page.scroll_page(-1)",
        ),
        (
            "Home End",
            "the top, the bottom",
            "home=page.top_or_bottom(-1) end,G=page.top_or_bottom(1)",
        ),
        ("Enter →", "open the link", "enter,right,ctrl+j=open"),
        ("1 2 … 9", "open a link by its number, then Enter", _NUMBERS),
        ("/", "find in the page", "slash=reading.ask_and_find"),
        (
            "n N",
            "the next, the previous place found",
            "n=reading.find_again N=reading.find_again(True)",
        ),
        (
            "w",
            "break long lines or leave them; < > move sideways",
            "w=reading.change_line_breaking less_than_sign=page.shift(-8) greater_than_sign=page.shift(8)",
        ),
        ("i", "where the link leads", "i=reading.explain_link_or_page"),
        ("s", "save what the link leads to, or this page", "s=saving.save_link_or_page"),
        ("y", "copy that address", "y=reading.copy_address"),
    ),
    "Between pages": (
        (
            "← b Backspace",
            "back, to where you were",
            "left,b,backspace,alt+left=navigation.move_in_history(-1)",
        ),
        ("f", "forward", "f,alt+right=navigation.move_in_history(1)"),
        (
            "g",
            "go to an address or a path, or change this one",
            "g,ctrl+l=navigation.ask_for_address",
        ),
        ("h", "where you were", "h=navigation.choose_from_history"),
        ("r", "load it again", "r,f5=navigation.reload"),
        (
            "u U",
            "the menu above, the first menu",
            "u=navigation.show_menu_above U=navigation.show_root_menu",
        ),
        ("Esc", "stop loading", "escape=current.stop_loading"),
    ),
    "Menus to follow": (
        ("F", "follow this menu or text; no longer", "F=following.toggle_following"),
        ("W", "what is new there", "W=current.show_news"),
        (
            "m M",
            "there: mark as read, or as new; all as read",
            "m=following.toggle_read_mark M=following.mark_all_read",
        ),
    ),
    "Things to keep": (
        ("B", "the start page with your bookmarks", "B=current.show_start"),
        (
            "a A x",
            "bookmark the page, the link; remove a bookmark",
            "a=saving.bookmark_page A=saving.bookmark_link x=saving.remove_bookmark",
        ),
        ("d", "downloads; Enter opens what was saved", "d=saving.show_downloads"),
        ("c", "character set, such as cp437", "c=reading.ask_for_charset"),
        ("T", "trust a server's certificate", "T=navigation.ask_to_trust"),
        ("t", "light or dark", "t=toggle_light"),
        ("?", "this help", "question_mark,f1=help"),
        ("q", "quit", "q=quit"),
    ),
}

_SESSIONS = {
    "telnet": "This item is a session with another computer over Telnet, typed into a terminal.",
    "tn3270": "This item is a session with an IBM mainframe over TN3270.",
    "phonebook": "This item is a phone book (CSO, also called ph), a protocol of its own.",
}


def key_bindings(*, of_page: bool) -> list[tuple[str, str]]:
    """Return (key, action) of all bindings of the `PageView`, or of the window."""
    found = []
    for bound in (each for keys in KEYS.values() for _, _, text in keys for each in text.split()):
        key, _, command = bound.partition("=")
        if command.startswith("page.") == of_page:
            found.append(
                (key, command.removeprefix("page.") if of_page else textual_action(command))
            )
    return found


def textual_action(command: str) -> str:
    """Return the Textual action that runs a command of a part, such as `navigation.move(-1)`."""
    part, dot, call = command.partition(".")
    name, _, words = call.removesuffix(")").partition("(")
    # A comma only before arguments, because `run('a', 'b', )` is not a valid action.
    return f"app.run('{part}', '{name}'{words and ', '}{words})" if dot else f"app.{command}"


def help_lines(width: int) -> list[str]:
    """Return the lines of the help, at most `width` columns wide."""
    lines: list[str] = []
    indent = 19 if width >= 50 else 4
    for title, keys in KEYS.items():
        lines += ["", title] if lines else [title]
        for key, what, _ in keys:
            lines += wrap(f"  {key:<16} {what}", width, subsequent_indent=" " * indent)
    return lines


def start_page_lines(bookmarks: Bookmarks) -> list[PageLine]:
    lines = [
        PageLine("Gopher", "heading"),
        PageLine(""),
        PageLine(
            "g  goes to an address, Enter  opens a link, b  goes back, ?  shows all keys.", "dim"
        ),
        PageLine(""),
        PageLine("Bookmarks", "heading"),
    ]
    try:
        kept = [link_line(bookmark.url, bookmark.title, bookmark) for bookmark in bookmarks.all()]
    except LogsrvError as error:
        lines.append(PageLine(one_line(str(error)), "problem"))
    else:
        none_yet = PageLine("None yet: a  adds the page you are on, x  removes one here.", "dim")
        lines += kept or [none_yet]
    lines += [PageLine(""), PageLine("Places to begin", "heading")]
    lines += [link_line(GopherURL.parse(address), title) for address, title in BEGINNINGS]
    return lines


def explain_session(link: Hyperlink) -> str:
    """Explain an item for a session (Telnet, TN3270, CSO), which the browser never starts."""
    assert link.item is not None
    what = _SESSIONS[item_type(link.item.item_type).name]
    text = f"{what}\nIt is not started from here. To connect by yourself:\n\n    {link.address}"
    if link.item.selector and link.item.item_type != "2":
        login = ascii(link.item.selector.decode("utf-8", "replace"))[1:-1][:100]
        text += f"\n\nThe server suggests to log in as: {login}"
    return text
