"""`gopher browse` in a real terminal (tmux), against real servers; and where there is none."""

import os
import shlex
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from io import BytesIO, StringIO
from pathlib import Path

import pytest

from logsrv.gopher.command import browse
from logsrv.gopher.command.main import run as gopher
from logsrv.installation import how_to_install
from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.text.escape import printable
from tests.parts.programs import program

RUN = "import sys; from logsrv.gopher.command.main import main; sys.exit(main(['browse', *sys.argv[1:]]))"


class Terminal:
    """A tmux of our own with one window, and what a person would see in it."""

    def __init__(
        self, columns: int, rows: int, environ: dict[str, str], *words: str, errors: str = ""
    ) -> None:
        self._tmux = [
            program("tmux", "tmux"),
            "-L",
            f"logsrv-{uuid.uuid4().hex}",
            "-f",
            "/dev/null",
        ]
        # The shell tells the status and stays, so that the last screen can be read.
        command = shlex.join([sys.executable, "-c", RUN, *words])
        line = f"{command} {errors}; echo status=$?; read end"
        self._call(
            *("new-session", "-d", "-x", str(columns), "-y", str(rows)),
            *(part for name, value in environ.items() for part in ("-e", f"{name}={value}")),
            f"exec sh -c {shlex.quote(line)}",
        )

    def _call(self, *words: str) -> str:
        # These two would count for more than the size of the window.
        environ = {key: each for key, each in os.environ.items() if key not in ("COLUMNS", "LINES")}
        run = subprocess.run(
            [*self._tmux, *words], capture_output=True, text=True, timeout=PATIENCE, env=environ
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    def screen(self, *, escapes: bool = False) -> str:
        return self._call("capture-pane", "-p", *(["-e"] if escapes else []))

    def press(self, *keys: str) -> None:
        self._call("send-keys", *keys)

    def type(self, text: str) -> None:
        self._call("send-keys", "-l", text)

    def resize(self, columns: int, rows: int) -> None:
        self._call("resize-window", "-x", str(columns), "-y", str(rows))

    def until(self, true: Callable[[str], bool], what: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while not true(screen := self.screen()):
            assert time.monotonic() < deadline, f"waited for {what}, and saw:\n{screen}"
            time.sleep(0.02)
        return screen

    def shows(self, text: str) -> str:
        return self.until(lambda screen: text in screen, f"“{text}”")

    def asks(self, label: str) -> None:
        """Wait for the prompt; the keys at the bottom of the window may have its word, too."""
        self.until(
            lambda screen: any(row.split()[:1] == [label] for row in screen.splitlines()),
            f"the prompt “{label}”",
        )

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, timeout=PATIENCE)


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    opened: list[Terminal] = []
    usual = {
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_DOWNLOAD_DIR": str(tmp_path / "downloads"),
        "PYTHONPATH": os.getcwd(),
        "LC_ALL": "C.UTF-8",
    }

    def start(
        *words: str,
        size: tuple[int, int] = (80, 24),
        errors: str = "",
        browser: str = "",
    ) -> Terminal:
        opened.append(Terminal(*size, usual | {"BROWSER": browser}, *words, errors=errors))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.mark.parametrize(
    "size",
    [
        pytest.param((80, 24), id="80x24"),
        pytest.param((132, 43), id="132x43", marks=pytest.mark.long),
    ],
)
def test_a_menu_of_gophernicus_is_shown_with_its_keys(terminal, gophernicus, tmp_path, size):
    window = terminal(f"gopher://127.0.0.1:{gophernicus}/", size=size)
    # The keys are there when Textual is; the page may be earlier, and Esc stands first until all of it is.
    keys = "Enter Open g Go 1…9 Link B Bookmarks F Follow s Save ? Help q Quit"
    page = window.until(
        lambda each: "Gophered by" in each and each.splitlines()[-1] == keys, "the page"
    )
    rows = page.splitlines()
    assert len(rows) == size[1] and rows[0].strip() == f"gopher://127.0.0.1:{gophernicus}/"
    assert any(" menu  sub " in row for row in rows)
    assert any(" file  bin.dat " in row for row in rows)
    assert any(" text  café-latin1.txt " in row for row in rows)

    window.press("/")
    window.asks("Find")
    window.type("latin1.txt")
    window.press("Enter")
    window.shows("“latin1.txt”: 1 of ")
    window.press("Enter")
    window.until(lambda screen: "name" in screen or "caf" in screen.splitlines()[1], "the text")
    window.press("b")
    window.shows("Gophered by Gophernicus")
    window.press("End", "Home", "/")
    window.asks("Find")
    window.type("bin.dat")
    window.press("Enter")
    window.shows("“bin.dat”: 1 of ")
    window.press("Enter")
    window.shows("Saved to")
    saved = tmp_path / "downloads" / "bin.dat"
    window.until(lambda _: saved.exists(), "the file")
    assert saved.read_bytes() == bytes(range(256)) * 1000
    window.press("q")
    window.shows("status=0")


def test_a_text_as_the_first_page(terminal, gophernicus):
    window = terminal(f"gopher://127.0.0.1:{gophernicus}/0/hello.txt", size=(40, 12))
    window.shows("? Help q Quit")
    text = ["Hello from gopher.", "Second line."]
    window.until(lambda screen: screen.splitlines()[1:3] == text, "the text below the title")


@pytest.mark.slow
def test_keys_that_come_all_at_once(terminal, serve):
    """A fast hand on a slow line: each key is for what the one before it opened."""
    texts = b"".join(b"0Text %d\t/%d\t\t\r\n" % (each, each) for each in range(1, 21))

    def script(connection: socket.socket, request: bytes) -> None:
        name = request.strip().strip(b"/")
        found = b"7Search\t/found\t\t\r\n"
        connection.sendall(b"This is " + name + b".\r\n" if name else texts + found + b".\r\n")

    server = serve(script)
    window = terminal(server.url())
    # The keys are at the bottom before there is a page with links.
    window.shows("20 text  Text 20")
    window.press("1", "2", "Enter")
    window.shows("This is 12.")
    window.press("b", "/", "T", "e", "x", "t", " ", "1", "7", "Enter", "Enter")
    window.shows("This is 17.")
    window.press(
        "b", "End", "Enter", "t", "w", "o", " ", "w", "x", "BSpace", "o", "r", "d", "s", "Enter"
    )
    window.shows("/7/found%09two%20words")
    window.press("q")
    window.shows("status=0")


def test_the_browser_follows_a_new_size_of_the_terminal(terminal, gophernicus):
    window = terminal(f"gopher://127.0.0.1:{gophernicus}/")
    window.shows("Gophered by Gophernicus")
    window.resize(132, 43)
    window.until(lambda screen: len(screen.splitlines()) == 43, "the new size")
    window.until(lambda screen: screen.splitlines()[-1].startswith("Enter Open"), "the last row")
    window.press("?")
    window.shows("Things to keep")
    window.press("Escape")
    window.until(lambda screen: "Things to keep" not in screen, "the page")


def test_a_hostile_menu_cannot_touch_the_terminal(terminal, serve):
    """Neither the title nor the screen is the server's to change."""
    server = serve(
        b"i\x1b]2;owned\x07\x1b[2J\x1b[31mred\x9b31m\t\t\t\r\n"
        b"1\x1b[8mhidden\x1b[0m [b]bold[/b]\t/\t\t\r\n.\r\n"
    )
    window = terminal(server.url())  # type: ignore[attr-defined]
    window.shows("\\x1b]2;owned\\x07\\x1b[2J\\x1b[31mred\\x9b31m")
    screen = window.shows("\\x1b[8mhidden\\x1b[0m [b]bold[/b]")
    assert screen == printable(screen)
    assert "owned" not in window._call("display-message", "-p", "#{pane_title}")


def test_ctrl_c_ends_it_cleanly(terminal):
    window = terminal()
    window.shows("Places to begin")
    window.press("C-c")
    window.shows("status=0")


@pytest.mark.parametrize("size", [(80, 24), (40, 12)], ids=str)
def test_programs_have_the_terminal_and_give_it_back(terminal, gophernicus, tmp_path, size):
    """A page goes to a program by |, a link to the browser that wants the terminal. Ctrl-C is theirs."""
    lynx = tmp_path / "lynx"
    lynx.write_text('#!/bin/sh\necho "reads $1"; read -r answer; echo "$answer" > "$0.got"\n')
    lynx.chmod(0o755)
    window = terminal(f"gopher://127.0.0.1:{gophernicus}/0/hello.txt", size=size, browser=str(lynx))
    window.shows("Second line.")
    window.press("|")
    window.shows("Give it to")
    window.type("grep -c line")
    window.press("Enter")
    window.until(lambda screen: screen.split()[:1] == ["1"], "the count")
    window.shows("Enter goes back")
    window.press("C-c", "Enter")
    window.shows("Second line.")
    window.press("g")
    window.asks("Go")
    window.type(f"gopher://127.0.0.1:{gophernicus}/hURL:http://web.example/")
    window.press("Enter")
    window.shows("Open this with")
    window.press("y")
    window.shows("reads http://web.example/")
    window.type("words")
    window.press("Enter")
    window.shows("Second line.")
    assert (tmp_path / "lynx.got").read_text() == "words\n"


@pytest.mark.parametrize("errors", ["2>errors", "2>&-"])
def test_standard_error_may_go_elsewhere(terminal, tmp_path, errors):
    """The screen is the terminal, not the file, and it takes keys."""
    window = terminal(errors=errors.replace("errors", shlex.quote(str(tmp_path / "errors"))))
    window.until(lambda each: "Places to begin" in each and "? Help q Quit" in each, "the page")
    window.press("q")
    window.shows("status=0")
    assert not (tmp_path / "errors").exists() or (tmp_path / "errors").read_bytes() == b""


def test_an_address_that_is_none_is_a_sentence(terminal):
    window = terminal("gopher://bad host/")
    window.shows("gopher: “gopher://bad host/” is not a Gopher URL")
    window.shows("status=1")


def test_without_textual_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(browse, "find_spec", lambda name: None)
    errors = StringIO()
    assert gopher(["browse"], BytesIO(), errors) == 1
    assert how_to_install("browse") in errors.getvalue()


def test_without_a_terminal_it_says_so():
    run = subprocess.run(
        [sys.executable, "-c", RUN], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE
    )
    assert run.returncode == 1 and b"browsing needs a terminal" in run.stderr


@pytest.mark.slow
def test_importing_it_loads_nothing_heavy():
    """`gopher URL` imports this package for nothing."""
    code = "import sys, logsrv.gopher.command.browse; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == 0
