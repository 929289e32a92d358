"""The limits of a NATS stream: those of its URL, for a stream that is made, and those that a stream has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.options.kinds import DURATION, SIZE
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import shown, size_text

MAX_BYTES = 10 << 30
"""Bytes of a new stream; halved, down to LEAST, until its server has room for them."""
LEAST = 4 << 20
"""The smallest new stream, in bytes: it has room for some of the largest blocks."""
MARK = "emptied by logsrv"
"""The beginning of the description of a stream from which a centre may remove the blocks that it has."""
NEARLY = 0.8
"""The part of a stream that may be in use before an operator is warned."""
NS = 1_000_000_000
_DUPLICATES = 120 * NS
KEYS = ("user", "api", "max-bytes", "max-age", "discard")
"""The parameters that may stand after the `?` of a target's URL."""


@attrs.frozen
class StreamLimits:
    """Limits of a stream. bytes, nanoseconds, messages: 0 for no limit.

    drops_oldest: whether a full stream drops its oldest messages, fetched or not; else it refuses new ones.
    is_default_size: whether nobody has named `bytes`, so that a new stream may be smaller.
    used: the bytes of its messages. fetched: whether a centre fetches from it at present.
    """

    bytes: int = MAX_BYTES
    nanoseconds: int = 0
    drops_oldest: bool = False
    is_default_size: bool = True
    messages: int = 0
    used: int = 0
    fetched: bool = True

    def settings(self) -> dict[str, Any]:
        """Return the settings of a stream that is made with these limits."""
        found: dict[str, Any] = {
            "max_bytes": self.bytes,
            "discard": "old" if self.drops_oldest else "new",
        }
        if self.nanoseconds:
            # The server refuses a window that is longer than the age.
            window = min(_DUPLICATES, self.nanoseconds)
            found |= {"max_age": self.nanoseconds, "duplicate_window": window}
        if not self.drops_oldest:
            found["description"] = f"{MARK}: a centre removes the blocks that are on its disk"
        return found

    @property
    def promise(self) -> str:
        """The sentence for the log about a stream at its limit; "" without limits."""
        if self.drops_oldest:
            limits = [size_text(self.bytes)] if self.bytes else []
            limits += [DURATION.show(self.nanoseconds / NS)] if self.nanoseconds else []
            if not limits:
                return ""
            return f"above {' or '.join(limits)} it drops the oldest, fetched or not"
        return f"when it has {size_text(self.bytes)}, lines wait here" if self.bytes else ""

    @property
    def is_nearly_full(self) -> bool:
        """True if the stream will soon refuse blocks."""
        return not self.drops_oldest and 0 < NEARLY * self.bytes <= self.used

    def warning(self, name: str) -> str:
        """Return what an operator should do before the stream is full; "" for nothing."""
        if not (self.bytes or self.nanoseconds or self.messages):
            return (
                f"the stream {name} has no limits: once its server's storage is full, it takes nothing"
                f" more; set some: nats stream edit {name} --max-bytes 10GB --max-age 7d"
            )
        if self.is_nearly_full:
            who = "" if self.fetched else "; no centre fetches from it at present"
            return (
                f"the stream {name} has used more than {NEARLY:.0%} of its {size_text(self.bytes)}; when it"
                f" is full, lines wait here{who}"
            )
        return ""


def limits_of_query(given: Mapping[str, str], url: str) -> StreamLimits:
    """Return the limits for a new stream, by the query of a target's URL. Raises ConfigurationError.

    url: the part of it that may be logged.
    """
    who = one_line(url)
    discard = given.get("discard", "new")
    if discard not in ("new", "old"):
        raise ConfigurationError(f"{who}: discard= is new or old, not {shown(discard)}")
    try:
        size = SIZE.parse(given["max-bytes"]) if "max-bytes" in given else MAX_BYTES
    except ValueError as error:
        raise ConfigurationError(f"{who}: max-bytes= is {SIZE.accepted}: {error}") from None
    try:
        age = DURATION.parse(given["max-age"]) if "max-age" in given else 0
    except ValueError as error:
        raise ConfigurationError(f"{who}: max-age= is {DURATION.accepted}: {error}") from None
    if size < LEAST:
        raise ConfigurationError(f"{who}: max-bytes= is at least {size_text(LEAST)}")
    if age and not 1 <= age < 2**63 // NS:
        raise ConfigurationError(
            f"{who}: max-age= is at least a second, and no more than 290 years"
        )
    return StreamLimits(size, int(age * NS), discard == "old", "max-bytes" not in given)


def limits_of_stream(config: Mapping[str, Any], state: Mapping[str, Any]) -> StreamLimits:
    """Return the limits of a stream that is there; what its server leaves out is no limit."""

    def number(found: Mapping[str, Any], name: str) -> int:
        value = found.get(name)
        return value if type(value) is int and 0 < value < 2**63 else 0

    return StreamLimits(
        number(config, "max_bytes"),
        number(config, "max_age"),
        config.get("discard", "old") != "new",
        messages=max(number(config, "max_msgs"), number(config, "max_msgs_per_subject")),
        used=number(state, "bytes"),
        fetched=number(state, "consumer_count") > 0,
    )


def is_emptied(config: Mapping[str, Any]) -> bool:
    """Return whether a centre may remove from this stream the blocks that it has stored."""
    return config.get("discard") == "new" and str(config.get("description", "")).startswith(MARK)
