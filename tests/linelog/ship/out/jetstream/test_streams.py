"""Tests for streams: what they promise, and what their subjects cover."""

from __future__ import annotations

import pytest

from logsrv.linelog.ship.out.jetstream.streams import StreamFacts, covers


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("logs.*", True),
        ("logs.>", True),
        ("*.*", True),
        (">", True),
        ("logs.abc", True),
        ("logs", False),
        ("logs.*.*", False),
        ("logs.abc.>", False),
        ("else.*", False),
    ],
)
def test_a_pattern_stands_for_subjects(pattern: str, covered: bool) -> None:
    assert covers(pattern, "logs.abc") is covered


def test_of_older_servers_in_a_cluster_no_more_is_promised_than_they_hold() -> None:
    alone = StreamFacts("LOGS", "2.9.10", clustered=False, replicas=1, file=True)
    together = StreamFacts("LOGS", "2.9.10", clustered=True, replicas=3, file=True)
    newer = StreamFacts("LOGS", "2.15.1", clustered=True, replicas=3, file=True)
    assert alone.promise.startswith(
        "exactly once; the stream LOGS keeps them on 1 server; a power cut of"
    )
    assert together.promise.startswith("at least once: nats-server 2.9.10 may take two blocks")
    assert newer.promise.startswith("exactly once; the stream LOGS keeps them on 3 servers;")
    for one in alone, together, newer:
        assert "sync_interval" in one.promise


def test_a_stream_in_memory_is_said_to_be_one() -> None:
    facts = StreamFacts("LOGS", "2.15.1", clustered=False, replicas=1, file=False)
    assert "in memory: they are gone when the servers end" in facts.promise


def test_a_server_that_does_not_say_its_version_is_an_old_one() -> None:
    assert "at least once" in StreamFacts("LOGS", "", clustered=True, replicas=3, file=True).promise
