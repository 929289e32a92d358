"""The shares of a limit of open files, and what an operator is told about it."""

from __future__ import annotations

import pytest

from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.guard.open_files import FileLimit, most_connections, too_many


@pytest.mark.parametrize(
    ("limit", "peers", "overseers"),
    [(60, 45, 53), (256, 224, 240), (1024, 896, 960), (20_000, 19_872, 19_936)],
)
def test_some_of_a_limit_are_kept_for_who_asks_how_it_is_and_more_for_the_store(
    limit: int, peers: int, overseers: int
) -> None:
    found = FileLimit(limit)
    assert found.share(oversees=False) == peers
    assert found.share(oversees=True) == overseers


def test_more_connections_than_files_are_told_with_the_limit_that_allows_them() -> None:
    sentence = too_many(50_000, FileLimit(1024))
    assert sentence is not None
    assert "50000" in sentence
    assert "1024" in sentence
    assert "LimitNOFILE=50192" in sentence
    assert too_many(50_000, FileLimit(50_192)) is None


@pytest.mark.parametrize("connections", [10, 30, 161, 800, 20_000])
def test_the_limit_that_is_told_is_the_least_that_allows_them(connections: int) -> None:
    sentence = too_many(connections, FileLimit(8))
    assert sentence is not None
    told = int(sentence.rpartition("ulimit -n ")[2].split()[0])
    assert too_many(connections, FileLimit(told)) is None
    assert too_many(connections, FileLimit(told - 1)) is not None


def test_a_small_limit_lets_some_in() -> None:
    """Also one below what is reckoned for the service itself."""
    sentence = too_many(50, FileLimit(60))
    assert sentence is not None and "only about 23" in sentence


def test_nothing_is_said_where_they_fit() -> None:
    assert too_many(0, FileLimit(60)) is None
    assert too_many(800, FileLimit(1024)) is None


def test_connections_of_all_listeners_are_counted_together() -> None:
    rules = [
        GuardPolicy(max_connections=3),
        GuardPolicy(),
        GuardPolicy(oversees=True, max_connections=9),
    ]
    assert most_connections([*rules, GuardPolicy(max_connections=4)]) == 7
