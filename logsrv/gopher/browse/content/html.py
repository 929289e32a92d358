"""HTML pages as lines of text, with their links below. Scripts do not run, nothing is fetched. No I/O."""

from __future__ import annotations

from html.parser import HTMLParser

from logsrv.gopher.browse.content.page_lines import PageLine, link_line
from logsrv.kit.text.escape import one_line, printable

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
