"""The processes that search and watch for the web interface: their limits, failures and ends."""

import os
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.web_daemon import (
    HTTP,
    LINES,
    NO_PYTHON,
    client_of,
    figure,
    memory,
    send,
    stalled,
)
from tests.parts.daemons import Logger, Start

VIEWING = "linelog.http.views.view_child"
SEARCHING = "linelog.http.search_child"


@pytest.fixture
def server(logger: Start) -> Logger:
    """A daemon with five lines."""
    server = logger(*HTTP)
    send(server, *LINES)
    return server


@pytest.mark.slow
def test_processes_that_cannot_be_started(logger, tmp_path):
    """The log gives the failure once; lines are stored."""
    python = tmp_path / "python"
    python.touch(mode=0o644)
    server = logger(*HTTP, prefix=(sys.executable, "-c", NO_PYTHON, str(python)))
    server.send(b"a line\n")
    server.wait_for_messages(1)
    assert client_of(server).ask("/api/search?q=line").status == 503
    said = server.log()
    assert said.count(f"may not execute {python}") == 1
    assert said.index("there are no searches or live views") < said.index("logsrv is ready")


def test_stop_with_open_streams(server):
    """Live views, searches and the idle search process end at once with the daemon."""
    client = client_of(server)
    with client.watch() as events:
        client.search()
        started = server.wait_until(lambda: server.children(), "the process that stands ready")
        (silent,) = stalled(server, 1)
        server.stop()
        assert (events.next() or ("", {}))[0] == "problem"
        assert events.next() is None
        silent.close()
    assert "Traceback" not in server.log() and "given up" not in server.log()
    for child in started:
        wait_until(lambda child=child: not Path(f"/proc/{child}").exists() or None, "its end")  # type: ignore[misc]


def test_the_process_of_live_views_dies(server):
    """A viewer gets an event, reconnects and misses nothing; lines are stored as usual."""
    client = client_of(server)
    with client.watch() as events:
        send(server, "before")
        assert events.lines(1) == ["before"]
        last = events.last_id
        died = server.wait_until(lambda: server.child(VIEWING), "it")
        os.kill(died, signal.SIGKILL)
        name, said = events.next() or ("", {})
        assert name == "problem" and "live views have failed" in said["error"]
        assert events.next() is None
    send(server, "meanwhile")

    def served() -> bool:
        events = client.watch()
        events.close()
        return events.response.status == 200

    server.wait_until(served, "the next one")
    with client.watch(headers={"Last-Event-ID": last}) as events:
        assert events.lines(1) == ["meanwhile"]
        send(server, "after")
        assert events.lines(1) == ["after"]
    assert server.child(VIEWING) != died
    server.wait_for_log("the process of the live views was ended by SIGKILL")


@pytest.fixture
def large(logger: Start) -> Logger:
    """A daemon with more lines than the socket buffers of a search hold."""
    server = logger(*HTTP, "--http-searches", "2", "--http-search-time", "2s")
    text = b"".join(
        b"line %d level=info user=u%d some=more text=here\n" % (n, n) for n in range(20000)
    )
    with server.connect() as connection:
        for _ in range(30):
            connection.sendall(text)
    client = client_of(server)
    server.wait_until(lambda: client.ask("/api/stats").json["lines"] == 600_000 or None, "them")
    return server


def slow(server: Logger) -> socket.socket:
    """Start a search whose client does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.ports()[-1]))
    client.sendall(b"GET /api/search?limit=100000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


def ask_from(address: str, server: Logger, path: str) -> socket.socket:
    """Ask without waiting for the answer, as a reader with an address of 127.0.0.0/8."""
    client = socket.create_connection(
        ("127.0.0.1", server.ports()[-1]), PATIENCE, source_address=(address, 0)
    )
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    return client


def answer_of(client: socket.socket) -> bytes:
    """Read to the end, with the head."""
    with client, client.makefile("rb") as file:
        return file.read()


def searching(server: Logger) -> list[int]:
    """Return the ids of the search processes, the idle one included."""
    return [child for child in server.children() if SEARCHING in command_of(child)]


def command_of(process: int) -> str:
    """Return the command line of a process; empty when it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


@pytest.mark.long
def test_searches_are_limited_in_number_and_time(large):
    """Those over the number wait; a slow one gets an error; that of a client that is gone is ended."""
    client = client_of(large)
    before = memory(large.pid)
    held = [slow(large), slow(large)]
    large.wait_until(lambda: figure(client, "http_searches") == 2 or None, "two searches")
    waiting = ask_from("127.0.1.1", large, "/api/search?limit=1")
    large.wait_until(lambda: figure(client, "http_searches_waiting") == 1 or None, "another one")
    send(large, "received as before")
    assert memory(large.pid) - before < 20 << 20
    for one in held:
        one.close()
    # The one that waits has its turn, and the processes are gone.
    assert b" 429 " not in answer_of(waiting).partition(b"\r\n")[0]
    large.wait_until(lambda: figure(client, "http_searches") == 0 or None, "their end")
    large.wait_until(lambda: len(searching(large)) <= 1 or None, "their processes' end")
    # This search exceeds its time, and has sent nothing before.
    answer = client.ask("/api/histogram", q="user=* some=* -nothing")
    assert answer.status == 503 and "2 s" in answer.json["error"]


READERS, PANELS = 50, 12


@pytest.mark.long
def test_fifty_readers_open_one_board_and_another_one_asks_meanwhile(logger):
    """Nobody is refused, and readers of the same panel share a search."""
    server = logger(*HTTP)
    server.send(b"".join(b"line level=info user=u%d\n" % (n % 100) for n in range(10_000)))
    client = client_of(server)
    server.wait_until(lambda: client.ask("/api/stats").json["lines"] == 10_000 or None, "them")
    panels = [
        "/api/table?" + urlencode({"q": f"user=u{panel} | count by level"})
        for panel in range(PANELS)
    ]
    asked = [
        ask_from(f"127.0.1.{reader + 1}", server, panel)
        for reader in range(READERS)
        for panel in panels
    ]
    others = [client.ask("/api/search", q="user=u77", limit=5).status for _ in range(3)]
    answers = [answer_of(one) for one in asked]
    assert others == [200] * 3
    assert [one.partition(b"\r\n")[0] for one in answers] == [b"HTTP/1.1 200 OK"] * len(asked)
    for panel in range(PANELS):
        (same,) = {one.partition(b"\r\n\r\n")[2] for one in answers[panel::PANELS]}
        assert b'["info",100]' in same.replace(b" ", b"")
    # Some panels are searched for again: an answer that has begun takes no more readers.
    assert figure(client, "http_searches_joined_total") >= len(asked) / 2
    assert figure(client, "http_searches_waiting") == figure(client, "http_searches") == 0
