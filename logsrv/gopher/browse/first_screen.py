"""The first screen: a frame and the beginning of a page, painted without Textual while Textual loads.

To load Textual and its dependencies takes three times as long as to fetch a page. So this module paints
the frame at once, and the page as soon as it arrives; Textual then paints the same over it.
"""

from __future__ import annotations

import os
import termios
from collections.abc import Mapping
from typing import Any, TextIO

from logsrv.gopher.browse.layout import Layout
from logsrv.gopher.browse.page import shortened_address
from logsrv.gopher.browse.palette import (
    DARK,
    DARK_PAGE,
    LIGHT,
    LIGHT_PAGE,
    STYLES,
    prefers_light,
)
from logsrv.kit.text.escape import one_line

# The row of the address above the page, and two rows below it.
_FRAME_ROWS = 3
_SHOW = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"


class FirstScreen:
    """The first screen: `with FirstScreen(…) as screen:` takes the terminal, and restores it at the end.

    Keys typed meanwhile are not shown; the browser gets them.
    """

    def __init__(self, terminal: TextIO, environ: Mapping[str, str], address: str) -> None:
        self._terminal = terminal
        self._address = one_line(address, 1000)
        size = os.get_terminal_size(terminal.fileno())
        self._columns, self.rows = size.columns or 80, size.lines or 24
        plain = environ.get("NO_COLOR") or environ.get("TERM") in (None, "", "dumb", "linux")
        self._colours = not plain
        self._exact = environ.get("COLORTERM", "").lower() in ("truecolor", "24bit")
        self._palette = LIGHT | LIGHT_PAGE if prefers_light(environ) else DARK | DARK_PAGE
        self._before: list[Any] = []
        self._mine = True

    def __enter__(self) -> FirstScreen:
        self._before = termios.tcgetattr(self._terminal)
        quiet = termios.tcgetattr(self._terminal)
        # Switch off line editing and echo; Ctrl-C becomes a key of the browser.
        quiet[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
        # The terminal must not change an Enter or a Ctrl-S typed meanwhile: the browser gets these keys.
        quiet[0] &= ~(termios.ICRNL | termios.IXON)
        termios.tcsetattr(self._terminal, termios.TCSANOW, quiet)
        self._write_to_terminal(_SHOW + self._screen_text(f" Loading   {self._address}", []))
        return self

    def __exit__(self, *error: object) -> None:
        termios.tcsetattr(self._terminal, termios.TCSANOW, self._before)
        if self._mine:
            self._write_to_terminal(_LEAVE)

    def leave_to_textual(self) -> None:
        """Leave the screen to Textual, which restores it at the end."""
        self._mine = False

    @property
    def page_width(self) -> int:
        """Return the columns of a page. A window of 82 columns or more has a scrollbar beside the page."""
        return self._columns - (1 if self._columns >= 82 else 0)

    def paint_page(self, layout: Layout) -> None:
        """Paint the first rows of a page, as many as fit. layout: made for `page_width` columns."""
        painted = []
        for index, start, end in layout.rows[: self.rows - _FRAME_ROWS]:
            line = layout.lines[index]
            text = line.text[start:end][: layout.text_width]
            gutter = layout.gutter_text(index, start)
            label = self._in_colour(gutter, STYLES["label"]) if gutter else ""
            painted.append(label + self._in_colour(text, STYLES[line.style]))
        self._write_to_terminal(self._screen_text("", painted))

    def _screen_text(self, said: str, rows: list[str]) -> str:
        body = [*rows, *[""] * (self.rows - _FRAME_ROWS - len(rows))]
        status = self._in_colour(said[: self._columns], "warning")
        address = self._in_colour(
            f"  {shortened_address(self._address, self._columns - 3)}", "foreground"
        )
        bar, page = self._colour_code(48, "panel"), self._colour_code(48, "background")
        screen = [(bar, address), *((page, row) for row in body), (bar, status), (bar, "")]
        # Clear each row in its background colour before writing it: after a full row, the cursor is still
        # on the last character, and clearing would remove that.
        return "\x1b[H" + "\r\n".join(f"{ground}\x1b[K{row}\x1b[0m" for ground, row in screen)

    def _in_colour(self, text: str, colour: str) -> str:
        return self._colour_code(38, colour) + text

    def _colour_code(self, what: int, name: str) -> str:
        colour = self._palette.get(name, "")
        if not self._colours or not colour:
            return ""
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        if self._exact:
            return f"\x1b[{what};2;{red};{green};{blue}m"
        # Nearly all other terminals have 6 × 6 × 6 colours, and a row of grays, which is nearer to dark
        # colours.
        if max(red, green, blue) < 70:
            return f"\x1b[{what};5;{232 + max(0, (red + green + blue) // 30 - 1)}m"
        cube = [
            0 if each < 48 else 1 if each < 115 else (each - 35) // 40
            for each in (red, green, blue)
        ]
        return f"\x1b[{what};5;{16 + 36 * cube[0] + 6 * cube[1] + cube[2]}m"

    def _write_to_terminal(self, text: str) -> None:
        self._terminal.write(text)
        self._terminal.flush()
