"""Texts and menus for people: bytes of an answer in, safe lines out. What is not for a terminal is
escaped (`logsrv.kit.text.escape`), on a pipe as well; only `Raw` passes on what came.
"""

from __future__ import annotations

from logsrv.gopher.wire.charset import decode_text
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.url import GopherURL
from logsrv.gopher.wire.value import Value
from logsrv.kit.text.escape import one_line, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from logsrv.gopher.fetch.stream import Into
    from logsrv.gopher.local.fileurl import ItemURL
    from logsrv.gopher.wire.text import TextParser

# A line that does not end is shown in pieces of this size.
_LONGEST_HELD = 64 * 1024

_COLOURS = {"1": "1;34", "7": "1;33", "3": "31", "0": "0", "h": "36", "8": "35", "T": "35"}
_FILE_COLOUR = "32"
_DIM = "2"


class Screen(Value):
    """Standard output as text. encoding: what the terminal understands; colours: whether to use them;
    terminal: whether it is one.
    """

    out: BinaryIO
    encoding: str
    colours: bool
    terminal: bool

    def write(self, text: str) -> None:
        """`text` has been escaped; what the encoding has no bytes for is escaped here."""
        self.out.write(text.encode(self.encoding, "backslashreplace"))

    def coloured(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colours and text else text


class View:
    """A view of one answer: takes its bytes.

    into: where bytes may go that nobody has to look at, if there is such a place.
    length: bytes to expect, or None; stuffed: whether it is a text that may have a terminator. Both are
    known when the answer has begun.
    """

    into: Into | None = None
    length: int | None = None
    stuffed = False

    def feed(self, data: Any) -> None:
        """Take `bytes`, and of a binary a view of a buffer that is used again."""
        raise NotImplementedError

    def finish(self) -> None:
        """The answer is whole."""

    def fail(self, error: BaseException) -> None:
        """The answer ended with an error; what came before it is worth showing."""
        self.finish()


class MenuView(View):
    """A menu, a line for each item as soon as it is there:

    NUMBER TAG  TEXT  <URL>
    """

    def __init__(self, screen: Screen, url: ItemURL, charset: str | None, *, links: bool) -> None:
        self._screen = screen
        self._url = url
        self._charset = charset
        self._links = links
        self._parser = MenuParser()
        self._number = 0

    def feed(self, data: bytes) -> None:
        self._show(self._parser.feed(data))

    def finish(self) -> None:
        self._show(self._parser.finish())

    def _show(self, items: list[MenuItem]) -> None:
        if items:
            self._screen.write("".join(map(self._line, items)))

    def _line(self, item: MenuItem) -> str:
        text = one_line(item.text(self._charset), _LONGEST_HELD)
        if item.item_type == "i":
            return f"          {text}".rstrip() + "\n"
        self._number += item.is_link
        colour = _COLOURS.get(item.item_type, _FILE_COLOUR)
        shown = str(self._number) if item.is_link else ""
        number = self._screen.coloured(f"{shown:>4}", _DIM)
        line = f"{number} {item.tag:<4} {self._screen.coloured(text, colour)}"
        return (line + self._place(item)).rstrip() + "\n"

    def _place(self, item: MenuItem) -> str:
        if not self._links or item.item_type == "3":
            return ""
        if isinstance(self._url, GopherURL):
            url: ItemURL | None = item.url(self._url)
        else:
            # Of no use to menus of servers.
            from logsrv.gopher.local.fileurl import url_of

            url = url_of(item, self._url)
        place = url or item.link()
        shown = "cannot be followed" if place is None else f"<{one_line(str(place), 4096)}>"
        return "  " + self._screen.coloured(shown, _DIM)


class TextView(View):
    """A text, as far as it is certain; `raw`: with its terminator."""

    def __init__(self, screen: Screen, charset: str | None, *, raw: bool = False) -> None:
        self._screen = screen
        self._charset = charset
        self._raw = raw
        self._parser: TextParser | None = None
        self._held = b""
        self._last = "\n"

    def feed(self, data: bytes) -> None:
        if self._parser is None and self.stuffed and not self._raw:
            # Of no use to menus, which should not wait until it is loaded.
            from logsrv.gopher.wire.text import TextParser

            self._parser = TextParser()
        self._take(self._parser.feed(data) if self._parser else data)

    def finish(self) -> None:
        self._take(self._parser.finish() if self._parser else b"")
        self._show(self._held)
        self._held = b""
        if self._screen.terminal and self._last != "\n":
            self._screen.write("\n")

    def _take(self, data: bytes) -> None:
        whole, newline, rest = (self._held + data).rpartition(b"\n")
        if len(rest) > _LONGEST_HELD:
            # Not in the middle of a character of UTF-8, nor between CR and LF.
            cut = next((n for n in range(1, 5) if rest[-n] & 0xC0 != 0x80), 1)
            newline, rest = newline + rest[:-cut], rest[-cut:]
        self._show(whole + newline)
        self._held = rest

    def _show(self, content: bytes) -> None:
        if content:
            text = printable(decode_text(content, self._charset))
            self._last = text[-1:]
            self._screen.write(text)


class RawView(View):
    """The bytes as they came."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def feed(self, data: bytes | memoryview) -> None:
        self._out.write(data)
