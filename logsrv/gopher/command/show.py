"""Texts and menus for people: bytes of an answer in, safe lines out. What is not for a terminal is
escaped (`logsrv.kit.text.escape`), on a pipe as well.

What came before an error is shown: it is worth reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from logsrv.gopher.serve.fileurl import ItemURL, url_of
from logsrv.gopher.wire.charset import decode_text
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.text import TextParser
from logsrv.gopher.wire.value import Value
from logsrv.kit.text.escape import one_line, printable

# A line that does not end is shown in pieces of this size.
_LONGEST_HELD = 64 * 1024

_COLOURS = {"1": "1;34", "7": "1;33", "3": "31", "0": "0", "h": "36", "8": "35", "T": "35"}
_FILE_COLOUR = "32"
_DIM = "2"


class Screen(Value):
    """Standard output as text. encoding: what the terminal understands; colours: whether to use them;
    terminal: whether it is one. charset: of what servers send.
    """

    out: BinaryIO
    encoding: str
    colours: bool = False
    terminal: bool = False
    charset: str | None = None

    def write(self, text: str) -> None:
        """`text` has been escaped; what the encoding has no bytes for is escaped here."""
        self.out.write(text.encode(self.encoding, "backslashreplace"))

    def coloured(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colours and text else text


def show_menu(pieces: Iterable[bytes], screen: Screen, menu: ItemURL, *, links: bool) -> None:
    """Show the menu at `menu`, a line for each item as soon as it is there:

    NUMBER TAG  TEXT  <URL>
    """
    parser = MenuParser()
    number = 0

    def show(items: list[MenuItem]) -> None:
        nonlocal number
        lines = []
        for item in items:
            number += item.is_link
            place = _place(item, menu) if links and item.item_type != "3" else ""
            lines.append(_line(item, number, place, screen))
        if lines:
            screen.write("".join(lines))

    try:
        for piece in pieces:
            show(parser.feed(piece))
    finally:
        show(parser.finish())


def _line(item: MenuItem, number: int, place: str, screen: Screen) -> str:
    text = one_line(item.text(screen.charset), _LONGEST_HELD)
    if item.item_type == "i":
        return f"          {text}".rstrip() + "\n"
    shown = screen.coloured(f"{number if item.is_link else '':>4}", _DIM)
    text = screen.coloured(text, _COLOURS.get(item.item_type, _FILE_COLOUR))
    return f"{shown} {item.tag:<4} {text}  {screen.coloured(place, _DIM)}".rstrip() + "\n"


def _place(item: MenuItem, menu: ItemURL) -> str:
    place = url_of(item, menu) or item.link()
    return "cannot be followed" if place is None else f"<{one_line(str(place), 4096)}>"


def show_text(pieces: Iterable[bytes], screen: Screen, *, stuffed: bool) -> None:
    """Show a text, as far as it is certain. stuffed: whether it may have a terminator to take off."""
    parser = TextParser() if stuffed else None
    held, last = b"", "\n"

    def show(content: bytes) -> None:
        nonlocal last
        if content:
            text = printable(decode_text(content, screen.charset))
            last = text[-1:]
            screen.write(text)

    try:
        for piece in pieces:
            whole, held = _lines(held + (parser.feed(piece) if parser else piece))
            show(whole)
    finally:
        show(held + (parser.finish() if parser else b""))
        if screen.terminal and last != "\n":
            screen.write("\n")


def _lines(data: bytes) -> tuple[bytes, bytes]:
    """Return what can be shown, and what has to wait for the end of its line."""
    whole, newline, rest = data.rpartition(b"\n")
    if len(rest) <= _LONGEST_HELD:
        return whole + newline, rest
    # Not in the middle of a character of UTF-8, nor between CR and LF.
    cut = next((n for n in range(1, 5) if rest[-n] & 0xC0 != 0x80), 1)
    return data[:-cut], data[-cut:]
