"""A centre that gets the lines of an edge over a stream of NATS and as blocks over HTTP at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.conftest import Start
from tests.end_to_end.test_nats import arrives, homes, of
from tests.linelog.ship.out.servers import newer, one_server, url_of

pytestmark = pytest.mark.slow

__all__ = ["homes"]


def test_neither_target_is_called_down_while_all_is_well(logger: Start, homes: Path) -> None:
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
