"""A listener is made for an endpoint and an input that fit."""

from __future__ import annotations

import pytest

from logsrv.errors import ConfigurationError
from tests.kit.net.network import (
    Site,
    in_reactor,
)


@in_reactor
async def test_an_input_that_takes_no_datagrams_says_so(site: Site) -> None:
    site.receiver = None  # type: ignore[assignment]
    with pytest.raises(ConfigurationError, match="udp:514: this input takes no datagrams"):
        site.make("udp:514")
