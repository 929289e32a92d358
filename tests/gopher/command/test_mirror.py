"""`gopher mirror` as a user has it, against real servers too."""

import io
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from logsrv.gopher.command.main import run
from logsrv.gopher.fetch import transfer
from logsrv.gopher.mirror.journal import MirrorJournal
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.text.paths import safe_name
from tests.parts import gopher_servers
from tests.parts.at_terminal import AtTerminal
from tests.parts.gopher_servers import LOOPBACK, TREE
from tests.parts.ports import free_port

GOPHER = (sys.executable, "-m", "logsrv.gopher.command.main")
OURS = {".gopher-mirror", "gophermap", "index.html"}
MENU = b"0A\t/a\t\t\r\n0B\t/b\t\t\r\n.\r\n"


def mirror(*words: str) -> tuple[int, str, str]:
    out, err = io.BytesIO(), io.StringIO()
    status = run(["mirror", *words], out, err)
    return status, out.getvalue().decode(), err.getvalue()


def copied(directory: Path) -> dict[str, bytes]:
    """All files of a mirror that came from the server, by their paths."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name not in OURS
    }


def served() -> dict[str, bytes]:
    """The tree of the real servers as files of a mirror; scripts are left out."""
    return {
        "/".join(safe_name(part) for part in name.split(b"/")): content
        for name, content in TREE.items()
        if not name.startswith(b"cgi-bin/")
    }


def test_a_mirror_of_pygopherd_is_identical_to_its_tree(pygopherd, tmp_path):
    status, said, _ = mirror(f"localhost:{pygopherd}", str(tmp_path / "new" / "m"))
    assert status == 0, said
    found = copied(tmp_path / "new" / "m")
    found.pop("cgi-bin/search.cgi")
    assert found == served()


def test_a_mirror_of_gophernicus_is_its_tree_with_its_line_ends(gophernicus, tmp_path):
    """It sends texts with CRLF and in UTF-8, whatever they are on its disk."""
    status, said, _ = mirror(f"localhost:{gophernicus}", str(tmp_path))
    assert status == 0, said
    found = copied(tmp_path)
    found.pop("cgi-bin/search.cgi")
    assert found.keys() == served().keys()
    for name, content in served().items():
        if name in ("bin.dat", "pic.gif"):
            assert found[name] == content
        elif name == "latin1.txt":
            assert found[name] == "café latin-1\r\n".encode()
        else:
            assert found[name].splitlines() == content.splitlines()


@pytest.fixture
def published(pygopherd: int) -> Iterator[Path]:
    """A mirror where an ordinary user can read it."""
    directory = Path(tempfile.mkdtemp(prefix="gopher-mirror-"))
    try:
        directory.chmod(0o755)
        assert mirror(f"localhost:{pygopherd}", str(directory))[0] == 0
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.mark.slow
@pytest.mark.parametrize("server", ["gophernicus", "pygopherd"])
def test_a_mirror_can_be_served_and_mirrored_again(published, tmp_path, server):
    with getattr(gopher_servers, server)(published) as port:
        assert mirror(f"localhost:{port}", str(tmp_path))[0] == 0
    first, second = copied(published), copied(tmp_path)
    assert first.keys() == second.keys()
    if server == "pygopherd":
        assert first == second
        assert (published / "gophermap").read_bytes() == (tmp_path / "gophermap").read_bytes()


def test_every_link_of_an_index_leads_to_a_file(published):
    for page in published.rglob("index.html"):
        for target in page.read_text().split('href="./')[1:]:
            path = page.parent / os.fsdecode(unquote_to_bytes(target.partition('"')[0]))
            assert path.is_file(), path


def test_what_is_missing_is_reported_with_the_status(serve, tmp_path):
    def answer(connection: socket.socket, request: bytes) -> None:
        missing = b"3'\x1b[2J' is missing\t\terror.host\t1\r\n.\r\n"
        connection.sendall({b"\r\n": MENU, b"/a\r\n": b"text"}.get(request, missing))

    server = serve(answer)
    status, said, _ = mirror(server.url(), str(tmp_path))
    assert status == 12
    assert "2 items fetched" in said
    assert f"failed (server-error): gopher://127.0.0.1:{server.port}/0/b: " in said
    assert "\x1b" not in said
    # It leads to where it is; without a host it would lead to whoever serves the mirror.
    assert (tmp_path / "gophermap").read_bytes() == (
        b"0A\t/a\n0B\t/b\t127.0.0.1\t%d\n" % server.port
    )


def test_errors_before_anything_is_fetched(serve, tmp_path):
    free = free_port()
    assert mirror(f"{LOOPBACK}:{free}", str(tmp_path / "m"))[0] == 5
    assert mirror("nowhere.invalid", str(tmp_path / "m"))[0] == 4
    assert mirror("h/7/find", str(tmp_path))[0] == 1
    assert mirror("h")[0] == 2
    assert mirror("h", str(tmp_path), "--connections", "0")[0] == 2
    (tmp_path / "file").touch()
    status, _, sentence = mirror(serve(MENU).url(), str(tmp_path / "file"))
    assert status == 1
    assert sentence.endswith("file is not a directory, which a mirror needs\n")


def test_nothing_is_left_of_a_mirror_that_never_began(serve, tmp_path):
    """So the same directory may be named for the right server then."""
    gone = serve(b"3No such menu\t\terror.host\t1\r\n.\r\n").url()
    there = tmp_path / "there"
    there.mkdir()
    for directory in (tmp_path / "new" / "m", there):
        assert mirror(gone, str(directory))[0] == 3
    assert os.listdir(tmp_path / "new") == [] and os.listdir(there) == []
    assert mirror(serve(b"text").url("/0/a"), str(there))[0] == 0
    assert mirror(gone, str(there))[0] != 0
    assert (there / ".gopher-mirror").exists(), "what was a mirror before stays one"


def test_a_server_that_sends_a_byte_now_and_then_holds_nobody(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "MINUTE", 0.3)

    def answer(connection: socket.socket, request: bytes) -> None:
        if request == b"/b\r\n":
            with suppress(OSError):
                while True:
                    connection.sendall(b"x")
                    select.select([connection], [], [], 0.01)
        connection.sendall(MENU if request == b"\r\n" else b"all of it")

    server = serve(answer)
    status, said, _ = mirror(server.url(), str(tmp_path / "m"))
    assert status == 12
    assert f"failed (time-out): gopher://127.0.0.1:{server.port}/0/b: " in said
    assert copied(tmp_path / "m")["a"] == b"all of it"
    assert not (tmp_path / "m" / "b").exists()


def test_refresh_fetches_again(serve, tmp_path):
    server = serve(b"text")
    url = server.url("/0/a")
    for words, asked in (((), 1), ((), 1), (("--refresh",), 2)):
        assert mirror(url, str(tmp_path), *words)[0] == 0
        assert server.requests.count(b"/a\r\n") == asked


def test_refresh_takes_nothing_from_a_mirror_that_is_at_work(serve, tmp_path):
    server = serve(b"text")
    url = server.url("/0/a")
    assert mirror(url, str(tmp_path))[0] == 0
    at_work = MirrorJournal(tmp_path, GopherURL.parse(url), "path")
    status, _, sentence = mirror(url, str(tmp_path), "--refresh")
    at_work.close()
    assert (status, "another gopher mirror is running" in sentence) == (1, True)
    assert mirror(url, str(tmp_path))[0] == 0
    assert server.requests.count(b"/a\r\n") == 1, "what it has noted is still there"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_mirror_that_was_stopped_goes_on(serve, tmp_path, number, status):
    stopped = False

    def answer(connection: socket.socket, request: bytes) -> None:
        if request == b"/b\r\n" and not stopped:
            connection.sendall(b"x" * 1_000_000)
            connection.recv(1)
        connection.sendall(MENU if request == b"\r\n" else b"all of it")

    server = serve(answer)
    command = [*GOPHER, "mirror", server.url(), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None and process.stdout is not None
        wait_until(lambda: (tmp_path / "a").exists() and len(server.requests) >= 5, "half of it")
        wait_until(lambda: list(tmp_path.glob(".b.*")), "the other half to begin")
        journal = tmp_path / ".gopher-mirror"
        wait_until(lambda: b'"path": ["a"]' in journal.read_bytes(), "the first half to be known")
        if number == signal.SIGKILL:
            wait_until((tmp_path / "gophermap").exists, "the menu as it is")
        process.send_signal(number)
        assert process.wait(PATIENCE) == status
        assert b"Traceback" not in process.stderr.read()
        said = process.stdout.read().decode()
    assert not (tmp_path / "b").exists()
    if number == signal.SIGINT:
        assert not list(tmp_path.glob(".b.*"))
        assert f"stopped: 2 items of it are in {tmp_path}, 1 known ones are not yet" in said
    # What is there can be read, and what is not leads to the server.
    there = b"\t127.0.0.1\t%d\n" % server.port
    first = b"0A\t/a\n" if number == signal.SIGINT else b"0A\t/a" + there
    assert (tmp_path / "gophermap").read_bytes() == first + b"0B\t/b" + there
    stopped = True
    assert mirror(server.url(), str(tmp_path))[0] == 0
    assert server.requests.count(b"/a\r\n") == 1
    assert copied(tmp_path)["b"] == b"all of it"
    assert (tmp_path / "gophermap").read_bytes() == b"0A\t/a\n0B\t/b\n"
    assert not list(tmp_path.glob(".b.*")), "the part of the run that was killed is swept up"


@pytest.mark.slow
@pytest.mark.parametrize("server", ["gophernicus", "pygopherd"])
def test_an_update_of_a_real_server_writes_what_has_changed(server, tmp_path):
    """What is new comes, what is gone is listed, what is the same is left alone."""
    with gopher_servers.served_tree() as tree, getattr(gopher_servers, server)(tree) as port:
        assert mirror(f"localhost:{port}", str(tmp_path))[0] == 0
        untouched = (tmp_path / "bin.dat").stat()
        (tree / "hello.txt").write_text("Changed.\n")
        (tree / "utf8.txt").unlink()
        (tree / "new.txt").write_text("New.\n")
        (tree / "new.txt").chmod(0o644)
        shutil.rmtree(tree / "sub")
        status, said, _ = mirror(f"localhost:{port}", str(tmp_path), "--update")
        assert status == 0, said
        assert " new, " in said
        assert "no menu led to 3 items now; the copies stay" in said
        assert copied(tmp_path).keys() >= {"new.txt", "utf8.txt", "sub/deep.txt"}
        assert (tmp_path / "sub" / "index.html").exists()
        found = copied(tmp_path)
        assert found["hello.txt"].strip() == b"Changed."
        assert (tmp_path / "bin.dat").stat().st_mtime_ns == untouched.st_mtime_ns
        assert b"/utf8.txt" not in (tmp_path / "gophermap").read_bytes()


@pytest.mark.parametrize(
    ("menu", "status", "what"),
    [
        (b".\r\n", 12, "no line of this menu leads anywhere now"),
        (b"3Closed\t\terror.host\t1\r\n.\r\n", 3, "the server answers with an error: Closed"),
    ],
)
def test_an_update_whose_first_menu_cannot_be_had_says_that_the_copies_stay(
    serve, tmp_path, menu, status, what
):
    answers = {b"\r\n": MENU, b"/a\r\n": b"text a", b"/b\r\n": b"text b"}
    server = serve(lambda connection, request: connection.sendall(answers.get(request, b"")))
    assert mirror(server.url(), str(tmp_path))[0] == 0
    before = copied(tmp_path)
    answers[b"\r\n"] = menu
    sentence = f"gopher: gopher://127.0.0.1:{server.port}/: {what}; the copies of before stay\n"
    assert mirror(server.url(), str(tmp_path), "--update") == (status, "", sentence)
    assert copied(tmp_path) == before
    (tmp_path / ".gopher-mirror").unlink()
    if status == 3:
        said = mirror(server.url(), str(tmp_path))[2]
        assert said == f"gopher: {what}\n", "of a first run there are none"


def test_update_and_refresh_are_two_things(tmp_path):
    status, _, sentence = mirror("h", str(tmp_path), "--update", "--refresh")
    assert (status, "choose one" in sentence) == (2, True)


@pytest.mark.slow
def test_a_terminal_sees_how_far_it_is(serve, tmp_path):
    shown = threading.Event()

    def answer(connection: socket.socket, request: bytes) -> None:
        if request == b"/b\r\n":
            shown.wait(PATIENCE)
        connection.sendall(MENU if request == b"\r\n" else b"x")

    command = (*GOPHER, "mirror", serve(answer).url(), str(tmp_path))
    with AtTerminal(*command, environment={}) as terminal:
        terminal.expect("\r2 done, 1 to go, ")
        shown.set()
        assert terminal.wait() == 0
        assert terminal.seen.endswith(b"3 items fetched (23 bytes)\r\n")
