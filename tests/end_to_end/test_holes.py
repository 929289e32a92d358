"""Lines that a centre lacks for good: what the edge and the centre say, and the cure of shipping.md."""

import re
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.shipping import status
from tests.end_to_end.through_nats import arrives, in_nats, of, send
from tests.parts.commands import logsrv
from tests.parts.daemons import LOOPBACK, Logger, Start
from tests.parts.nats_servers import NatsServer, debian, newer, one_server, url_of
from tests.parts.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.complains("does not follow", "has lost", "removed")]


def gaps(centre: Logger, index: int) -> float:
    """Return how many gaps a centre has counted."""
    with urlopen(f"http://127.0.0.1:{centre.ports()[index]}/metrics", timeout=PATIENCE) as answer:
        text = answer.read().decode()
    return sum(map(float, re.findall(r"(?m)^logsrv_blocks_after_gap_total\{.*\} (\S+)$", text)))


def has_lines(centre: Logger, count: int) -> bool:
    return len(centre.messages()) == count


def backed_up(edge: Logger, home: Path) -> None:
    done = logsrv("backup", str(edge.store), str(home / "backup"))
    assert done.returncode == 0, done.stderr


def require_cure(home: Path, centre: Logger, wanted: list[str]) -> None:
    """Read the centre and the restored backup together: each line is there, once."""
    done = logsrv("restore", "--from", str(home / "backup"), str(home / "lost" / "store"))
    assert done.returncode == 0, done.stderr
    stores = ("-d", str(centre.store), "-d", str(home / "lost" / "store"))
    done = logsrv("search", *stores, "line")
    assert (done.returncode, done.stderr) == (0, b"")
    found = {*done.stdout.decode().splitlines()}
    assert sorted(line.split(" ", 2)[2] for line in found) == sorted(wanted)


async def drop_all_but_one(streams: Any) -> None:
    await streams.purge_stream("LOGS", keep=1)


class Lossy:
    """An edge whose stream loses lines that a centre has not fetched. sent: the number of its lines."""

    def __init__(self, logger: Start, home: Path, server: NatsServer) -> None:
        self._server = server
        self._start = partial(logger, "--http", LOOPBACK, directory=home / "centre")
        self.edge = logger("--ship", url_of([server]), directory=home / "edge")
        self.centre = self._start(listen=[of([server])])
        self.sent = 0
        self._next = 0.0

    def send(self, count: int) -> None:
        """Send lines, and wait until the stream has them."""
        send(self.edge, self.sent, self.sent + count)
        self.sent += count
        self.edge.wait_until(partial(has_lines, self.edge, self.sent), "the lines")
        self.edge.wait_until(lambda: self.status()["lag_bytes"] == 0, "all lines")

    def status(self) -> dict[str, object]:
        [one] = status(self.edge).values()
        return one

    def lose(self) -> None:
        """Lose 100 lines of 200 that are sent while the centre is away, and start it again."""
        had = len(self.centre.messages())
        assert self.centre.stop() in (0, -signal.SIGTERM)
        self.send(100)
        self.send(100)
        in_nats(self._server, drop_all_but_one)
        self.centre = self._start(listen=[of([self._server], ":holes=pass")])
        self.centre.wait_until(partial(has_lines, self.centre, had + 100), "the last hundred")

    def is_told(self, number: int) -> bool:
        """Return whether the edge has told of so many gaps; while it sends, it asks every ten seconds.

        A line a second is enough for that.
        """
        if time.monotonic() > self._next:
            self._next = time.monotonic() + 1
            send(self.edge, self.sent, self.sent + 1)
            self.sent += 1
        return self.edge.log().count("a centre lacks lines of this store") >= number

    def shows(self, number: int) -> bool:
        """Return whether the status has so many gaps."""
        missing = self.status()["missing"]
        assert isinstance(missing, list)
        return len(missing) == number


@pytest.mark.parametrize("program", [newer, pytest.param(debian, marks=pytest.mark.nightly)])
def test_the_edge_of_a_stream_shows_what_its_centre_has_passed_over(logger, homes, program):
    (homes / "lost").mkdir()
    with one_server(program(), homes) as server:
        lossy = Lossy(logger, homes, server)
        edge = lossy.edge
        lossy.send(100)
        arrives(lossy.centre, edge, 100)
        assert lossy.status()["missing"] == []
        for number in 1, 2:
            lossy.lose()
            log = lossy.centre.log()
            [(begin, end)] = re.findall(r"has lost \d+ bytes from (1:\d+) to (1:\d+), so", log)
            assert gaps(lossy.centre, 0) == 1
            edge.wait_until(partial(lossy.is_told, number), "that it is told")
            edge.wait_until(partial(lossy.shows, number), "that the status has it")
            found: Any = lossy.status()
            assert found["missing"][-1].startswith(f"{begin} to {end} at centre ")
            # It is no gap of the edge's own store.
            assert found["gap_bytes"] == 0
            edge.wait_for_log(f"a centre lacks lines of this store, .*{begin} to {end} at centre")
            lossy.centre.wait_until(
                partial(has_lines, lossy.centre, lossy.sent - 100 * number), "all others"
            )
        shown = logsrv("ship", "--status", str(edge.store)).stdout.decode()
        assert "missing there" in shown and f"; {begin} to {end} at centre" in shown
        backed_up(edge, homes)
        wanted = [f"line {number}" for number in range(lossy.sent)]
        require_cure(homes, lossy.centre, wanted)


def test_the_edge_of_blocks_shows_what_it_had_to_remove_unsent(logger, homes):
    (homes / "lost").mkdir()
    (homes / "token").write_text("geheim")
    port = free_port()
    url = ("--ship", f"http://127.0.0.1:{port}/blocks", "--ship-token-file", str(homes / "token"))
    edge = logger(*url, "--rotate-size", "4KiB", directory=homes / "edge")
    for begin in range(0, 500, 100):
        send(edge, begin, begin + 100)
        edge.wait_until(partial(has_lines, edge, begin + 100), "the lines")
    backed_up(edge, homes)
    edge.stop()
    edge = logger(
        *(*url, "--rotate-size", "4KiB", "--keep-bytes", "2KiB", "--ship-at-most", "1"),
        directory=homes / "edge",
    )
    edge.wait_until(lambda: len(edge.messages()) < 500, "lines that are gone")
    centre = logger(
        *("--input-token", "geheim", "--http", LOOPBACK),
        listen=[f"blocks:tcp:{port}:interface=127.0.0.1"],
        directory=homes / "centre",
    )
    send(edge, 500, 600)
    edge.wait_until(lambda: status(edge).popitem()[1]["lag_bytes"] == 0, "all lines")
    [one] = status(edge).values()
    assert int(str(one["gap_lines"])) == 600 - len(centre.messages()) > 0
    assert one["missing"] == []
    centre.wait_for_log(r"has lost \d+ bytes from its beginning to \d+:0, so")
    assert gaps(centre, 1) == 1
    require_cure(homes, centre, [f"line {number}" for number in range(600)])
