"""A NATS stream that takes blocks: finding or making it, checking its settings, and its promise."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from typing import Any

import attrs

from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import size_text
from logsrv.linelog.formats.nats.client import NatsTrouble
from logsrv.linelog.formats.nats.limits import LEAST, StreamLimits, limits_of_stream
from logsrv.linelog.formats.nats.link import (
    NatsLink,
    PublishDenied,
    not_jetstream_error,
    read_jetstream_answer,
    required_number,
    required_object,
)
from logsrv.linelog.formats.nats.parse import (
    NATS_SEQUENCE,
    NATS_STREAM,
    NATS_SUBJECT,
    STATUS,
    known_nats_headers,
)

SUBJECT = "logs"
"""Blocks of the store ID have the subject `logs.ID`."""
SAFE = (2, 10)
"""The first version of nats-server whose cluster never takes two blocks for the same position."""
CLUSTER = 3
"""The number of copies of a new stream in a cluster, and the number of servers that this needs."""
NO_STREAM, NO_MESSAGE, NO_JETSTREAM = 10059, 10037, 10039
NOT_CLUSTERED, NO_PEERS = 10074, 10005
WRONG_SEQUENCE = 10071, 10164
"""Error codes of JetStream: server/errors.json of nats-server."""
STREAM_FULL = 10077
STORAGE_FULL = 10002, 10023, 10047
"""A stream's own limit, and those of an account and a server."""
_SETTLED = (NO_JETSTREAM, 10076, 10058, 10065, 10060, 10052)
LAGS, TRIES = 0.2, 5
"""Seconds between two requests to a server that lags behind the leader of the stream; the most requests."""
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
"""A header of each block: the stream takes it only if this is the sequence of the store's last block."""
_NOT_FOUND = "404"
_SEQUENCE = re.compile(r"[1-9][0-9]{0,17}")
_NEVER = (1 << 63) - 1
_LAST = re.compile(r"wrong last sequence: ([0-9]{1,19})")
_VERSION = re.compile(r"v?(\d+)\.(\d+)")


def is_safe_version(version: str) -> bool:
    """Return whether a version of nats-server is SAFE or later."""
    found = _VERSION.match(version)
    return found is not None and (int(found[1]), int(found[2])) >= SAFE


@attrs.frozen
class StreamFacts:
    """The known facts about a stream and its server.

    version: the version of nats-server. clustered: whether the server belongs to a cluster. replicas: the
    number of copies of the stream. file: whether the copies are on disk. direct: whether the last message
    of a subject can be read by that subject. first: the sequence of the oldest message, or of the next one
    if there is none: above 1 if messages were removed, by the limits of the stream or by a person.
    limits: those of the stream, and how far they are used.
    """

    name: str
    version: str
    clustered: bool
    replicas: int
    file: bool
    direct: bool = True
    first: int = 1
    limits: StreamLimits = attrs.field(factory=StreamLimits)

    @property
    def takes_each_once(self) -> bool:
        """True if it never takes two blocks for the same position."""
        return is_safe_version(self.version) or not self.clustered

    @property
    def promise(self) -> str:
        """The promise for the log, as a sentence."""
        if self.takes_each_once:
            often = "exactly once"
        else:
            often = (
                f"at least once: nats-server {self.version} may take two blocks as the next in a cluster;"
                " servers from 2.10 on do not"
            )
        copies = f"{self.replicas} server{'s' * (self.replicas != 1)}"
        kept = f"the stream {self.name} keeps them on {copies}"
        full = self.limits.promise and f"; {self.limits.promise}"
        if not self.file:
            return f"{often}; {kept} in memory: they are gone when the servers end{full}"
        lost = (
            "a power cut of that machine loses"
            if self.replicas == 1
            else "a power cut of most of these machines at once loses"
        )
        return (
            f"{often}; {kept}; {lost} what came within their sync_interval, which is 2 minutes unless"
            f" it is set: they are sent again while the store has them{full}"
        )


async def register_idle_consumer(
    link: NatsLink, stream: str, name: str, description: str, stores: str
) -> None:
    """Make or change a consumer from which nobody fetches, for what it tells. Raises NatsTrouble."""
    config = {
        "durable_name": name,
        "description": description,
        "deliver_policy": "new",
        "ack_policy": "none",
        "replay_policy": "instant",
        "filter_subject": f"{SUBJECT}.{stores}",
    }
    order = {"stream_name": stream, "config": config}
    await link.ask_jetstream(f"CONSUMER.DURABLE.CREATE.{stream}.{name}", order)


