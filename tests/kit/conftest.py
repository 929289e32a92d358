"""A place where listeners listen, for one test, and a certificate for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted  # type: ignore[import-untyped]

from tests.parts.certificates import certificate_file
from tests.parts.listening import Site


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def site() -> AsyncIterator[Site]:
    """Listeners that end with the test."""
    made = Site()
    yield made
    await made.stop()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for localhost and its key in one PEM file."""
    return certificate_file(tmp_path / "server.pem", "localhost")
