"""A note at a stream, for an edge, of the lines of its store that a centre has passed over (holes=pass).

The note is the description of a consumer from which nobody fetches, because a stream has no other place for
one. It stays until an operator removes the consumer.
"""

from __future__ import annotations

from logsrv.kit.text.escape import one_line
from logsrv.linelog.formats.nats.client import NatsTrouble
from logsrv.linelog.formats.nats.link import NatsLink, required_object
from logsrv.linelog.formats.nats.streams import register_idle_consumer

NO_CONSUMER = 10014
# See `BlockTarget.missing`.
_BETWEEN = "; "
_LONGEST = 4000
"""The most characters of a note; a server takes 4,096 bytes."""


def _consumer_of(origin: str) -> str:
    return f"logsrv-lacks-{origin}"


async def fetch_missing(link: NatsLink, stream: str, origin: str) -> str:
    """Return the note about a store; "" if there is none. Raises NatsTrouble."""
    try:
        answer = await link.ask_jetstream(f"CONSUMER.INFO.{stream}.{_consumer_of(origin)}")
    except NatsTrouble as error:
        if error.code == NO_CONSUMER:
            return ""
        raise
    return one_line(str(required_object(answer, "config").get("description", "")), _LONGEST)


async def add_missing(link: NatsLink, stream: str, origin: str, lines: str) -> None:
    """Add lines to the note about a store; the oldest give way when it is full. Raises NatsTrouble."""
    found = await fetch_missing(link, stream, origin)
    text = _BETWEEN.join(filter(None, (found, lines)))
    while len(text) > _LONGEST:
        text = text.partition(_BETWEEN)[2]
    await register_idle_consumer(link, stream, _consumer_of(origin), text, origin)
