"""Who sends wrong tokens is told to wait."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from logsrv.linelog.http.attempts import AT_ONCE, MOST_REMEMBERED, SECONDS_EACH, Attempts
from logsrv.linelog.http.problems import Problem


def refused(attempts: Attempts, client: str) -> bool:
    """Send a wrong token; whether the client has to wait."""
    try:
        attempts.failed(client)
    except Problem as problem:
        return problem.status == 429 and int(problem.headers["Retry-After"]) >= 1
    return False


def test_a_few_mistakes_then_one_every_few_seconds() -> None:
    clock = Clock()
    attempts = Attempts(clock.seconds)
    for _ in range(AT_ONCE):
        assert not refused(attempts, "a")
    assert refused(attempts, "a") and not refused(attempts, "b")
    clock.advance(SECONDS_EACH)
    assert not refused(attempts, "a")
    assert refused(attempts, "a")


def test_all_is_forgiven_after_a_while() -> None:
    clock = Clock()
    attempts = Attempts(clock.seconds)
    for _ in range(AT_ONCE):
        attempts.failed("a")
    clock.advance(AT_ONCE * SECONDS_EACH)
    for _ in range(AT_ONCE):
        assert not refused(attempts, "a")


def test_many_clients_take_little_memory() -> None:
    """The guesser is not forgotten before those who made one mistake."""
    attempts = Attempts(Clock().seconds)
    for _ in range(AT_ONCE):
        attempts.failed("guesser")
    for number in range(2 * MOST_REMEMBERED):
        attempts.failed(str(number))
    assert len(attempts) == MOST_REMEMBERED
    assert refused(attempts, "guesser")


@pytest.mark.parametrize("client", ["", "local", "2001:db8::/64"])
def test_any_client(client: str) -> None:
    assert not refused(Attempts(Clock().seconds), client)
