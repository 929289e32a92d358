"""Edges and centres continue after a stream has dropped all messages, by its max_age or by a purge."""

import re
import shutil
import signal
from typing import Any

import pytest

from logsrv.kit.testing import wait_until
from tests.end_to_end.through_nats import CHILD, arrives, in_nats, messages, of, send
from tests.parts.daemons import Logger
from tests.parts.nats_servers import NatsServer, newer, one_server, url_of
from tests.parts.store_reader import stored_bytes

pytestmark = pytest.mark.slow


def purge(server: NatsServer) -> None:
    in_nats(server, lambda streams: streams.purge_stream("LOGS"))


def expire(server: NatsServer) -> None:
    """Let all messages of the stream expire; later ones stay."""

    async def aged(streams: Any, seconds: float) -> None:
        config = (await streams.stream_info("LOGS")).config
        config.max_age = config.duplicate_window = seconds
        await streams.update_stream(config)

    def is_empty() -> bool:
        info = in_nats(server, lambda streams: streams.stream_info("LOGS"))
        return bool(info.state.messages == 0)

    in_nats(server, lambda streams: aged(streams, 0.2))
    wait_until(is_empty, "an empty stream")
    in_nats(server, lambda streams: aged(streams, 0))


def numbers(centre: Logger) -> list[int]:
    return [int(one.split()[1]) for one in centre.messages()]


@pytest.mark.parametrize("empty", [purge, expire])
def test_a_centre_that_is_level_goes_on_and_a_new_one_begins_there(logger, homes, empty):
    """A centre that has everything misses nothing; a new one does not get the dropped messages."""
    with one_server(newer(), homes) as server:
        edge = logger("--ship", url_of([server]), directory=homes / "edge")
        centre = logger(listen=[of([server])], directory=homes / "centre")
        send(edge, 0, 100)
        arrives(centre, edge, 100)
        empty(server)
        send(edge, 100, 200)
        arrives(centre, edge, 200)
        (homes / "late").mkdir()
        late = logger(listen=[of([server])], directory=homes / "late")
        late.wait_until(lambda: len(late.messages()) == 100, "what came since")
        assert numbers(late) == list(range(100, 200))
        send(edge, 200, 300)
        arrives(centre, edge, 300)
        late.wait_until(lambda: len(late.messages()) == 200, "the next ones")
        edge.wait_for_log("has removed all lines of this store, by its limits")
        assert "does not follow" not in centre.log() + late.log()


@pytest.mark.complains("does not follow")
def test_a_centre_that_was_away_says_that_something_is_missing(logger, homes):
    with one_server(newer(), homes) as server:
        edge = logger("--ship", url_of([server]), directory=homes / "edge")
        centre = logger(listen=[of([server])], directory=homes / "centre")
        send(edge, 0, 100)
        arrives(centre, edge, 100)
        assert centre.stop() in (0, -signal.SIGTERM)
        send(edge, 100, 200)
        messages(server, 2)
        purge(server)
        send(edge, 200, 300)
        messages(server, 1)
        centre = logger(listen=[of([server])], directory=homes / "centre")
        centre.wait_until(lambda: "does not follow" in centre.log(), "that it is said")
        assert numbers(centre) == list(range(100))
        assert centre.stop() in (0, -signal.SIGTERM)
        centre = logger(listen=[of([server], ":holes=pass")], directory=homes / "centre")
        centre.wait_until(lambda: len(centre.messages()) == 200, "what there is")
        assert re.search(r"has lost \d+ bytes from 1:\d+ to 1:\d+, so", centre.log())
        assert numbers(centre) == [*range(100), *range(200, 300)]


@pytest.mark.complains("the process was ended by SIGKILL")
def test_a_block_of_which_the_centre_has_the_beginning_is_taken_from_there(logger, homes):
    """The stream has lost acknowledged messages, and the position that the edge keeps is a second old."""
    with one_server(newer(), homes) as server:
        edge = logger("--ship", url_of([server]), directory=homes / "edge")
        centre = logger(listen=[of([server])], directory=homes / "centre")
        send(edge, 0, 100)
        arrives(centre, edge, 100)
        [place] = [
            path
            for path in (edge.store / "ship").iterdir()
            if path.suffix == "" and "nats" in path.name
        ]
        edge.wait_until(lambda: b'"position":"1:0"' not in place.read_bytes(), "the kept place")
        shutil.copy(place, homes / "old")
        send(edge, 100, 200)
        arrives(centre, edge, 200)
        edge.stop()
        purge(server)
        shutil.copy(homes / "old", place)
        # The edge continues in its segment, as if only the process of the target had been killed.
        edge = logger("--ship", "nats://127.0.0.1:1/LOGS", directory=homes / "edge")
        send(edge, 200, 300)
        edge.wait_until(lambda: len(edge.messages()) == 300, "more lines")
        edge.stop()
        edge = logger("--ship", url_of([server]), directory=homes / "edge")
        arrives(centre, edge, 300)
        send(edge, 300, 400)
        arrives(centre, edge, 400)
        assert numbers(centre) == list(range(400))
        assert CHILD and stored_bytes(centre.store)
