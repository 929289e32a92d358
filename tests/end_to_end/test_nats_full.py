"""Streams of NATS that are full: nothing is lost, and publishing goes on when there is room again."""

import random
import signal
from functools import partial
from typing import Any

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.through_nats import arrives, in_nats, of
from tests.parts.daemons import Logger
from tests.parts.nats_servers import NatsServer, debian, newer, one_server, url_of
from tests.parts.store_reader import stored_bytes

pytestmark = pytest.mark.slow


LINES = 100_002


def pieces_of_text() -> list[bytes]:
    """Return LINES lines that compress badly, in pieces: three times the storage of the servers here."""
    source = random.Random(7)
    lines = [b"%d %s\n" % (one, source.randbytes(160).hex().encode()) for one in range(LINES)]
    return [b"".join(lines[begin : begin + 10_000]) for begin in range(0, LINES, 10_000)]


def send(edge: Logger, text: bytes) -> None:
    """Send lines, and wait until they are in the store."""
    lines = stored_bytes(edge.store).count(b"\n") + text.count(b"\n")
    edge.send(text)
    edge.wait_until(lambda: stored_bytes(edge.store).count(b"\n") >= lines, "lines in the store")


def config_of(server: NatsServer) -> Any:
    return in_nats(server, lambda streams: streams.stream_info("LOGS")).config


@pytest.mark.parametrize("program", [debian, pytest.param(newer, marks=pytest.mark.nightly)])
@pytest.mark.complains("the process was ended by SIGKILL|the lock is")
def test_a_small_stream_is_emptied_by_its_centre_and_all_lines_arrive_over_kills(
    logger, homes, program
):
    with one_server(program(), homes, storage="6MB") as server:
        edge = logger("--ship", url_of([server]), directory=homes / "edge")
        pieces = pieces_of_text()
        for piece in pieces[:4]:
            send(edge, piece)
        edge.wait_until(lambda: "the stream LOGS is full" in edge.log(), "a full stream")
        assert 0 < config_of(server).max_bytes <= 6 << 20
        centre = logger(listen=[of([server])], directory=homes / "centre")
        for number, piece in enumerate(pieces[4:]):
            send(edge, piece)
            had = len(stored_bytes(centre.store))
            centre.wait_until(partial(has_more, centre, had, edge), "more lines")
            if number % 3 == 0:
                centre.stop(signal.SIGKILL)
                centre = logger(listen=[of([server])], directory=homes / "centre")
            elif number % 3 == 1:
                server.kill()
                server.start()
                server.wait()
            else:
                edge.stop(signal.SIGKILL)
                edge = logger("--ship", url_of([server]), directory=homes / "edge")
        arrives(centre, edge, LINES, 3 * PATIENCE)
        assert "does not follow" not in centre.log()


def has_more(centre: Logger, size: int, edge: Logger) -> bool:
    """Return whether a centre has more than `size` bytes, or all that an edge has."""
    found = len(stored_bytes(centre.store))
    return found > size or found >= len(stored_bytes(edge.store))
