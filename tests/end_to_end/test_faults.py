"""After faults of the machine no line is missing, doubled or mixed."""

import contextlib
import os
import re
import resource
import signal
import threading
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.parts.daemons import LOOPBACK, Logger
from tests.parts.store_reader import (
    assert_whole,
    by_source,
    numbered,
    stored_bytes,
    stored_lines,
)
from tests.parts.waits import join
from tests.parts.web_clients import Client


@pytest.mark.complains("cannot start")
@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_directory_that_cannot_be_written(logger, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "work").mkdir(mode=0o777)
    (tmp_path / "work").chmod(0o777)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = Logger(
        "logsrv", "--listen", LOOPBACK, "--directory", str(closed / "store"),
        directory=tmp_path / "work", twistd=["--uid", "nobody"],
    )  # fmt: skip
    assert server.start().wait() == 1
    assert str(closed) in server.log()
    assert "Traceback" not in server.log()


def test_no_line_is_lost_on_a_full_disk(logger, small_disk, tmp_path):
    """Senders wait, one log line says why, and the server continues when there is space; no
    line is lost.
    """
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * (2 << 20))
    server = Logger(
        "logsrv", "--listen", LOOPBACK, "--directory", str(small_disk / "store"),
        directory=tmp_path,
    )  # fmt: skip
    text = numbered(0, 36_000)
    with server:
        sender = threading.Thread(target=server.send, args=(text[: 3 << 19],))
        sender.start()
        server.wait_for_log("No space left on device")
        ballast.unlink()
        join(sender)
        server.wait_for_log("writing again")
        expected = text[: 3 << 19].split(b"\n")
        server.wait_until(
            lambda: stored_bytes(small_disk / "store").count(b"\n") >= len(expected), "all lines"
        )
        assert [line.message for line in stored_lines(small_disk / "store")] == expected
        assert server.log().count("No space left on device") == 1


def test_stopping_on_a_full_disk(logger, small_disk, tmp_path):
    """The log gives the bytes and lines that could not be written, and the stop is bounded."""
    text = numbered(0, 3000)
    server = Logger(
        "logsrv", "--listen", LOOPBACK, "--directory", str(small_disk / "store"),
        directory=tmp_path,
    )  # fmt: skip
    with server:
        room = os.statvfs(small_disk)
        (small_disk / "ballast").write_bytes(b"\0" * (room.f_bavail * room.f_bsize - (64 << 10)))
        server.send(numbered(0, 3000))
        server.wait_for_log("No space left on device")
        assert server.stop() in (0, -signal.SIGTERM)
    log = server.log()
    said = re.search(r"(\d+) bytes \((\d+) lines\) could not be written .*: No space left", log)
    assert said, log
    size, lines = map(int, said.groups())
    # The sender was paused in the middle of a line, which counts as well.
    taken = int(log.split("received_bytes_total ")[1].split(",")[0])
    stored = stored_bytes(small_disk / "store").count(b"\n")
    assert stored + lines == (text[:taken] + b"\n").replace(b"\n\n", b"\n").count(b"\n")
    assert f"store_lost_bytes_total {size}, store_lost_lines_total {lines}" in log
    assert log.index("could not be written") < log.index("counted: ") < log.index("logsrv: stopped")
    assert "Traceback" not in log


