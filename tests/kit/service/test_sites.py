"""A site goes through the states that the module's table says, and no others."""

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred

from logsrv.errors import ConfigurationError
from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoint import TakenEndpoints
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.observe.metrics import Metrics, MetricsPart
from logsrv.kit.service.sites import NEXT, Site, SiteSpec, check_address_not_ours
from logsrv.state_table import UnexpectedEvent
from tests.kit.service.recording import Recorded, Rules
from tests.parts.reactor import REACTOR

TO = {"MADE": "", "BOUND": "bind", "OPEN": "bind open"}
CALLS = ("bind", "open", "apply", "close")


def wanted(directory: Path) -> SiteSpec:
    return SiteSpec("key", parse_endpoint(f"unix:{directory}/socket"), "label", Rules())


def made(directory: Path, metrics: Metrics | None = None) -> Site:
    def make_server(wanted: SiteSpec, part: MetricsPart) -> Any:
        part.watch("received_bytes_total", lambda: 5, listener="label")
        return Recorded("it", [])

    return Site(wanted(directory), make_server, REACTOR, metrics or Metrics())


def call(site: Site, event: str, directory: Path) -> Any:
    arguments = {"apply": (wanted(directory),), "close": (0,)}.get(event, ())
    return getattr(site, event)(*arguments)


def test_the_table_leads_from_making_to_the_end():
    rows = [(event, new) for events in NEXT.values() for event, new in events.items()]
    assert {new for _, new in rows} | {"MADE"} == {*NEXT, "CLOSED"}
    assert {event for event, _ in rows} == {*CALLS, "vacate", "end"}


@pytest.mark.parametrize("event", CALLS)
@pytest.mark.parametrize("state", TO)
async def test_every_event_is_tried_in_every_state(state, event, tmp_path):
    """What the table has leads where it says, what it has not is a mistake of ours."""
    metrics = Metrics()
    site = made(tmp_path, metrics)
    for step in TO[state].split():
        call(site, step, tmp_path)
    assert site.state == state
    if event == "close":
        closing = ensureDeferred(site.close(0))
        await site.vacated
        await closing
        assert site.state == "CLOSED"
        assert metrics.totals()["received_bytes_total"] == 5
        return
    if event in NEXT[state]:
        call(site, event, tmp_path)
        assert site.state == NEXT[state][event]
        assert (tmp_path / "socket").exists()
    elif (state, event) != ("OPEN", "bind"):
        with pytest.raises((UnexpectedEvent, ListenError)):
            call(site, event, tmp_path)
    await site.close(0)


async def test_a_site_that_cannot_be_made_counts_nothing(tmp_path):
    metrics = Metrics()

    def make_server(wanted: SiteSpec, part: MetricsPart) -> Any:
        part.watch("received_bytes_total", lambda: 5, listener="label")
        raise ConfigurationError("no")

    for _ in range(3):
        with pytest.raises(ConfigurationError):
            Site(wanted(tmp_path), make_server, REACTOR, metrics)
    # Counters keep what they came to; nobody is asked any more.
    assert metrics.totals()["received_bytes_total"] == 15
    assert not any(metrics._watched.values())


async def test_a_site_that_has_ended_is_asked_for_no_figure_any_more(tmp_path):
    """Its last one stays in the sum: what served there may be gone."""
    metrics, asked = Metrics(), list[int]()

    def read() -> float:
        asked.append(5)
        return 5

    def make_server(wanted: SiteSpec, part: MetricsPart) -> Any:
        part.watch("received_bytes_total", read, listener="label")
        return Recorded("it", [])

    site = Site(wanted(tmp_path), make_server, REACTOR, metrics)
    site.bind()
    site.open()
    await site.close(0)
    asked.clear()
    assert metrics.totals()["received_bytes_total"] == 5 and asked == []


async def test_check_opens_nothing(tmp_path):
    site = made(tmp_path)
    site.check()
    assert not (tmp_path / "socket").exists()
    (tmp_path / "socket").touch()
    with pytest.raises(ListenError, match="no socket"):
        site.check()
    await site.close(0)


async def test_two_sites_at_one_place_are_refused(tmp_path):
    """Before the kernel says it is another program's, it is said that it is our own."""
    site = made(tmp_path)
    with pytest.raises(ConfigurationError, match="this server's own unix:"):
        check_address_not_ours(wanted(tmp_path), TakenEndpoints([site.endpoint]))
    check_address_not_ours(wanted(tmp_path), TakenEndpoints())
    await site.close(0)
