"""A stream that takes blocks: made if there is none, looked at if there is, and what it promises."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import attrs

from logsrv.kit.text.escape import one_line
from logsrv.linelog.ship.out.jetstream.link import NatsLink, NatsTrouble

SUBJECT = "logs"
"""Blocks of the store ID have the subject `logs.ID`."""
ORIGIN = re.compile(r"[0-9a-f]{32}")
SAFE = (2, 10)
"""The version of servers from which on a cluster takes one block as the next, and no other."""
CLUSTER = 3
"""Servers, and copies of a stream there."""
NO_STREAM, NO_MESSAGE = 10059, 10037
NOT_CLUSTERED, NO_PEERS = 10074, 10005
"""Error codes of JetStream: server/errors.json of nats-server."""
_SETTLED = (10039, 10076, 10058, 10065, 10060, 10052)
_VERSION = re.compile(r"v?(\d+)\.(\d+)")


@attrs.frozen
class StreamFacts:
    """The facts that are known of a stream and its servers.

    version: of the server. clustered: there may be several. replicas: copies. file: they are on disks.
    first: the number of its oldest message, or of the next one if it has none.
    """

    name: str
    version: str
    clustered: bool
    replicas: int
    file: bool
    first: int = 1

    @property
    def lets_go(self) -> bool:
        """Return true if it has let go of messages, by its limits or a person's wish."""
        return self.first > 1

    @property
    def exact(self) -> bool:
        """Return true if it takes one block as the next, and no other beside it."""
        found = _VERSION.match(self.version)
        new = found is not None and (int(found[1]), int(found[2])) >= SAFE
        return new or not self.clustered

    @property
    def promise(self) -> str:
        """The promise, as a sentence."""
        if self.exact:
            often = "exactly once"
        else:
            often = (
                f"at least once: nats-server {self.version} may take two blocks as the next in a cluster;"
                " servers from 2.10 on do not"
            )
        copies = f"{self.replicas} server{'s' * (self.replicas != 1)}"
        kept = f"the stream {self.name} keeps them on {copies}"
        if not self.file:
            return f"{often}; {kept} in memory: they are gone when the servers end"
        lost = (
            "a power cut of that machine loses"
            if self.replicas == 1
            else "a power cut of most of these machines at once loses"
        )
        return (
            f"{often}; {kept}; {lost} what came within their sync_interval, which is 2 minutes unless"
            " it is set: they are sent again while the store has them"
        )


async def find_stream(link: NatsLink, name: str, origin: str) -> StreamFacts:
    """Return what is known of a stream, which is made if there is none. Raises NatsTrouble.

    origin: the identity of the store whose blocks it is to take.
    """
    try:
        found = await link.api(f"STREAM.INFO.{name}")
    except NatsTrouble as error:
        if error.code != NO_STREAM:
            raise _said(name, error) from None
        found = await _make(link, name)
    config = found.get("config")
    if not isinstance(config, dict):
        raise NatsTrouble("the answer is none of JetStream")
    _check(name, config, f"{SUBJECT}.{origin}")
    return StreamFacts(
        name,
        one_line(str(link.info.get("version", "")), 20),
        bool(link.info.get("cluster")),
        config["num_replicas"] if isinstance(config.get("num_replicas"), int) else 1,
        config.get("storage") == "file",
        _first(found),
    )


def _first(found: Mapping[str, Any]) -> int:
    """Return the number of the oldest message of a stream."""
    state = found.get("state")
    first = state.get("first_seq") if isinstance(state, dict) else None
    return first if isinstance(first, int) else 1


async def _make(link: NatsLink, name: str) -> dict[str, Any]:
    """Make a stream: with three copies where there are three servers."""
    urls = link.info.get("connect_urls")
    known = max(link.named, len(urls) if isinstance(urls, list) else 0)
    order = {
        "name": name,
        "subjects": [f"{SUBJECT}.*"],
        "storage": "file",
        "retention": "limits",
        "num_replicas": CLUSTER if link.info.get("cluster") else 1,
    }
    try:
        try:
            return await link.api(f"STREAM.CREATE.{name}", order)
        except NatsTrouble as error:
            # Some of three servers that are known may just be starting.
            if error.code != NOT_CLUSTERED and (error.code != NO_PEERS or known >= CLUSTER):
                raise
            return await link.api(f"STREAM.CREATE.{name}", {**order, "num_replicas": 1})
    except NatsTrouble as error:
        raise _said(name, error) from None


def _said(name: str, error: NatsTrouble) -> NatsTrouble:
    """Return an error about a stream that says which."""
    return NatsTrouble(
        f"stream {name}: {error}", settled=error.settled or error.code in _SETTLED, code=error.code
    )


def _check(name: str, config: Mapping[str, Any], subject: str) -> None:
    """Raise NatsTrouble for a stream that cannot be relied on."""
    subjects = config.get("subjects") or []
    if not any(covers(str(pattern), subject) for pattern in subjects):
        raise NatsTrouble(
            f"stream {name} takes other subjects than {SUBJECT}.*: add that, or name another stream",
            settled=True,
        )
    if config.get("retention", "limits") != "limits":
        raise NatsTrouble(
            f"stream {name} lets go of what somebody has read; blocks need one with retention by limits",
            settled=True,
        )


def covers(pattern: str, subject: str) -> bool:
    """Return whether a subject is one of those that a pattern stands for."""
    wanted, parts = pattern.split("."), subject.split(".")
    for at, one in enumerate(wanted):
        if one == ">":
            return len(parts) > at
        if at >= len(parts) or one not in ("*", parts[at]):
            return False
    return len(wanted) == len(parts)


@attrs.frozen
class StoredMessage:
    """A message of a stream: its number, and its headers."""

    sequence: int
    headers: Mapping[str, str]


async def last_message(link: NatsLink, name: str, origin: str) -> StoredMessage | None:
    """Return the last block of a store in a stream; None if there is none. Raises NatsTrouble."""
    try:
        found = await link.api(f"STREAM.MSG.GET.{name}", {"last_by_subj": f"{SUBJECT}.{origin}"})
    except NatsTrouble as error:
        if error.code == NO_MESSAGE:
            return None
        raise _said(name, error) from None
    message = found.get("message")
    if not isinstance(message, dict) or not isinstance(message.get("seq"), int):
        raise NatsTrouble("the answer is none of JetStream")
    try:
        raw = base64.b64decode(str(message.get("hdrs", "")), validate=True)
    except binascii.Error:
        raise NatsTrouble("the answer is none of JetStream") from None
    return StoredMessage(message["seq"], read_headers(raw))


def read_headers(raw: bytes) -> dict[str, str]:
    """Return the headers of a message: `NATS/1.0`, a line each, an empty one."""
    found = {}
    for line in raw.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            found[name.decode("latin-1").strip()] = value.decode("latin-1").strip()
    return found
