"""A listener is made for an endpoint and an input that fit."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from logsrv.errors import ConfigurationError
from tests.kit.net.network import (
    Site,
    in_reactor,
    reactor_fixture,
)


@reactor_fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    yield made
    await made.stop()


@in_reactor
async def test_an_input_that_takes_no_datagrams_says_so(site: Site) -> None:
    site.receiver = None  # type: ignore[assignment]
    with pytest.raises(ConfigurationError, match="udp:514: this input takes no datagrams"):
        site.make("udp:514")
