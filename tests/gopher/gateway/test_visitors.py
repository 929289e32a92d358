"""One client cannot take the gateway away from the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from logsrv.gopher.gateway.visitors import RequestDenied, VisitorLimits, Visitors
from logsrv.kit.connections.rates import REMEMBERED


def made(at_once: int = 100, at_once_each: int = 2, a_minute: int = 60) -> tuple[Visitors, Clock]:
    clock = Clock()
    limits = VisitorLimits(
        max_requests=at_once, max_requests_per_client=at_once_each, requests_per_minute=a_minute
    )
    return Visitors(limits, clock.seconds), clock


def test_a_client_with_too_many_open_requests_gets_429():
    """A client with too much open is told to wait, another one is not, and it may go on afterwards."""
    found, _ = made(at_once_each=2)
    leave = found.begin_request("a")
    found.begin_request("a")
    with pytest.raises(RequestDenied, match="open") as refused:
        found.begin_request("a")
    assert refused.value.status == 429
    found.begin_request("b")
    leave()
    found.begin_request("a")
    assert found.open_requests == 3


def test_a_busy_gateway_answers_503():
    """When everything is busy, new requests are turned away with 503."""
    found, _ = made(at_once=1)
    found.begin_request("a")
    with pytest.raises(RequestDenied) as refused:
        found.begin_request("b")
    assert refused.value.status == 503


def test_a_client_may_go_on_after_the_announced_seconds():
    """Past the requests of a minute one waits as long as the answer says."""
    found, clock = made(a_minute=60)
    for _ in range(60):
        found.begin_request("a")()
    with pytest.raises(RequestDenied, match="too many") as refused:
        found.begin_request("a")
    clock.advance(int(refused.value.headers["Retry-After"]))
    found.begin_request("a")()
    with pytest.raises(RequestDenied):
        found.begin_request("a")


@pytest.mark.slow
def test_requests_from_many_addresses_take_bounded_memory():
    """Requests from very many addresses take no more memory."""
    found, _ = made(at_once=10_000)
    leaves = [found.begin_request(str(number)) for number in range(REMEMBERED + 10)]
    assert len(found._requests._buckets) == REMEMBERED
    for leave in leaves:
        leave()
    assert found.open_requests == 0 == len(found._open)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.floats(0, 5)), max_size=60))
def test_no_order_of_requests_exceeds_a_limit(steps):
    """Whatever clients do, no limit is ever passed, and all that comes in goes out."""
    found, clock = made(at_once=4, at_once_each=2, a_minute=30)
    inside = []
    for client, comes, seconds in steps:
        clock.advance(seconds)
        if comes:
            try:
                inside.append(found.begin_request(client))
            except RequestDenied:
                pass
        elif inside:
            inside.pop(0)()
        assert found.open_requests == len(inside) <= 4
    for leave in inside:
        leave()
    assert found.open_requests == 0


def test_a_closing_gateway_answers_open_requests_and_refuses_new_ones():
    """Whoever is there is answered first, and nobody else comes in."""
    found, _ = made()
    leave = found.begin_request("a")
    closed = found.drain()
    with pytest.raises(RequestDenied, match="stopped") as refused:
        found.begin_request("b")
    assert refused.value.status == 503
    assert not closed.called
    leave()
    assert closed.called
    assert made()[0].drain().called