async def find_or_make_stream(
    link: NatsLink, name: str, origin: str, wanted: StreamLimits | None = None
) -> StreamFacts:
    """Return the facts of a stream. Raises NatsTrouble.

    origin: the identity of the store whose blocks the stream must take. wanted: make the stream with these
    limits if there is none; None to make none.
    """
    try:
        found = await link.ask_jetstream(f"STREAM.INFO.{name}")
    except NatsTrouble as error:
        if error.code != NO_STREAM or wanted is None:
            raise _with_stream_name(name, error) from None
        found = await _make_stream(link, name, wanted)
    config = required_object(found, "config")
    _check_stream_config(name, config, f"{SUBJECT}.{origin}")
    limits = limits_of_stream(config, required_object(found, "state"))
    if limits.is_nearly_full and limits.fetched:
        limits = attrs.evolve(limits, fetched=await _is_fetched(link, name))
    return StreamFacts(
        name,
        one_line(str(link.server_info.get("version", "")), 20),
        bool(link.server_info.get("cluster")),
        required_number(config, "num_replicas") if "num_replicas" in config else 1,
        config.get("storage") == "file",
        config.get("allow_direct") is True,
        required_number(required_object(found, "state"), "first_seq"),
        limits,
    )


async def _is_fetched(link: NatsLink, name: str) -> bool:
    """Return whether a centre fetches from a stream, as far as we may ask.

    The consumers logsrv-… are notes of centres, and stay when these are gone.
    """
    try:
        answer = await link.ask_jetstream(f"CONSUMER.NAMES.{name}", {"offset": 0})
    except NatsTrouble:
        return True
    names = answer.get("consumers") or []
    if not isinstance(names, list) or answer.get("total") != len(names):
        return True
    return any(not str(one).startswith("logsrv-") for one in names)


