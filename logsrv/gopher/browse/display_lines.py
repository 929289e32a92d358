"""Pages as lines that are safe to show: the browser escapes a server's text only here. No I/O.

Colours that a server writes into its lines (SGR of ECMA-48) become spans beside plain text. A line is
coloured only if colours are its only escape sequences. With any other sequence, or with one that hides text
or blinks, the whole line is escaped, and the user sees the sequence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.ansi import AnsiDecoder
from rich.style import Style
from rich.text import Span

from logsrv.gopher.browse.page import Hyperlink, MenuContent, Page, link_of, link_to
from logsrv.gopher.wire.errors import BadURL, Refused, ServerError, TimedOut, TLSError, TooBig
from logsrv.gopher.wire.fileurl import ItemURL
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.text import PieceDecoder
from logsrv.gopher.wire.url import GopherURL, addresses_in
from logsrv.kit.text.escape import printable

# Name of an item type → name of its style, which has a colour.
_COLOURS = {
    **dict.fromkeys(("text", "mail", "calendar"), "text"),
    **dict.fromkeys(("image", "sound", "video"), "media"),
    **dict.fromkeys(("telnet", "tn3270", "phonebook"), "session"),
    "menu": "menu",
    "search": "search",
    "error": "problem",
    "information": "information",
}

_NO_MENU = GopherURL("localhost")
# Only this many bytes of a binary are shown: nobody reads more.
SHOWN_OF_BINARY = 32 * 1024
# Bytes of a text that are made into lines before keys are handled again.
LONGEST = 16 * 1024
_NOBODY_VOUCHES = (
    "A certificate says who a server is. Nobody this computer trusts vouches for this one. That is "
    "usual for small servers that made their own; it is also what it looks like when somebody "
    "listens in between."
)
_C_REMEMBERS = (
    "C  remembers the certificate that is shown now, and trusts this server from then on, for as "
    "long as it shows the same one."
)


class DisplayLine(NamedTuple):
    """A line of a page.

    text: escaped, without TAB. style: a name in `palette.STYLES`. label: the type of a link's target, at
    most four letters; an address in a text has none. item: the item of the menu that is the link. url: the
    target of a link of our own. spans: the server's colours. about: the bookmark, followed menu or item of
    news in this line.
    """

    text: str
    style: str = "plain"
    label: str = ""
    item: MenuItem | None = None
    url: ItemURL | None = None
    spans: tuple[Span, ...] = ()
    about: object = None

    @property
    def leads_somewhere(self) -> bool:
        """Return true if the cursor stops here."""
        return self.url is not None or self.item is not None

    def link(self, menu: ItemURL | None, charset: str | None) -> Hyperlink | None:
        """Return the link of the line, in a page whose URL is `menu`."""
        if self.url is not None:
            return link_to(self.url, self.text)
        if self.item is None:
            return None
        # On our own pages, links to Gopher have a `url`; only links out of Gopher are items.
        return link_of(self.item, menu or _NO_MENU, charset)


def lines_of_page(page: Page, charset: str | None) -> Iterator[DisplayLine]:
    """Yield the lines of a page: notices, menu, text. Pictures are rendered elsewhere."""
    yield from notice_lines(page)
    content = page.content
    if isinstance(content, MenuContent):
        yield from (menu_line(item, charset) for item in content.items)
        if not content.items and page.error is None:
            yield DisplayLine("This menu is empty.", "dim")
        if content.dropped:
            cut = f"Lines were too long to keep whole: {content.dropped} bytes were left out."
            yield DisplayLine(cut, "problem")
    elif isinstance(content, bytes) and page.shown_as == "text":
        if content:
            yield from source_note(page.url)
        elif page.error is None:
            yield from (DisplayLine(""), DisplayLine("This text is empty.", "dim"))
        if looks_binary(content):
            content = content[:SHOWN_OF_BINARY]
            binary = "This looks like a binary file that is announced as a text; s  saves it."
            yield from (DisplayLine(binary, "note"), DisplayLine(""))
        colours = ColourParser()
        for text in _pieces_of(content, charset):
            yield from text_lines(text, colours)


def is_content_alone(page: Page) -> bool:
    """Return true if `lines_of_page` says nothing about the page but what a load yields while it comes."""
    content = page.content
    if isinstance(content, MenuContent):
        content = b"" if content.dropped or not content.items else b"items"
    return bool(content) and not (page.error or page.note or looks_binary(content or b""))


def looks_binary(content: bytes) -> bool:
    """Return true if no text begins so."""
    return b"\0" in content[:SHOWN_OF_BINARY]


def source_note(url: ItemURL) -> tuple[DisplayLine, ...]:
    """Return the lines above the source of a page in HTML."""
    if url.item_type != "h":
        return ()
    note = "This is the source of a page in HTML; |  sends it to a program."
    return DisplayLine(note, "note"), DisplayLine("")


def text_lines(text: str, colours: ColourParser) -> Iterator[DisplayLine]:
    """Yield the lines of a text from a server, escaped. colours: those of the text so far."""
    text = text.removesuffix("\n")
    has_links = "://" in text
    if "\x1b[" in text or colours.in_use:
        found = (_coloured_or_escaped(line, colours) for line in text.split("\n"))
    else:
        # Escaping many lines in one pass is fast; only lines with a TAB need a second one.
        whole = printable(text).split("\n")
        found = ((line.expandtabs() if "\t" in line else line, ()) for line in whole)
    for line, spans in found:
        yield _linked_line(line, spans) if has_links else DisplayLine(line, spans=spans)


def _linked_line(text: str, spans: tuple[Span, ...] = ()) -> DisplayLine:
    """Return a line of a text, as a link if there is an address in it: the first one counts."""
    start, end = next(addresses_in(text), (0, 0))
    address = text[start:end]
    url: ItemURL | str = address
    if address[:6].lower() == "gopher":
        try:
            url = GopherURL.parse(address)
        except BadURL:
            address = ""
    if not address:
        return DisplayLine(text, spans=spans)
    spans = (*spans, Span(start, end, _UNDERLINED))
    return link_line(url, text)._replace(style="plain", label="", spans=spans)


def _pieces_of(text: bytes, charset: str | None) -> Iterator[str]:
    decoder, start = PieceDecoder(charset), 0
    while start < len(text):
        end = end_of_piece(text, start) or len(text)
        yield decoder.decode(text[start:end], last=end == len(text))
        start = end


def end_of_piece(text: bytes | bytearray, start: int = 0) -> int:
    """Return the end of the whole lines from `start` on in at most LONGEST bytes; 0 if a line goes on.

    A longer line is cut, but not within a character of UTF-8 or before its LF.
    """
    most = start + LONGEST
    end = text.rfind(b"\n", start, most) + 1
    if not end and len(text) > most:
        end = next((most - n for n in range(4) if text[most - n] & 0xC0 != 0x80), most)
        end -= text[end - 1 : end] == b"\r"
    return end


def _coloured_or_escaped(text: str, colours: ColourParser) -> tuple[str, tuple[Span, ...]]:
    """Return a line and its colours; without colours and escaped if it has other control characters."""
    if ("\x1b[" in text or colours.in_use) and (found := colours.split_colours(text)) is not None:
        return found
    return printable(text).replace("\n", "\\x0a").expandtabs(), ()


def menu_line(item: MenuItem, charset: str | None) -> DisplayLine:
    """Return the line of an item of a menu."""
    kind = item_type(item.item_type)
    text, spans = _coloured_or_escaped(item.text(charset), ColourParser())
    if kind.name == "information":
        return DisplayLine(text, "information", spans=spans)
    if kind.name == "error":
        return DisplayLine(text, "problem", item.tag, spans=spans)
    if item.link() is not None and kind.transfer is not None:
        return DisplayLine(text, "outside", item.tag, item, spans=spans)
    style = "dead" if item.port is None else _COLOURS.get(kind.name, "file")
    return DisplayLine(text, style, item.tag, item, spans=spans)


def link_line(url: ItemURL | str, title: str, about: object = None) -> DisplayLine:
    """Return the line of a link of our own; a `url` that is a string leads out of Gopher."""
    if isinstance(url, str):
        item = MenuItem("h", title.encode(), f"URL:{url}".encode("utf-8", "replace"))
        return DisplayLine(title, "outside", item.tag, item, about=about)
    kind = item_type(url.item_type)
    return DisplayLine(title, _COLOURS.get(kind.name, "file"), kind.tag, url=url, about=about)


def notice_lines(page: Page) -> Iterator[DisplayLine]:
    """Yield the lines above the content: why it is not complete, and a note about its end."""
    if page.error is not None:
        yield from _error_lines(page)
    if page.note:
        yield DisplayLine(page.note, "note")
        yield DisplayLine("")


def _error_lines(page: Page) -> Iterator[DisplayLine]:
    sentence = str(page.error)
    # A sentence from a server may end with its own punctuation.
    end = "" if sentence.endswith((".", "!", "?")) else "."
    yield DisplayLine(sentence[:1].upper() + sentence[1:] + end, "problem")
    yield from (DisplayLine(hint, "dim") for hint in _hints_about_error(page))
    yield DisplayLine("")
    if page.content is not None:
        yield DisplayLine("r  tries again. The part received before:", "dim")
        yield DisplayLine("")
    else:
        yield DisplayLine("r  tries again, b  goes back.", "dim")


def _hints_about_error(page: Page) -> Iterable[str]:
    match page.error:
        case TLSError() if page.certificate_refused:
            return ("", _NOBODY_VOUCHES, "", _C_REMEMBERS)
        case Refused():
            return ("Perhaps the server is down for a while, or its port is another one.",)
        case TimedOut():
            return ("Small servers are slow at times: trying again often helps.",)
        case TooBig():
            return ("s  saves all of it as a file.",)
        case ServerError():
            return ("u  goes to the menu above, U  to the first menu of this server.",)
    return ()


_SGR = re.compile(r"\x1b\[([0-9;]{0,64})m")
# Colours, bold, italic, underline, reverse, and their ends. Faint is not among them: many terminals make
# it unreadable.
_SHADE = "(?:;(?:[0-9]{1,2}|1[0-9]{2}|2[0-4][0-9]|25[0-5]))"
_CODE = rf"(?:0?(?:[01347]|2[2347]|[349][0-7]|[34]9|10[0-7])?|[34]8;5{_SHADE}|[34]8;2{_SHADE}{{3}})"
_CODES = re.compile(rf"{_CODE}(?:;{_CODE})*")
_PLAIN = Style.null()
_UNDERLINED = Style(underline=True)
# A line with more sequences is not coloured but escaped: it is no drawing, and megabytes of sequences would
# take seconds.
_MOST_IN_A_LINE = 5000


class ColourParser:
    """The colours of consecutive lines: as on a terminal, a colour lasts into the next line."""

    def __init__(self) -> None:
        self._paint = _PLAIN

    @property
    def in_use(self) -> bool:
        """Return true if the next line begins in a colour."""
        return self._paint != _PLAIN

    def split_colours(self, text: str) -> tuple[str, tuple[Span, ...]] | None:
        """Return the line without colour sequences and with TABs expanded, and the spans with colours.

        None if it has other control characters or sequences.
        """
        pieces = _SGR.split(text)
        if len(pieces) > 2 * _MOST_IN_A_LINE:
            return None
        if any("\n" in piece or printable(piece) != piece for piece in pieces[::2]):
            return None
        shown, width, spans, paint = [], 0, [], self._paint
        for number, piece in enumerate(pieces):
            if number % 2:
                changed = _style_after(paint, piece)
                if changed is None:
                    return None
                paint = changed
            elif piece:
                start, column = width, width % 8
                shown.append((" " * column + piece).expandtabs()[column:])
                width += len(shown[-1])
                if paint != _PLAIN:
                    spans.append(Span(start, width, paint))
        self._paint = paint
        return "".join(shown), tuple(spans)


@lru_cache(maxsize=1024)
def _style_after(style: Style, codes: str) -> Style | None:
    """Return `style` after a sequence with these codes; None if that does more than colour."""
    if not _CODES.fullmatch(codes):
        return None
    decoder = AnsiDecoder()
    decoder.style = style
    decoder.decode_line(f"\x1b[{codes}m")
    after = decoder.style
    letters, ground = (
        None if colour is None or colour.is_default else colour
        for colour in (after.color, after.bgcolor)
    )
    return Style(
        color=letters,
        # Letters of the same colour would be invisible.
        bgcolor=None if letters == ground else ground,
        bold=after.bold or None,
        italic=after.italic or None,
        underline=after.underline or None,
        reverse=after.reverse or None,
    )
