"""All lines of a page: menus and texts (by `page_lines`), HTML, pictures, and the browser's own pages.

HTML becomes lines of text, with its links below. Scripts do not run, nothing is fetched.

Pictures are shown in any terminal with colours: two pixels to a cell, as upper half blocks. A picture comes
from a stranger: only a few formats are read, and its size is checked before it is unpacked, because a few
kilobytes can unpack to gigabytes.
"""

from __future__ import annotations

import warnings
from html.parser import HTMLParser
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from logsrv.errors import PeerError
from logsrv.gopher.browse.followed_menus import FollowedMenus, news_lines
from logsrv.gopher.browse.guide import start_page_lines
from logsrv.gopher.browse.page import Page
from logsrv.gopher.browse.page_lines import (
    ColouredSpan,
    PageLine,
    SpanStyle,
    lines_of_page,
    link_line,
)
from logsrv.gopher.browse.session import BrowsingSession, InternalPage
from logsrv.gopher.wire.text import decode_text
from logsrv.kit.text.escape import one_line, printable


def rendered_lines(
    shown: Page | InternalPage,
    session: BrowsingSession,
    followed: FollowedMenus,
    columns: int,
    rows: int,
) -> list[PageLine]:
    """Return all lines of a page. For a page from a server, a thread may call this.

    columns, rows: of the window, for pictures.
    """
    if shown is InternalPage.START:
        return start_page_lines(session.bookmarks)
    if not isinstance(shown, Page):
        return news_lines(followed.followed, followed.new, followed.looking, followed.problem)
    charset, content = session.charset, shown.content
    lines = lines_of_page(shown, charset)
    if shown.shown_as == "html" and isinstance(content, bytes):
        lines += html_lines(decode_text(content, charset))
    if shown.shown_as == "picture" and isinstance(content, bytes) and (content or not shown.error):
        lines += _picture_or_error(content, columns - 1, max(4, rows - len(lines) - 2))
    return lines


def _picture_or_error(content: bytes, columns: int, rows: int) -> list[PageLine]:
    try:
        painted, what = picture_lines(content, columns, rows)
    except PeerError as error:
        return [PageLine(f"{error}.", "problem")]
    return [*painted, PageLine(""), PageLine(f"{what}.  s  saves it.", "dim")]


_UNSEEN = frozenset(("script", "style", "template", "svg", "noscript", "object"))
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "title"))
_BLOCKS = _HEADINGS | frozenset(
    (
        *("p", "div", "ul", "ol", "dl", "dt", "table", "tr", "pre", "blockquote", "hr", "form"),
        *("section", "article", "header", "footer", "nav", "main", "aside", "figure", "address"),
    )
)
# Elements that are shown with an empty line before them.
_APART = _HEADINGS | frozenset(("p", "ul", "ol", "dl", "table", "pre", "blockquote"))
_MOST_LINKS = 1000
# Characters that each `feed` gets, and of the longest tag; a longer one is shown as text. Python's parser
# scans an unfinished tag again at each `feed`: without a limit, the time would grow with the square of its
# length.
_CHUNK = 16 * 1024
_LONGEST_TAG = 64 * 1024
_LONGEST_LAST = 4 * 1024


def html_lines(text: str) -> list[PageLine]:
    """Return the lines of a page; text outside of tags is shown as text."""
    reader = _HTMLToLines()
    for begin in range(0, len(text), _CHUNK):
        reader.feed(text[begin : begin + _CHUNK])
        reader.treat_unended_as_text(_LONGEST_TAG)
    reader.treat_unended_as_text(_LONGEST_LAST)
    reader.close()
    reader.end_line()
    lines = reader.lines
    while lines and not lines[-1].text:
        lines.pop()
    if reader.links:
        lines += [PageLine(""), PageLine("Links", "heading"), *reader.links]
    return lines


