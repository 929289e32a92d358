"""A store of lines that are easily counted, for what counts them."""

from pathlib import Path

import pytest

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from tests.parts.stores import line, make_store, view_of

LEVELS = ["info", "error", "warning"]


@pytest.fixture(scope="session")
def counted_lines() -> list[bytes]:
    """One a second, of three levels in turn, two tags and four sources."""
    return [
        line(
            f'{{"level": "{LEVELS[number % 3]}", "n": {number}, "tags": ["a", "t{number % 2}"]}}'
            + " " * 300,
            number,
            f"tcp:10.0.0.{number % 4}:1",
        )
        for number in range(40_000)
    ]


@pytest.fixture(scope="session")
def counted_store(tmp_path_factory: pytest.TempPathFactory, counted_lines: list[bytes]) -> Path:
    """All of them, half in a sealed segment."""
    store = tmp_path_factory.mktemp("counts") / "logs"
    return make_store(store, [counted_lines[:20_000], counted_lines[20_000:]])


@pytest.fixture
def whole(counted_store: Path) -> Search:
    return Search(view_of(counted_store), make_matcher(parse("")), Scope())
