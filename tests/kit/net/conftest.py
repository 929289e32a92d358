"""A place where listeners listen, for one test."""

from collections.abc import AsyncIterator

from tests.parts.listening import Site, reactor_fixture


@reactor_fixture
async def site() -> AsyncIterator[Site]:
    """Listeners that end with the test."""
    made = Site()
    yield made
    await made.stop()
