"""Shippers in tests, which leave nothing open behind them."""

from collections.abc import Iterator

import pytest

from tests.parts.ship_targets import Process


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    Process.end_all()
