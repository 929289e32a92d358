"""The first screen: painted before Textual is there, on a terminal of our own."""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest

from logsrv.gopher.browse.first_screen import FirstScreen
from logsrv.gopher.browse.layout import Layout
from logsrv.gopher.browse.page_lines import PageLine
from logsrv.gopher.browse.palette import save_choice
from logsrv.gopher.wire.menu import MenuItem


def show(screen: FirstScreen, lines: list[PageLine]) -> None:
    layout = Layout(screen.page_width)
    layout.add_lines(lines)
    layout.lay_out()
    screen.paint_page(layout)


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """What a person sees, and what programs write to: 40 × 10."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
    with open(theirs, "w") as stream:
        yield ours, stream
    os.close(ours)


def painted(ours: int) -> str:
    """The next screen, whole: a terminal hands on what was written in pieces of any size."""
    written = b""
    while written.count(b"\r\r\n") < 9 or not written.endswith(b"\x1b[0m"):
        written += os.read(ours, 65536)
    return written.decode()


def seen(ours: int) -> list[str]:
    """The rows of the next screen."""
    text = painted(ours).rpartition("\x1b[H")[2]
    return [re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", row).rstrip() for row in text.split("\r\r\n")]


def test_the_frame_is_there_at_once(terminal):
    ours, stream = terminal
    with FirstScreen(stream, {"TERM": "xterm"}, "gopher://h/\x1b[2J"):
        rows = seen(ours)
        assert rows[0] == "  gopher://h/\\x1b[2J" and rows[-2].startswith(" Loading")
        assert len(rows) == 10


@pytest.mark.parametrize(
    "environ",
    [{"TERM": "xterm"}, {"TERM": "xterm", "COLORTERM": "truecolor"}, {"NO_COLOR": "1"}],
    ids=["256", "exact", "none"],
)
def test_the_beginning_of_a_page(terminal, environ):
    ours, stream = terminal
    lines = [
        PageLine("Welcome", "information"),
        PageLine("One", "menu", "menu", MenuItem("1", b"One")),
    ]
    with FirstScreen(stream, environ, "gopher://h/") as screen:
        painted(ours)
        show(screen, [*lines, *[PageLine("more words than fit into it")] * 100])
        written = painted(ours)
        assert ("38;2;" in written, "38;5;" in written) == (
            "COLORTERM" in environ,
            "COLORTERM" not in environ and "NO_COLOR" not in environ,
        )
        rows = [re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", row) for row in written.split("\r\r\n")]
        assert rows[1:4] == [
            "          Welcome",
            "  1 menu  One",
            "          more words than fit into it",
        ]
        assert len(rows) == 10 and all(len(row) <= 40 for row in rows)


def test_the_beginning_of_a_text(terminal):
    """It has no links, so nothing stands beside it."""
    ours, stream = terminal
    with FirstScreen(stream, {"NO_COLOR": "1"}, "gopher://h/0/a.txt") as screen:
        painted(ours)
        show(screen, [PageLine("A text"), PageLine("has all of the forty columns to itself.")])
        assert seen(ours)[:3] == [
            *("  gopher://h/0/a.txt", "A text", "has all of the forty columns to itself."),
        ]


def test_text_stands_where_the_browser_puts_it(terminal):
    """A link that is further below needs its column from the beginning."""
    ours, stream = terminal
    link = PageLine("One", "menu", "menu", MenuItem("1", b"One"))
    with FirstScreen(stream, {"NO_COLOR": "1"}, "gopher://h/") as screen:
        painted(ours)
        show(screen, [*[PageLine("Welcome", "information")] * 30, link])
        assert seen(ours)[1] == "          Welcome"


def test_it_is_as_light_as_the_browser_will_be(terminal, tmp_path):
    ours, stream = terminal
    environ = {"TERM": "xterm", "COLORTERM": "truecolor", "XDG_DATA_HOME": str(tmp_path)}
    for light, ground in ((True, "48;2;251;251;249"), (False, "48;2;22;25;29")):
        save_choice(environ, light=light)
        with FirstScreen(stream, environ, "x"):
            assert ground in painted(ours)
        os.read(ours, 65536)


def test_the_terminal_is_given_back_as_it_was(terminal):
    """What is typed meanwhile is not shown, and waits for the browser."""
    ours, stream = terminal
    before = termios.tcgetattr(stream)
    with FirstScreen(stream, {}, "x"):
        assert not termios.tcgetattr(stream)[3] & (termios.ECHO | termios.ICANON)
        painted(ours)
        os.write(ours, b"q")
        assert os.read(stream.fileno(), 10) == b"q"
        os.write(ours, b"12\r\x13\x11")
        # Enter is not the end of a line, and Ctrl-S no pause.
        assert os.read(stream.fileno(), 10) == b"12\r\x13\x11"
    assert termios.tcgetattr(stream) == before
    assert os.read(ours, 65536).endswith(b"\x1b[?1049l")


def test_who_takes_the_screen_over_leaves_it(terminal):
    ours, stream = terminal
    with FirstScreen(stream, {}, "x") as screen:
        painted(ours)
        screen.leave_to_textual()
    stream.write("end")
    stream.flush()
    assert os.read(ours, 65536) == b"end"
