"""Limits: how long to wait and how much to take."""

from __future__ import annotations

import attrs

from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.trust import Trust
from logsrv.gopher.wire.menu import LONGEST_LINE, MOST_ITEMS


@attrs.define(frozen=True, slots=True)
class Timeouts:
    """Seconds until TimedOut.

    connect: for name, connection and TLS handshake together. first_byte: from the request to the
    answer. between: from some bytes to the next ones. whole: for all of a menu or a text, so that
    a server that sends a byte now and then ends too; streams and downloads have no such limit.
    """

    connect: float = attrs.field(default=15.0, validator=attrs.validators.gt(0))
    first_byte: float = attrs.field(default=30.0, validator=attrs.validators.gt(0))
    between: float = attrs.field(default=30.0, validator=attrs.validators.gt(0))
    whole: float = attrs.field(default=300.0, validator=attrs.validators.gt(0))


@attrs.define(frozen=True, slots=True)
class Limits:
    """Bytes until TooBig. `line` is where a line of a menu is cut, `items` counts its lines."""

    menu: int = attrs.field(default=16 * 1024 * 1024, validator=attrs.validators.gt(0))
    text: int = attrs.field(default=64 * 1024 * 1024, validator=attrs.validators.gt(0))
    download: int | None = None
    line: int = attrs.field(default=LONGEST_LINE, validator=attrs.validators.gt(0))
    items: int = attrs.field(default=MOST_ITEMS, validator=attrs.validators.gt(0))


@attrs.define(frozen=True, slots=True)
class ConnectionOptions:
    """The ways to connect. timeout: seconds of silence."""

    timeout: float
    trust: Trust
    proxy: Proxy | None
