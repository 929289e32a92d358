"""The programs of docs/gopher.md, run unchanged against servers on loopback."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import ROOT
from tests.parts.gopher_servers import Scripted
from tests.parts.story import blocks

PAGE = (ROOT / "docs" / "gopher.md").read_text()
ANSWERS = {
    b"/about.txt": b"About.\r\n..dots\r\n.\r\n",
    b"/picture.png": b"\x89PNG",
    b"/a": b"02026-11-01 First\t/first\t127.0.0.1\t%d\r\nhWeb\tURL:http://web.example/\t\t\r\n.\r\n",
    b"/b": b"02026-11-15 \x1b[2J\t/second\t127.0.0.1\t%d\r\n.\r\n",
    b"/second": b"two\r\n.\r\n",
}


@pytest.fixture
def server() -> Iterator[Scripted]:
    def answer(connection: socket.socket, request: bytes) -> None:
        known = ANSWERS.get(request.strip(), b"3nothing there\t\terr\t1\r\n.\r\n")
        connection.sendall(known.replace(b"%d", b"%d" % started.port))

    started = Scripted(answer)
    yield started
    started.close()


def python(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE)


def program(mark: str) -> str:
    """Return the one program of the page that contains `mark`."""
    [found] = [
        block.body for block in blocks(PAGE) if block.language == "python" and mark in block.body
    ]
    return found


def test_the_program_without_a_reactor_works_as_printed(server, tmp_path):
    here = program("urlretrieve(").replace("example.org", f"127.0.0.1:{server.port}")
    done = python(tmp_path, "-c", here)
    assert (done.stdout, done.stderr) == ("About.\n.dots\n", "")
    assert (tmp_path / "picture.png").read_bytes() == b"\x89PNG"


def test_the_program_with_urllib_works_as_printed(server, tmp_path):
    asks = f"import urllib.request\nprint(urllib.request.urlopen({server.url('/0/about.txt')!r}).read())"
    done = python(tmp_path, "-c", program("install_opener()") + asks)
    assert (done.stdout, done.stderr) == ("b'About.\\r\\n.dots\\r\\n'\n", "")


def phlogs(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (directory / "phlogs.py").write_text(program('"""What is newest in phlogs'))
    return python(directory, "phlogs.py", *words)


@pytest.mark.slow
def test_the_reader_of_phlogs_works_as_printed(server, tmp_path):
    urls = [server.url("/1/a"), server.url("/1/b"), server.url("/1/gone")]
    done = phlogs(tmp_path, "latest.txt", *urls)
    assert done.returncode == 0
    assert done.stdout == (
        f"2026-11-15 \\x1b[2J  <{server.url('/0/second')}>\n"
        f"2026-11-01 First  <{server.url('/0/first')}>\n"
        "saved as latest.txt (5 bytes)\n"
    )
    assert f"{urls[2]}: the server answers with an error: nothing there\n" in done.stderr
    assert re.search(r"^\d+ of \? bytes$", done.stderr, re.MULTILINE)


@pytest.mark.slow
def test_the_reader_of_phlogs_says_what_went_wrong(server, tmp_path):
    nothing = phlogs(tmp_path, "x", server.url("/1/gone"), "gopher:/h")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert nothing.stderr.endswith("nothing is there\n") and "has to begin with" in nothing.stderr
    cannot_save = phlogs(tmp_path, "none/x", server.url("/1/b"))
    assert cannot_save.returncode == 1
    assert cannot_save.stderr.splitlines()[-1] == "none/x: No such file or directory"
    gone = phlogs(tmp_path, "x", server.url("/1/a"))
    assert gone.returncode == 3 and gone.stderr.endswith("nothing there\n")
