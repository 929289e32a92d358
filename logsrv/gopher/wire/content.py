"""The content of an answer: the items of a menu or the bytes of a text, within limits. Sans-IO."""

from __future__ import annotations

from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.itemtypes import AnswerKind
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.menu import Menu, MenuItem, MenuParser
from logsrv.gopher.wire.text import Text, unstuffed
from logsrv.gopher.wire.url import GopherURL


class Content:
    """The content of an answer so far, in memory; a sink of `Transfers`.

    items: of a menu. terminated: its end was a line `.`. ended: nothing more will come.
    """

    def __init__(self, kind: AnswerKind, limits: Limits | None = None) -> None:
        self._kind = kind
        self._limits = limits or Limits()
        self._menu = MenuParser(self._limits.line, self._limits.items)
        self._pieces: list[bytes] = []
        self._lines = 0
        self.items: list[MenuItem] = []
        self.terminated = False
        self.ended = False

    @property
    def content(self) -> bytes:
        """Return the bytes: of a menu as they were sent, of a text without terminator and stuffed dots."""
        return b"".join(self._pieces)

    @property
    def dropped(self) -> int:
        """Return the number of bytes cut from lines of a menu that were too long."""
        return self._menu.dropped

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; return true at the end of a menu. Raises TooBig; what came stays."""
        self._pieces.append(data)
        if self._kind == "menu":
            self.items += self._menu.feed(data)
            if self._menu.is_full:
                raise TooBig("the menu", self._limits.items, "lines")
            return self._menu.terminated
        if self._limits.lines is not None and self._kind == "text":
            self._lines += data.count(b"\n")
            if self._lines > self._limits.lines:
                raise TooBig("the text", self._limits.lines, "lines")
        return False

    def finish(self, has_header: bool) -> None:
        """End it. has_header: a text has neither terminator nor stuffed dots, or is not complete."""
        self.ended = True
        if self._kind == "menu":
            self.items += self._menu.finish()
            self.terminated = self._menu.terminated
        elif self._kind == "text" and not has_header:
            whole, self.terminated = unstuffed(self.content)
            self._pieces = [whole]

    def abort(self) -> None:
        """End it with nothing: the answer has failed."""
        self.ended = True
        self._pieces.clear()
        self.items.clear()

    def as_value(self, url: GopherURL) -> Menu | Text:
        """Return the menu or the text at `url`."""
        if self._kind == "menu":
            return Menu(url, tuple(self.items), self.terminated, self.dropped)
        return Text(url, self.content, self.terminated)


def parse_menu(content: bytes) -> Content:
    """Parse the bytes of a whole menu."""
    menu = Content("menu")
    menu.feed(content)
    menu.finish(has_header=False)
    return menu
