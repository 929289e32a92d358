"""`logsrv replay`: stored lines go to another server."""

import socket
import time
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.cli.command import logsrv, serving
from tests.linelog.read.stores import lines, make_store

MESSAGES = [f"number {number}" for number in range(20)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    every = lines(MESSAGES, step=0.05)
    return make_store(tmp_path / "logs", [every[:10], every[10:]])


def replayed(store: Path, *words: str) -> tuple[bytes, float]:
    """What the server got, and how many seconds all of it took at least."""
    got = bytearray()

    def serve(connection: socket.socket) -> None:
        while piece := connection.recv(4096):
            got.extend(piece)

    with serving(serve) as port:
        begun = time.monotonic()
        done = logsrv("replay", "--directory", str(store), "--to", f"tcp:127.0.0.1:{port}", *words)
        seconds = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    lines = bytes(got).count(b"\n")
    sent = "1 line was" if lines == 1 else f"{lines} lines were"
    assert done.stderr.decode() == f"logsrv replay: {sent} sent to 127.0.0.1:{port}\n"
    return bytes(got), seconds


def test_the_messages_arrive_as_they_came(store):
    got, _ = replayed(store, "--speed", "max")
    assert got.decode().splitlines() == MESSAGES


def test_a_query_chooses_the_lines_to_send(store):
    got, _ = replayed(store, "--speed", "max", "number", "1", "-n", "3")
    assert got.decode().splitlines() == ["number 1", "number 10", "number 11"]


def test_the_time_between_them_is_kept_or_made_shorter(store):
    got, seconds = replayed(store)
    assert got.decode().splitlines() == MESSAGES
    # The last comes 0.95 s after the first, and never earlier than that.
    assert seconds > 0.9


def test_rate_sends_so_many_lines_a_second(store):
    _, seconds = replayed(store, "--rate", "40")
    assert seconds > 0.45


def test_each_line_is_replayed_as_a_datagram(store):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        done = logsrv(
            "replay", "--directory", str(store), "--to", f"udp:127.0.0.1:{port}", "--speed", "max"
        )
        assert done.returncode == 0
        listening.settimeout(PATIENCE)
        assert [listening.recv(100).decode() for _ in MESSAGES] == MESSAGES


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (["--to", "tcp:127.0.0.1:1"], "127.0.0.1:1 cannot be reached: Connection refused", 2),
        (["--to", "ssl:host=x:port=1"], "is none of tcp:", 2),
        (["--to", "nowhere"], "has no port", 2),
        ([], "--to", 2),
        (["--to", "tcp:127.0.0.1:1", "--speed", "-3"], "is no speed, such as 10 or max", 2),
        (["--to", "tcp:127.0.0.1:1", "--cafile", "x"], "is not encrypted", 2),
    ],
)
def test_wrong_options_are_refused(store, words, said, status):
    done = logsrv("replay", "--directory", str(store), *words)
    assert said in done.stderr.decode()
    assert done.returncode == status


def test_nothing_to_send_is_status_1(store):
    def serve(connection: socket.socket) -> None:
        connection.recv(1)

    with serving(serve) as port:
        done = logsrv(
            "replay", "--directory", str(store), "--to", f"tcp:127.0.0.1:{port}", "nosuchword"
        )
    assert done.returncode == 1
    assert b"0 lines were sent" in done.stderr
