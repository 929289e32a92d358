"""Tests for listeners whose receiver fetches."""

import pytest
from twisted.internet.defer import Deferred, succeed

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.listen import Listener, listener_for
from logsrv.kit.observe.metrics import Metrics
from tests.parts.reactor import REACTOR

PLACE = Endpoint("n1/LOGS", "fetched")


class Fetching:
    """A receiver that notes what is asked of it."""

    def __init__(self, end: Deferred[None]) -> None:
        self.noted: list[str] = []
        self._end = end
        self.wrong = ""

    def check_endpoint(self, endpoint: Endpoint) -> None:
        if self.wrong:
            raise ConfigurationError(self.wrong)

    def begin_fetching(self, endpoint: Endpoint) -> None:
        self.noted.append(f"begin {endpoint}")

    def stop_fetching(self) -> Deferred[None]:
        self.noted.append("end")
        return self._end


def listener(receiver: Fetching) -> Listener:
    class Policy:
        pass

    policy: GuardPolicy = Policy()  # type: ignore[assignment]
    return listener_for(
        PLACE, receiver, label="x", policy=policy, reactor=REACTOR, metrics=Metrics(())
    )


async def test_a_fetched_listener_fetches_from_open_to_drain():
    receiver = Fetching(succeed(None))
    one = listener(receiver)
    one.check_and_reload()
    one.bind()
    assert receiver.noted == []
    one.open()
    await one.stop_listening()
    assert (receiver.noted, one.address, list(one.protocols)) == (["begin n1/LOGS"], "", [])
    assert await one.drain(5) == 0
    assert receiver.noted == ["begin n1/LOGS", "end"]


def test_a_fetching_receiver_is_checked_before_it_fetches():
    receiver = Fetching(succeed(None))
    receiver.wrong = "ca.pem: No such file or directory"
    one = listener(receiver)
    for step in one.check_and_reload, one.bind:
        with pytest.raises(ListenError, match=r"n1/LOGS: ca\.pem: No such file"):
            step()
    assert receiver.noted == []


async def test_a_fetched_listener_that_never_opened_has_nothing_to_end():
    receiver = Fetching(succeed(None))
    one = listener(receiver)
    assert (await one.drain(5), receiver.noted) == (0, [])


async def test_a_fetching_receiver_that_does_not_end_is_cut_off():
    receiver = Fetching(Deferred())
    one = listener(receiver)
    one.open()
    assert await one.drain(0.05) == 1