def test_a_directory_that_is_moved_away_under_the_server(logger, tmp_path):
    """The server continues in the moved directory; a second one in a new directory has its own lines."""
    first = logger("--rotate-size", "64KiB")
    connection = first.connect()
    texts = [numbered(0, 20_000), numbered(1, 20_000)]
    half = len(texts[0]) // 2
    connection.sendall(texts[0][:half])
    first.wait_until(lambda: list(first.store.glob("*.idx")), "a sealed segment")
    moved = tmp_path / "moved"
    first.store.rename(moved)
    second = logger("--rotate-size", "64KiB")
    sender = threading.Thread(target=second.send, args=(texts[1],))
    sender.start()
    connection.sendall(texts[0][half:])
    connection.close()
    join(sender)
    first.wait_for_log(f"was moved to {moved}")
    for server, store, text in ((first, moved, texts[0]), (second, second.store, texts[1])):
        assert server.stop() in (0, -signal.SIGTERM)
        assert [line.message for line in stored_lines(store)] == text.split(b"\n")[:-1]
        # Each write may be a megabyte, and a segment ends only after a write.
        assert list(store.glob("0*.log*"))
        assert "Traceback" not in server.log()
    assert first.log().count("was moved to") == 1 and "was moved" not in second.log()


@pytest.mark.slow
def test_a_store_that_is_moved_is_read_where_it_is(logger, tmp_path):
    """New searches and live views find its lines, not those of a new store at the old path."""
    place = str(tmp_path / "web")
    first = logger("--http", f"unix:{place}")
    first.send(b"of the first\n")
    first.wait_for_messages(1)
    first.store.rename(tmp_path / "moved")
    second = logger()
    second.send(b"of the second\n")
    second.wait_for_messages(1)
    client = Client(place)
    assert client.search() == ["of the first"]
    with client.watch() as events:
        first.send(b"the next\n")
        assert events.lines(1) == ["the next"]
    assert client.ask("/api/stats").json["lines"] == 2


@pytest.mark.slow
def test_out_of_file_descriptors(logger):
    """At the limit new senders are refused, and everything else works; later they are served."""
    limit = 160
    server = logger(
        "--http", LOOPBACK, "--metrics", LOOPBACK, "--rotate-size", "1KiB",
        "--max-connections", "1000",
        preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )  # fmt: skip
    server.wait_for_log(
        "logsrv: --max-connections lets 1000 in, all listeners together, but the limit of 160 open files "
        "only about 64; LimitNOFILE=1192 in its unit or ulimit -n 1192 before its start allows them"
    )
    crowd = [server.connect(0) for _ in range(10)]
    for _ in range(limit):
        # A connection that cannot be served is closed at once, perhaps while it connects.
        with contextlib.suppress(OSError):
            crowd.append(server.connect(0))
    server.wait_until(
        lambda: "the limit of open files is near (160, " in server.log(), "the refusal"
    )
    crowd[0].sendall(b"first of the crowd\n" * 100)
    server.wait_until(lambda: list(server.store.glob("*.zst")), "a segment to be compressed")
    page, metrics = (Client(port) for port in server.ports()[1:3])
    for client in (page, metrics):
        assert client.ask("/healthz").status == 200
    assert b"process_max_fds 160.0" in metrics.ask("/metrics").body
    assert page.search("first")[0] == "first of the crowd"
    for connection in crowd:
        connection.close()

    def served() -> bool:
        with contextlib.suppress(OSError):
            server.send(b"after the crowd\n")
        return b"after the crowd\n" in server.current.read_bytes()

    server.wait_until(served, "a connection to be served again")
    assert server.log().count("\n") < 100


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_while_a_large_segment_is_packed(logger, number):
    """The packing process ends as well, and the next start packs the segment; no line is missing."""
    server = logger("--rotate-size", "24MiB")
    server.send(numbered(0, 350_000))
    packing = server.wait_until(lambda: server.child("store.sealing.packing"), "its process")
    server.stop(number)
    wait_until(lambda: not Path(f"/proc/{packing}").exists() or None, "its end")
    assert not list(server.store.glob("*.log.zst"))
    again = logger("--rotate-size", "24MiB")
    again.wait_until(lambda: list(again.store.glob("*.log.zst")), "the packed segment")
    again.stop()
    assert not list(again.store.glob("*.tmp*"))
    (found,) = by_source(again.store).values()
    assert_whole(found, complete=number == signal.SIGTERM)
    assert len(found) == 350_000 or number == signal.SIGKILL