class _HTMLToLines(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[PageLine] = []
        self.links: list[PageLine] = []
        self._words: list[str] = []
        self._style = "plain"
        self._unseen = 0
        self._preformatted = 0
        self._address = ""
        self._linked: list[str] = []

    def treat_unended_as_text(self, most: int) -> None:
        """Treat an unfinished tag or comment of more than `most` characters as text."""
        if len(self.rawdata) > most:
            self.handle_data(self.rawdata)
            self.rawdata = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN
        if tag in _BLOCKS or tag in ("br", "li"):
            self.end_line()
        if tag in _APART and self.lines and self.lines[-1].text:
            self.lines.append(PageLine(""))
        self._preformatted += tag == "pre"
        if tag in _HEADINGS:
            self._style = "heading"
        elif tag == "li":
            self._words.append("• ")
        elif tag in ("td", "th") and self._words:
            self._words.append("   ")
        elif tag == "hr":
            self.lines.append(PageLine("─" * 40, "dim"))
        elif tag == "img" and (instead := dict(attrs).get("alt")):
            self._words.append(f"[{instead}]")
        elif tag == "a":
            self._end_link()
            self._address = dict(attrs).get("href") or ""

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in _UNSEEN and self._unseen > 0
        if tag == "a":
            self._end_link()
        if tag in _BLOCKS or tag == "li":
            self.end_line()
        if tag in _APART and self.lines and self.lines[-1].text:
            self.lines.append(PageLine(""))
        self._preformatted -= tag == "pre" and self._preformatted > 0
        if tag in _HEADINGS:
            self._style = "plain"

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if self._address:
            self._linked.append(data)
        if not self._preformatted:
            self._words.append(data)
            return
        first, *others = data.split("\n")
        self._words.append(first)
        for line in others:
            self.end_line()
            self._words.append(line)

    def end_line(self) -> None:
        """Make a line of the words so far, unless they are only blanks."""
        text = "".join(self._words)
        self._words.clear()
        if self._preformatted:
            shown = printable(text.rstrip()).replace("\n", " ").expandtabs()
        else:
            shown = printable(" ".join(text.split()))
        if shown or (self._preformatted and self.lines and self.lines[-1].text):
            self.lines.append(PageLine(shown, self._style))

    def _end_link(self) -> None:
        """End a link: if it leads out of this page, add it to the list, and its number to the text."""
        address, self._address = "".join(self._address.split()), ""
        title = " ".join("".join(self._linked).split()) or address
        self._linked.clear()
        line = link_line(address, one_line(title, 200))
        if line.item and line.item.link() is not None and len(self.links) < _MOST_LINKS:
            self.links.append(line)
            self._words.append(f"[{len(self.links)}]")


MOST_PIXELS = 40_000_000
_PICTURE_FORMATS = ("GIF", "PNG", "JPEG", "BMP", "WEBP")
_UPPER_HALF = "▀"


def picture_lines(content: bytes, columns: int, rows: int) -> tuple[list[PageLine], str]:
    """Return the picture in at most `columns` × `rows` cells, and its description: `PNG, 640 × 480`.

    Raises PeerError with a sentence if the picture is broken, too large or of another format.
    """
    try:
        # Pillow would print warnings about huge pictures and odd files across the screen.
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(BytesIO(content), formats=_PICTURE_FORMATS) as image,
        ):
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise PeerError(
                    f"the picture has {width} × {height} pixels, which is more than the "
                    f"{MOST_PIXELS} that are shown; s saves it"
                )
            what = f"{image.format}, {width} × {height}"
            pixels = _scaled_to_rgb(image, columns, rows * 2)
    except UnidentifiedImageError:
        raise PeerError(
            "this is no picture in GIF, PNG, JPEG, BMP or WebP; s saves the file as it is"
        ) from None
    # Pillow's decoders raise all of these for broken files.
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, Image.DecompressionBombError):
        raise PeerError("the picture is broken; s saves the file as it is") from None
    return _half_block_lines(pixels), what


def _scaled_to_rgb(image: Image.Image, width: int, height: int) -> Image.Image:
    """Return the picture in RGB, on white because its background is unknown; scaled down if too large."""
    image.draft("RGB", (width, height))
    shown = image.convert("RGBA")
    shown.thumbnail((max(1, width), max(2, height)))
    ground = Image.new("RGBA", shown.size, "white")
    return Image.alpha_composite(ground, shown).convert("RGB")


def _half_block_lines(pixels: Image.Image) -> list[PageLine]:
    width, height = pixels.size
    data = pixels.tobytes()

    def shade(x: int, y: int) -> tuple[int, int, int] | None:
        start = (y * width + x) * 3
        return (data[start], data[start + 1], data[start + 2]) if y < height else None

    lines = []
    for top in range(0, height, 2):
        paints = (SpanStyle(shade(x, top), shade(x, top + 1)) for x in range(width))
        spans = tuple(ColouredSpan(x, x + 1, paint) for x, paint in enumerate(paints))
        lines.append(PageLine(_UPPER_HALF * width, spans=spans))
    return lines
