"""Texts and menus on standard output, as lines that are safe to show, or as JSON.

Control characters are escaped (`logsrv.kit.text.escape`), on a pipe as well. The part received before an
error is shown, too.

`gopher --json` writes one object for one answer, complete or failed; in ASCII, so it is safe to show:
{"url", "kind": "menu" | "text" | "binary" | "error", "terminated"} and, by kind:

    menu    "items": [{"type", "display", "selector", "host", "port", "plus", "url"}]
    text    "text"
    binary  "bytes", "sha256"
    error   "error": {"code", "message"}, and the part received of a menu or text
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from logsrv.gopher.fetch.blocking import GopherFile
from logsrv.gopher.fetch.local import LocalAnswer
from logsrv.gopher.wire.content import Content
from logsrv.gopher.wire.errors import GopherError, TooBig
from logsrv.gopher.wire.fileurl import ItemURL, url_of_item
from logsrv.gopher.wire.itemtypes import AnswerKind
from logsrv.gopher.wire.limits import MOST_ITEMS
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.text import TextParser, decode_line, decode_text
from logsrv.kit.text.escape import one_line, printable

Answer: TypeAlias = "GopherFile | LocalAnswer"
Ask = Callable[[], Answer]

# Bytes; a longer line is shown in pieces.
_LONGEST_LINE = 64 * 1024

_COLOURS = {"1": "1;34", "7": "1;33", "3": "31", "0": "0", "h": "36", "8": "35", "T": "35"}
_FILE_COLOUR = "32"
_DIM = "2"
_RESET = "\x1b[0m"


# Colours (ANSI) in texts and menus: they change nothing but the looks of what follows.
_AS_SENT = "(\x1b\\[[0-9;]{0,30}m)"


class TextOutput(NamedTuple):
    """Standard output for text.

    encoding: of the terminal. colours: whether to use them. terminal: whether it is a terminal. charset: of
    answers, None for UTF-8 or Latin-1.
    """

    out: BinaryIO
    encoding: str
    colours: bool = False
    terminal: bool = False
    charset: str | None = None

    def write(self, text: str) -> None:
        """Write escaped text; characters that the encoding lacks are escaped here."""
        self.out.write(text.encode(self.encoding, "backslashreplace"))

    def shown(self, text: str, escape: Callable[[str], str]) -> str:
        """Return escaped text; with colours, those that were sent stay, and last until `_RESET`."""
        if not self.colours or "\x1b[" not in text:
            return escape(text)
        parts = re.split(_AS_SENT, text)
        parts[::2] = map(escape, parts[::2])
        return "".join(parts)

    def coloured(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}{_RESET}" if self.colours and text else text


def show_menu(pieces: Iterable[bytes], screen: TextOutput, menu: ItemURL, *, links: bool) -> None:
    """Show the menu at `menu`, each item as soon as it is received.

    An item is a line `NUMBER TAG  TEXT  <URL>`. links: whether to show the URLs.
    """
    parser = MenuParser()
    number = 0

    def show(items: list[MenuItem]) -> None:
        nonlocal number
        lines = []
        for item in items:
            number += item.is_link
            target = _target_text(item, menu) if links and item.item_type != "3" else ""
            lines.append(_item_line(item, number, target, screen))
        if lines:
            screen.write("".join(lines))

    try:
        for piece in pieces:
            show(parser.feed(piece))
            if parser.is_full:
                raise TooBig("the menu", MOST_ITEMS, "lines")
    finally:
        show(parser.finish())


def _item_line(item: MenuItem, number: int, target: str, screen: TextOutput) -> str:
    text = screen.shown(item.text(screen.charset), partial(one_line, longest=_LONGEST_LINE))
    if item.item_type == "i":
        return f"          {text}".rstrip() + (_RESET if "\x1b" in text else "") + "\n"
    shown = screen.coloured(f"{number if item.is_link else '':>4}", _DIM)
    text = screen.coloured(text, _COLOURS.get(item.item_type, _FILE_COLOUR))
    return f"{shown} {item.tag:<4} {text}  {screen.coloured(target, _DIM)}".rstrip() + "\n"


def _target_text(item: MenuItem, menu: ItemURL) -> str:
    target = url_of_item(item, menu) or item.link()
    return "cannot be followed" if target is None else f"<{one_line(str(target), 4096)}>"


def show_text(pieces: Iterable[bytes], screen: TextOutput, *, stuffed: bool) -> None:
    """Show a text while it arrives, in whole lines.

    stuffed: whether to remove the line `.` at its end, and the dots that were doubled because of it.
    """
    parser = TextParser() if stuffed else None
    held, last, end = b"", "\n", ""

    def show(content: bytes) -> None:
        nonlocal last, end
        if content:
            text = screen.shown(decode_text(content, screen.charset), printable)
            last, end = text[-1:], _RESET if "\x1b" in text else end
            screen.write(text)

    try:
        for piece in pieces:
            whole, held = _split_showable(held + (parser.feed(piece) if parser else piece))
            show(whole)
    finally:
        show(held + (parser.finish() if parser else b""))
        screen.write(end + ("\n" if screen.terminal and last != "\n" else ""))


def _split_showable(data: bytes) -> tuple[bytes, bytes]:
    """Return the bytes that can be shown, and those that wait for the end of their line."""
    whole, newline, rest = data.rpartition(b"\n")
    if len(rest) <= _LONGEST_LINE:
        return whole + newline, rest
    # Do not cut within a character of UTF-8, nor between CR and LF.
    cut = next((n for n in range(1, 5) if rest[-n] & 0xC0 != 0x80), 1)
    return data[:-cut], data[-cut:]


def show_json(
    ask: Ask, url: ItemURL, kind: AnswerKind, out: BinaryIO, charset: str | None = None
) -> None:
    """Collect the answer (for a binary only its size and digest), and write one line at its end."""
    # 5 ms, which other forms of output need not wait for.
    import hashlib
    import json

    content = Content(kind)
    size, digest = 0, hashlib.sha256()
    shown: dict[str, Any] = {"url": str(url), "kind": kind, "terminated": False}

    def add_content(*, whole: bool) -> None:
        content.finish(has_header=not whole)
        shown["terminated"] = content.terminated
        if kind == "menu":
            shown["items"] = [_item_fields(item, url, charset) for item in content.items]
        elif kind == "text":
            shown["text"] = decode_text(content.content, charset)
        else:
            shown.update(bytes=size, sha256=digest.hexdigest())

    try:
        with ask() as answer:
            for piece in answer.pieces():
                size += len(piece)
                if kind == "binary":
                    digest.update(piece)
                elif content.feed(piece):
                    break
            add_content(whole=not answer.has_header)
    except BaseException as error:
        if size and kind != "binary":
            add_content(whole=False)
        code = error.code if isinstance(error, GopherError) else "error"
        message = str(error) or "interrupted"
        shown |= {"kind": "error", "error": {"code": code, "message": message}}
        raise
    finally:
        out.write(json.dumps(shown).encode("ascii") + b"\n")


def _item_fields(item: MenuItem, menu: ItemURL, charset: str | None) -> dict[str, Any]:
    url = url_of_item(item, menu)
    values: dict[str, Any] = {
        "type": item.item_type,
        "display": item.text(charset),
        "selector": decode_line(item.selector, charset),
        "host": decode_line(item.host, charset),
        "port": item.port,
        "plus": decode_line(item.plus, charset),
        "url": None if url is None else str(url),
    }
    try:
        item.selector.decode("utf-8")
    except UnicodeDecodeError:
        values["selector_hex"] = item.selector.hex()
    return values
