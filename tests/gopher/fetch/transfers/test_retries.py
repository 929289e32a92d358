"""What is asked again is what may go better the next time."""

from __future__ import annotations

import pytest

from logsrv.gopher.fetch.transfers.retries import Retries
from logsrv.gopher.wire.errors import GopherError, Refused, ServerError, TimedOut, Truncated
from logsrv.gopher.wire.url import GopherURL

URL = GopherURL("h")
RESET = Truncated("h:70", 0, "reset")
HALF = Truncated("h:70", 5, "reset")


def test_pauses_double_and_end() -> None:
    retries = Retries(3)
    assert [retries.pause(URL, RESET, tries) for tries in (1, 2, 3, 4)] == [0.2, 0.4, 0.8, None]
    assert Retries(0).pause(URL, RESET, 1) is None


def test_what_was_begun_is_asked_again_only_if_it_can_be_thrown_away() -> None:
    assert Retries().pause(URL, HALF, 1) is None
    assert Retries().pause(URL, HALF, 1, afresh=True) == 0.2


@pytest.mark.parametrize("error", [Refused("h:70"), TimedOut("h:70", "connect", 1)])
def test_a_host_that_answered_before_gets_time(error: GopherError) -> None:
    retries = Retries()
    assert retries.pause(URL, error, 1) is None
    retries.answered("h")
    assert retries.pause(URL, error, 1) == 0.2
    for number in range(1000):
        retries.answered(str(number))
    assert retries.pause(URL, error, 1) is None, "of hosts only so many are remembered"


@pytest.mark.parametrize("error", [ServerError("no"), TimedOut("h:70", "first byte", 1)])
def test_what_a_server_decided_stays(error: GopherError) -> None:
    retries = Retries()
    retries.answered("h")
    assert retries.pause(URL, error, 1, afresh=True) is None