async def _make_stream(link: NatsLink, name: str, wanted: StreamLimits) -> dict[str, Any]:
    """Make a stream, the largest up to the wanted one for which its servers have room."""
    limits = wanted
    while True:
        try:
            return await _make_stream_of(link, name, limits)
        except PublishDenied as error:
            raise NatsTrouble(
                f"there is no stream {name}, and {error}, or make the stream", settled=True
            ) from None
        except NatsTrouble as error:
            no_room = error.code in STORAGE_FULL or (
                error.code == NO_PEERS and "insufficient storage" in str(error)
            )
            if no_room and limits.bytes >= 2 * LEAST and limits.is_default_size:
                limits = attrs.evolve(limits, bytes=limits.bytes // 2)
                continue
            if no_room:
                why = f"{error}: JetStream has no room for {size_text(limits.bytes)}; give it more, as by"
                error = NatsTrouble(f"{why} max_file_store, or name a ?max-bytes=", code=error.code)
            raise _with_stream_name(name, error) from None


async def _make_stream_of(link: NatsLink, name: str, limits: StreamLimits) -> dict[str, Any]:
    """Make a stream: with three copies in a cluster of three servers or more, else with one."""
    urls = link.server_info.get("connect_urls")
    known = max(len(link.servers), len(urls) if isinstance(urls, list) else 0)
    order = {
        "name": name,
        "subjects": [f"{SUBJECT}.*"],
        "storage": "file",
        "retention": "limits",
        "num_replicas": CLUSTER if link.server_info.get("cluster") else 1,
        "allow_direct": True,
        **limits.settings(),
    }
    try:
        return await link.ask_jetstream(f"STREAM.CREATE.{name}", order)
    except NatsTrouble as error:
        # If three servers are known, the others may just be starting: fail rather than keep one copy.
        if error.code != NOT_CLUSTERED and (error.code != NO_PEERS or known >= CLUSTER):
            raise
        return await link.ask_jetstream(f"STREAM.CREATE.{name}", {**order, "num_replicas": 1})


def _with_stream_name(name: str, error: NatsTrouble) -> NatsTrouble:
    """Return the error with the name of the stream at its beginning."""
    why = f"stream {name}: {error}"
    if error.code == NO_JETSTREAM:
        why += "; if another account has it, name the prefix of its subjects here, as api=JS.API"
    return NatsTrouble(why, settled=error.settled or error.code in _SETTLED, code=error.code)


def _check_stream_config(name: str, config: Mapping[str, Any], subject: str) -> None:
    """Raise NatsTrouble if a stream does not take the subject, or removes messages that were read."""
    subjects = config.get("subjects") or []
    if not isinstance(subjects, list):
        raise not_jetstream_error()
    if not any(
        subject_matches(pattern, subject) for pattern in subjects if isinstance(pattern, str)
    ):
        raise NatsTrouble(
            f"stream {name} does not take the subject {SUBJECT}.*: add it, or name another stream",
            settled=True,
        )
    if config.get("retention", "limits") != "limits":
        raise NatsTrouble(
            f"stream {name} removes messages once they are read; blocks need one with retention by limits",
            settled=True,
        )


def full_stream_error(name: str, limits: StreamLimits | None, error: NatsTrouble) -> NatsTrouble:
    """Return the error of a stream that has no room, with the reason and the remedy."""
    if error.code == STREAM_FULL:
        size = f" ({size_text(limits.bytes)})" if limits and limits.bytes else ""
        remedy = (
            "a centre removes from it what it has stored; until then lines wait here, or give it more:"
            f" nats stream edit {name} --max-bytes SIZE"
        )
        if limits is not None and not limits.fetched:
            remedy = f"no centre fetches from it at present; {remedy}"
        why = f"the stream {name} is full{size}: {remedy}"
    else:
        why = (
            f"the storage of JetStream is full ({error}): limit the stream {name} to less, as by nats"
            f" stream edit {name} --max-bytes SIZE --max-age 7d, or give JetStream more (max_file_store)"
        )
    return NatsTrouble(why, code=error.code)


def subject_matches(pattern: str, subject: str) -> bool:
    """Return whether a pattern with wildcards matches a subject."""
    wanted, parts = pattern.split("."), subject.split(".")
    for at, one in enumerate(wanted):
        if one == ">":
            return len(parts) > at
        if at >= len(parts) or one not in ("*", parts[at]):
            return False
    return len(wanted) == len(parts)


@attrs.frozen
class StreamMessage:
    """A message of a stream: its sequence and its headers."""

    sequence: int
    headers: Mapping[str, str]


async def fetch_last_message(
    link: NatsLink, facts: StreamFacts, origin: str
) -> StreamMessage | None:
    """Return the last block of a store in a stream; None if there is none. Raises NatsTrouble."""
    try:
        if not facts.direct:
            return await _fetch_last_from_leader(link, facts.name, origin)
        for _ in range(TRIES):
            # Any server with a copy may answer. If it lags behind the leader, ask again.
            found = await _fetch_last_from_any(link, facts.name, origin)
            if (found.sequence if found else 0) == await _fetch_last_sequence(
                link, facts.name, origin
            ):
                return found
            await asyncio.sleep(LAGS)
    except PublishDenied:
        raise
    except NatsTrouble as error:
        raise _with_stream_name(facts.name, error) from None
    raise NatsTrouble(
        f"stream {facts.name}: the NATS server that answers lacks the newest messages of its leader"
    )


async def _fetch_last_from_any(link: NatsLink, name: str, origin: str) -> StreamMessage | None:
    """Ask any server that has a copy of the stream for the last block of a store, by its subject.

    The right to read that subject is enough.
    """
    subject = f"{SUBJECT}.{origin}"
    message = await link.ask(link.api_subject(f"DIRECT.GET.{name}.{subject}"))
    headers = message.headers or {}
    if headers.get(STATUS) == _NOT_FOUND:
        return None
    sequence = headers.get(NATS_SEQUENCE, "")
    known = (headers.get(NATS_STREAM), headers.get(NATS_SUBJECT)) == (name, subject)
    if not known or not _SEQUENCE.fullmatch(sequence):
        raise not_jetstream_error()
    return StreamMessage(int(sequence), headers)


async def _fetch_last_sequence(link: NatsLink, name: str, origin: str) -> int:
    """Return the sequence of a store's last block from the leader of the stream.

    The right to publish is enough: we send a message that no stream can take, and the leader names the
    sequence in its refusal.
    """
    headers = {"Nats-Expected-Stream": name, EXPECTED: str(_NEVER)}
    try:
        read_jetstream_answer(await link.ask(f"{SUBJECT}.{origin}", b"", headers))
    except NatsTrouble as error:
        last = _LAST.search(str(error))
        if error.code not in WRONG_SEQUENCE or last is None:
            raise
        return int(last[1])
    raise NatsTrouble("it has stored a message that expected another place", settled=True)


async def _fetch_last_from_leader(link: NatsLink, name: str, origin: str) -> StreamMessage | None:
    """Ask the leader of the stream for the last block of a store."""
    try:
        found = await link.ask_jetstream(
            f"STREAM.MSG.GET.{name}", {"last_by_subj": f"{SUBJECT}.{origin}"}
        )
    except PublishDenied as error:
        raise NatsTrouble(
            f"stream {name} gives no message out by its subject, and {error}, or set allow_direct of the"
            " stream, which lets an account read its own blocks only",
            settled=True,
        ) from None
    except NatsTrouble as error:
        if error.code == NO_MESSAGE:
            return None
        raise
    message = required_object(found, "message")
    try:
        raw = base64.b64decode(str(message.get("hdrs", "")), validate=True)
    except ValueError:
        raise not_jetstream_error() from None
    return StreamMessage(required_number(message, "seq"), known_nats_headers(raw))
