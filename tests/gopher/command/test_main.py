"""The `gopher` command as a user has it: its output, its exit status, at a terminal and in scripts;
and what it `serve`s.
"""

import io
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading

import pytest

from logsrv.gopher.command.main import run
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.command.answers import EVIL, MENU, UNSAFE, gopher
from tests.parts.at_terminal import AtTerminal
from tests.parts.ports import free_port
from tests.parts.waits import line_of

GOPHER = (sys.executable, "-m", "logsrv.gopher.command.main")


def test_the_command_does_not_load_twisted():
    program = (
        "import sys, io; from logsrv.gopher.command.main import run\n"
        "run(['127.0.0.1:1'], sys.stdout.buffer, sys.stderr)\n"
        "run(['mirror', '127.0.0.1:1', sys.argv[1]], sys.stdout.buffer, sys.stderr)\n"
        "sys.exit('twisted' in sys.modules)"
    )
    with_directory = [sys.executable, "-c", program, os.devnull + "/x"]
    assert subprocess.run(with_directory, capture_output=True, timeout=PATIENCE).returncode == 0


# The real process.


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_ends_it_quietly(serve):
    def endless(connection: socket.socket, _: bytes) -> None:
        while True:
            connection.sendall(b"0item\t/x\th\t70\r\n" * 1000)

    command = [*GOPHER, serve(endless).url()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert line_of(process.stdout) == b"   1 text item\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == 141


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_leaves_no_half_file(serve, tmp_path, number, status):
    def slow(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"x" * 100_000)
        server.hang()

    server = serve(slow)
    command = [*GOPHER, server.url("/9/big")]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        wait_until(lambda: any(path.stat().st_size for path in tmp_path.iterdir()), "some bytes")
        process.send_signal(number)
        said = process.stderr.read().decode()
        assert process.wait(PATIENCE) == status
    assert os.listdir(tmp_path) == []
    assert "Traceback" not in said


def test_a_full_or_closed_output_is_no_traceback(serve):
    url = serve(MENU).url()
    for words in ([url], ["--help"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [*GOPHER, *words], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE
            )
        assert (done.returncode, done.stderr) == (1, b"gopher: No space left on device\n")
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *GOPHER, url]
    assert subprocess.run(closed, stderr=subprocess.PIPE, timeout=PATIENCE).stderr == b""


def test_a_program_may_have_put_something_else_in_the_place_of_standard_error():
    program = """if True:
        import contextlib, io
        from logsrv.gopher.command.main import main
        with contextlib.redirect_stderr(io.StringIO()) as said:
            status = main(["--nothing"])
        print(status, said.getvalue())"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=PATIENCE)
    assert done.stdout.startswith(b"2 gopher: "), done.stderr.decode()


@pytest.mark.slow
def test_a_sentence_that_nobody_can_be_told_leaves_the_status_as_it_is(serve, tmp_path):
    free = free_port()
    saved = [serve(b"x" * 100).url("/9x"), "--force", "--output", str(tmp_path / "x")]
    for words, status in (([f"127.0.0.1:{free}"], 5), (["--nothing"], 2), (saved, 0)):
        with open("/dev/full", "wb") as full:
            assert (
                subprocess.run([*GOPHER, *words], stderr=full, timeout=PATIENCE).returncode
                == status
            )
        reader, writer = os.pipe()
        os.close(reader)
        assert (
            subprocess.run([*GOPHER, *words], stderr=writer, timeout=PATIENCE).returncode == status
        )
        os.close(writer)
    assert (tmp_path / "x").read_bytes() == b"x" * 100


def test_a_terminal_that_vanishes_ends_no_download_and_is_one_sentence(serve, tmp_path):
    """Where no SIGHUP comes, as behind `nohup` or `disown`."""
    vanished = threading.Event()

    def waits(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"0a\t/a\th\t70\r\n" * 1000)
        vanished.wait(PATIENCE)
        for _number in range(5):
            connection.sendall(b"0b\t/b\th\t70\r\n" * 1000)
            select.select([], [], [], 0.15)

    server = serve(waits)
    said = tmp_path / "said"
    for words, status, sentence in (
        ([server.url("/9x"), "-o", str(tmp_path / "x")], 0, None),
        ([server.url()], 1, "gopher: Input/output error\n"),
    ):
        vanished.clear()
        ours, theirs = os.openpty()
        with said.open("wb") as file:
            process = subprocess.Popen(
                [*GOPHER, *words], stdout=theirs, stderr=theirs if sentence is None else file
            )
        os.close(theirs)
        wait_until(lambda: server.requests, "the request")
        server.requests.clear()
        os.close(ours)
        vanished.set()
        assert process.wait(PATIENCE) == status
        assert sentence is None or said.read_text() == sentence
    assert (tmp_path / "x").stat().st_size == 6000 * len(b"0a\t/a\th\t70\r\n")


def test_a_link_out_on_an_unknown_host_is_no_file(serve):
    url = serve(b"1Away\t\tgone.invalid\t70\r\n").url()
    assert gopher(url.removeprefix("gopher://"), "1")[2].endswith("or try again later\n")


def at_terminal(*words: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    with AtTerminal(*GOPHER, *words, environment=environment or {}) as terminal:
        status = terminal.wait()
        return status, terminal.seen.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


@pytest.mark.slow
def test_a_terminal_gets_colours_unless_they_are_not_wanted(serve):
    url = serve(MENU).url()
    assert "\x1b[" in at_terminal(url)[1]
    assert "\x1b" not in at_terminal(url, "--color", "never")[1]
    assert "\x1b" not in at_terminal(url, environment={"NO_COLOR": "1"})[1]
    assert "\x1b" not in at_terminal(url, environment={"TERM": "dumb"})[1]


@pytest.mark.slow
def test_a_terminal_gets_no_binary(serve):
    url = serve(b"\0\x1b[2J").url("/9x")
    for words in (["--raw"], ["--output", "-"]):
        status, seen = at_terminal(url, *words)
        assert (status, "standard output is a terminal" in seen) == (1, True)
    assert at_terminal(url, "--raw", "--force")[1].endswith("\0\x1b[2J")


def endless_menu(connection: socket.socket, _: bytes) -> None:
    while True:
        connection.sendall(b"0" + EVIL + b"\t/x\th\t70\r\n" + b"0item\t/x\th\t70\r\n" * 5000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        (endless_menu, 8, ("/",)),
        (endless_menu, 8, ("/0x", "--max-size", "1MiB")),
        (b"0" + EVIL, 0, ("/",)),
        (b"3" + EVIL + b"\t\terror.host\t1\r\n.\r\n", 3, ("/",)),
        (bytes(range(256)) * 100, 0, ("/0x",)),
    ],
)
def test_bad_input_ends_and_never_drives_the_terminal(serve, script, status, words):
    path, *options = words
    found, seen = at_terminal(serve(script).url(path), "--links", "--color", "never", *options)
    assert found == status, seen[-500:]
    assert not UNSAFE.search(seen)


def test_a_download_shows_its_progress_at_a_terminal(serve, tmp_path):
    shown = threading.Event()

    def slow(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"+100000\r\n" + b"x" * 10_000)
        left = 90_000
        while not shown.wait(0.01):
            connection.sendall(b"x")
            left -= 1
        connection.sendall(b"x" * left)

    url = serve(slow).url("/9/big%09%09+")
    with AtTerminal(*GOPHER, url, "--output", str(tmp_path / "x"), environment={}) as terminal:
        terminal.expect(" %, ")
        shown.set()
        assert terminal.wait() == 0
    seen = terminal.seen.decode()
    assert re.search(r"\r\[#+ *\] \d+ %, ", seen)
    assert seen.endswith("saved as " + str(tmp_path / "x") + " (97.7 KiB)\r\n")


@pytest.mark.slow
def test_it_serves_until_ctrl_c(tmp_path):
    (tmp_path / "hole").mkdir()
    (tmp_path / "hole" / "-name.txt").write_text("hello")
    log = tmp_path / "twistd.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*GOPHER, "serve", "hole", "--listen", "tcp:0:interface=127.0.0.1"],
            cwd=tmp_path,
            stdout=file,
            stderr=file,
        )
    try:
        wait_until(lambda: "is ready" in log.read_text(), "the server to be ready")
        found = re.search(r"127\.0\.0\.1:(\d+)", log.read_text())
        assert found is not None
        out = io.BytesIO()
        assert run([f"127.0.0.1:{found[1]}/0/-name.txt"], out, io.StringIO()) == 0
        assert out.getvalue().strip() == b"hello"
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait(PATIENCE)


@pytest.mark.parametrize("words", [[], ["--listen", "tcp:0"]])
def test_gopher_serve_without_a_directory_is_a_usage_error(words):
    err = io.StringIO()
    assert run(["serve", *words], io.BytesIO(), err) == 2
    assert err.getvalue().startswith("gopher: gopher serve takes a directory")


def test_the_help_of_gopher_serve_names_that_of_twistd():
    out = io.BytesIO()
    assert run(["serve", "--help"], out, io.StringIO()) == 0
    assert b"twistd gopherd --help" in out.getvalue()
