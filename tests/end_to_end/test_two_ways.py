"""A centre that gets the lines of an edge over a stream of NATS and as blocks over HTTP at once."""

import json
from contextlib import closing

import pytest

from logsrv.linelog.store.segment import Position
from tests.end_to_end.through_nats import arrives, messages, of, send
from tests.parts.blocks import Sender, block_of
from tests.parts.nats_servers import newer, one_server, url_of
from tests.parts.store_reader import stored_bytes

pytestmark = pytest.mark.slow


def test_neither_target_is_called_down_while_all_is_well(logger, homes):
    with one_server(newer(), homes) as server:
        centre = logger(
            *("--input-token", "geheim"),
            listen=[of([server]), "blocks:tcp:0:interface=127.0.0.1"],
            directory=homes / "centre",
        )
        (homes / "token").write_text("geheim\n")
        edge = logger(
            *("--ship", url_of([server])),
            *("--ship", f"http://127.0.0.1:{centre.ports()[-1]}/blocks"),
            *("--ship-token-file", str(homes / "token")),
            directory=homes / "edge",
        )
        for number in range(100):
            edge.send(
                b"".join(b"line %d\n" % one for one in range(number * 100, number * 100 + 100))
            )
        arrives(centre, edge, 10_000)
        assert "it takes nothing" not in edge.log()
        assert "does not follow" not in centre.log()


def test_one_way_goes_on_where_the_other_one_ended(logger, homes):
    """The blocks of both ways are cut at different places."""
    (homes / "token").write_text("geheim\n")
    with one_server(newer(), homes) as server:
        edge = logger("--ship", url_of([server]), directory=homes / "edge")
        for number in range(5):
            send(edge, number * 100, number * 100 + 100)
            messages(server, number + 1)
        edge.stop()
        # All of the stream's blocks but the last, which ends later, come over HTTP in one block.
        centre = logger(
            "--input-token",
            "geheim",
            listen=["blocks:tcp:0:interface=127.0.0.1"],
            directory=homes / "centre",
        )
        text = stored_bytes(edge.store)
        with closing(Sender(centre.port())) as sender:
            part = text[: text.index(b" line 450\n") + len(b" line 450\n")]
            identity = json.loads((edge.store / "store").read_text())["store"]
            answer = sender.send(block_of(identity, part, Position(1, 0), None))
            assert answer.status == 200
        centre.stop()
        centre = logger(listen=[of([server])], directory=homes / "centre")
        edge = logger("--ship", url_of([server]), directory=homes / "edge")
        send(edge, 500, 600)
        arrives(centre, edge, 600)
        assert "does not follow" not in centre.log()
