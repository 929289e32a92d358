"""A stream that was created anew: what was stored of the earlier one removes nothing of it."""

import asyncio
from typing import Any

import pytest

from logsrv.linelog.formats.nats.emptying import StreamEmptier
from logsrv.linelog.formats.nats.limits import MARK
from logsrv.linelog.formats.nats.place import StreamSource

ONE = 32 * "a"


class Link:
    """A link to a server that agrees to everything; removed: what it was asked to remove."""

    def __init__(self, version: str) -> None:
        self.server_info = {"version": version}
        self.removed: list[tuple[str, int]] = []

    async def ask_jetstream(self, what: str, order: dict[str, Any]) -> dict[str, Any]:
        if what.startswith("STREAM."):
            self.removed.append((order.get("filter", "one")[-32:], order["seq"]))
        return {}


def described(created: str, first: int = 1) -> dict[str, Any]:
    config = {"discard": "new", "description": MARK, "max_bytes": 1000}
    return {"created": created, "config": config, "state": {"bytes": 1000, "first_seq": first}}


async def told(*_: object) -> None: ...


@pytest.mark.parametrize("version", ["2.9.10", "2.14.0"])
@pytest.mark.parametrize("again", [None, 3, 5, 7])
def test_blocks_of_an_earlier_stream_are_not_removed_from_a_later_one(version, again):
    """Its numbers begin anew, and stand for others. again: what of the later one is on our disk, too."""
    link: Any = Link(version)
    source = StreamSource((("127.0.0.1", 4222),), "LOGS")
    emptier = StreamEmptier(source, link, 32 * "c", told)

    async def work() -> None:
        await emptier.look_at(described("yesterday"))
        for number in (4, 5):
            emptier.record_stored(ONE, number)
        await emptier.empty_if_needed()
        assert link.removed and max(number for _, number in link.removed) <= 5
        for number in (6, 7):
            emptier.record_stored(ONE, number)
        link.removed.clear()
        await emptier.look_at(described("today"))
        assert emptier.works
        await emptier.empty_if_needed()
        assert link.removed == []
        if again is not None:
            emptier.record_stored(ONE, again - 1)
            emptier.record_stored(ONE, again)
            await emptier.empty_if_needed()
            purged = version == "2.14.0"
            assert link.removed == [(ONE, again) if purged else ("one", again - 1)]

    asyncio.run(work())


@pytest.mark.parametrize(
    ("version", "removed"),
    [("2.9.10", [("one", 8), ("one", 9)]), ("2.14.0", [(ONE, 10)])],
)
def test_messages_that_the_stream_has_dropped_itself_are_forgotten(version, removed):
    link: Any = Link(version)
    source = StreamSource((("127.0.0.1", 4222),), "LOGS")
    emptier = StreamEmptier(source, link, 32 * "c", told)

    async def work() -> None:
        for number in range(1, 11):
            await emptier.look_at(described("today", first=number - 2 if number > 3 else 1))
            emptier.record_stored(ONE, number)
        await emptier.empty_if_needed()

    asyncio.run(work())
    assert link.removed == removed
