"""The browser's own texts: the help, the start page, explanations of sessions."""

from __future__ import annotations

from textwrap import wrap

from logsrv.errors import LogsrvError
from logsrv.gopher.browse.display_lines import DisplayLine, link_line
from logsrv.gopher.browse.page import Hyperlink
from logsrv.gopher.follow.bookmarks import Bookmarks
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.url import BEGINNINGS, GopherURL
from logsrv.kit.text.escape import one_line

# Lines `keys as shown :: description :: bindings KEY=PART.COMMAND`, with Textual's names of keys, below the
# title of their group. The part `page` is the `PageWidget`, and its commands are Textual actions; other
# parts are attributes of `Browser`.
_KEYS = """
In a page
↑ ↓  k j :: the next link, or a row further :: up,k=page.step(-1) down,j=page.step(1)
Tab Shift-Tab :: the next link, however far :: tab=page.next_link(1) shift+tab=page.next_link(-1)
Space PgDn :: a window further :: space,pagedown=page.scroll_page(1)
PgUp Shift-Space :: a window back :: pageup,shift+space=page.scroll_page(-1)
Home End :: the top, the bottom :: home=page.top_or_bottom(-1) end,G=page.top_or_bottom(1)
Enter → :: open the link :: enter,right,ctrl+j=open
1 2 … 9 :: open a link by its number, then Enter :: 1,2,3,4,5,6,7,8,9=navigation.ask_for_link_number
/ :: find in the page :: slash=reading.ask_and_find
n N :: the next, the previous place found :: n=reading.find_again N=reading.find_again(True)
w :: break long lines or leave them :: w=reading.change_line_breaking
< > :: move sideways :: less_than_sign=page.shift(-8) greater_than_sign=page.shift(8)
i :: where the link leads :: i=reading.explain_link_or_page
s :: save what the link leads to, or this page :: s=saving.save_link_or_page
y :: copy that address :: y=reading.copy_address
| :: give this page to a program, such as wc -l :: vertical_line=reading.ask_for_program
Between pages
← b Backspace :: back, to where you were :: left,b,backspace,alt+left=navigation.move_in_history(-1)
f :: forward :: f,alt+right=navigation.move_in_history(1)
g :: go to an address or a path, or change this one :: g,ctrl+l=navigation.ask_for_address
h :: where you were :: h=navigation.choose_from_history
t T :: put the link on a tour; go to the next of it :: t=navigation.add_to_tour T=navigation.continue_tour
r :: load it again :: r,f5=navigation.reload
u U :: the menu above, the first menu :: u=navigation.show_menu_above U=navigation.show_root_menu
Esc :: stop loading :: escape=current.stop_loading
Menus to follow
F :: follow this menu or text; no longer :: F=following.toggle_following
W :: what is new there :: W=current.show_news
m M :: there: mark as read, or as new; all as read :: m=following.toggle_read_mark M=following.mark_all_read
Things to keep
B :: the start page with your bookmarks :: B=current.show_start
a A :: bookmark the page, the link :: a=saving.bookmark_page A=saving.bookmark_link
x :: remove a bookmark :: x=saving.remove_bookmark
D :: mirror this menu into a directory :: D=saving.ask_to_mirror
d :: downloads; Enter opens what was saved :: d=saving.show_downloads
c :: character set, such as cp437 :: c=reading.ask_for_charset
C :: trust a server's certificate :: C=navigation.ask_to_trust
L :: light or dark :: L=toggle_light
? :: this help :: question_mark,f1=help
q :: quit :: q=quit
"""
KEYS = [tuple(row.split(" :: ")) for row in _KEYS.strip().split("\n")]

_SESSIONS = {
    "telnet": "This item is a session with another computer over Telnet, typed into a terminal.",
    "tn3270": "This item is a session with an IBM mainframe over TN3270.",
    "phonebook": "This item is a phone book (CSO, also called ph), a protocol of its own.",
}


def key_bindings(*, of_page: bool) -> list[tuple[str, str]]:
    """Return (key, action) of all bindings of the `PageWidget`, or of the window."""
    found = []
    for bound in (each for row in KEYS for each in "".join(row[2:]).split()):
        keys, _, command = bound.partition("=")
        if command.startswith("page."):
            found += [(keys, command.removeprefix("page."))] if of_page else []
        elif not of_page:
            # The number of a link begins with the key itself.
            calls = {
                key: f"{command}('{key}')" if key.isdigit() else command for key in keys.split(",")
            }
            found += [(key, textual_action(call)) for key, call in calls.items()]
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
    for first, *row in KEYS:
        if row:
            lines += wrap(f"  {first:<16} {row[0]}", width, subsequent_indent=" " * indent)
        else:
            lines += ["", first] if lines else [first]
    return lines


def start_page_lines(bookmarks: Bookmarks) -> list[DisplayLine]:
    lines = [
        DisplayLine("Gopher", "heading"),
        DisplayLine(""),
        DisplayLine(
            "g  goes to an address, Enter  opens a link, b  goes back, ?  shows all keys.", "dim"
        ),
        DisplayLine(""),
        DisplayLine("Bookmarks", "heading"),
    ]
    try:
        kept = [link_line(bookmark.url, bookmark.title, bookmark) for bookmark in bookmarks.all()]
    except LogsrvError as error:
        lines.append(DisplayLine(one_line(str(error)), "problem"))
    else:
        none_yet = DisplayLine("None yet: a  adds the page you are on, x  removes one here.", "dim")
        lines += kept or [none_yet]
    lines += [DisplayLine(""), DisplayLine("Places to begin", "heading")]
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
