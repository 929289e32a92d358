"""A site goes through the states that the module's table says, and no others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoints import parse_endpoint
from logsrv.kit.observe.metrics import Metrics, Part
from logsrv.kit.service import sites
from logsrv.kit.service.sites import Site, SiteState, Wanted, check_places
from tests.kit.net.network import REACTOR, in_reactor
from tests.kit.service.recording import Recorded, Rules

ROWS = re.findall(r"^    ([A-Z]+) +([a-z]+) .* ([A-Z]+)$", sites.__doc__ or "", re.MULTILINE)


def wanted(directory: Path) -> Wanted:
    return Wanted("key", parse_endpoint(f"unix:{directory}/socket"), "label", Rules())


def made(directory: Path, metrics: Metrics | None = None) -> Site:
    def serve(wanted: Wanted, part: Part) -> Any:
        part.watch("received_bytes_total", lambda: 5, listener="label")
        return Recorded("it", [])

    return Site(wanted(directory), serve, REACTOR, metrics or Metrics())


async def bring(site: Site, state: str, directory: Path) -> None:
    """A site that is just made to another state, by the shortest way."""
    for step in {"MADE": "", "BOUND": "b", "OPEN": "bo", "CLOSING": "bo", "CLOSED": "bo"}[state]:
        {"b": site.bind, "o": site.open}[step]()


def test_the_table_has_every_state() -> None:
    assert {state for state, _, _ in ROWS} | {state for _, _, state in ROWS} == {
        state.name for state in SiteState
    }


@pytest.mark.parametrize(("state", "event", "after"), ROWS)
@in_reactor
async def test_row(state: str, event: str, after: str, tmp_path: Path) -> None:
    metrics = Metrics()
    site = made(tmp_path, metrics)
    await bring(site, state, tmp_path)
    closing = site.close(0) if state == "CLOSING" else None
    if event in ("check", "bind", "open"):
        getattr(site, event)()
    elif event == "apply":
        site.apply(wanted(tmp_path))
    elif event == "close":
        await site.close(0)
        # With nobody connected it is through at once.
        after = "CLOSED"
    elif closing is not None:
        await closing
        await site.vacated()
        after = "CLOSED"
    assert site.state.name == after
    assert (tmp_path / "socket").exists() == (after in ("BOUND", "OPEN"))
    if after == "CLOSED":
        assert metrics.totals()["received_bytes_total"] == 5
    else:
        await site.close(0)


@in_reactor
async def test_check_opens_nothing(tmp_path: Path) -> None:
    site = made(tmp_path)
    site.check()
    assert not (tmp_path / "socket").exists()
    (tmp_path / "socket").touch()
    with pytest.raises(ListenError, match="no socket"):
        site.check()
    await site.close(0)


@in_reactor
async def test_two_sites_at_one_place(tmp_path: Path) -> None:
    """Before the kernel says it is another program's, it is said that it is our own."""
    one, other = made(tmp_path), made(tmp_path)
    with pytest.raises(ConfigurationError, match="this server's own unix:"):
        check_places(other, [one])
    check_places(other, [])
    await one.close(0)
    await other.close(0)
