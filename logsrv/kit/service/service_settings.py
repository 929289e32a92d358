"""The options of a plugin: the author's own, and those that every plugin of the kit has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs
from twisted.internet.protocol import Protocol

from logsrv.errors import ConfigurationError
from logsrv.kit.inspect.inspect_settings import OperatorSettings
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.guard.guard import PeerLimits
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import SIZE, endpoint_kind
from logsrv.kit.protocols.datagrams import DatagramLines
from logsrv.kit.protocols.frame_protocol import FrameProtocol
from logsrv.kit.protocols.line_protocol import LineProtocol

ENDPOINT = endpoint_kind(parse_endpoint, locate=Endpoint.located)

# The limits of protocol classes in bytes, by the names of the options. The limit of a class is the default
# of the option, and the most that the operator may ask for; None for a class that sets none.
Limits: TypeAlias = Mapping[str, int | None]

DEFAULTS = {"max_line": "64KiB", "max_frame": "1MiB"}
HELP = {"max_line": "how long a line may be", "max_frame": "how long a frame may be"}


def limits_of(*served: object) -> Limits:
    """Return the limits that apply to these protocol classes and functions; some may be None."""
    found: dict[str, int | None] = {}
    for one in served:
        if not isinstance(one, type):
            if callable(one):
                found.setdefault("max_line", None)
        elif issubclass(one, LineProtocol):
            found["max_line"] = one.max_line
        elif issubclass(one, FrameProtocol):
            found["max_frame"] = one.max_frame
        elif issubclass(one, DatagramLines):
            found.setdefault("max_line", None)
    return found


# The options of the guard that apply only to connections.
OF_CONNECTIONS = ("max_connections", "max_connections_per_peer", "idle_timeout")


def needless_options(*served: object) -> tuple[str, ...]:
    """Return the options that do not apply to these protocol classes and functions; some may be None."""
    # The guard cannot count frames: it does not know their marks.
    found: tuple[str, ...] = ("peer_lines",) if set(limits_of(*served)) == {"max_frame"} else ()
    connected = any(
        issubclass(one, Protocol) if isinstance(one, type) else callable(one) for one in served
    )
    if not connected:
        found += OF_CONNECTIONS
    return found if any(served) else ("listen", *found)


def check_limits(limits: Limits, settings: object) -> None:
    """Raise ConfigurationError when a setting is above the limit of a protocol class."""
    for name, own in limits.items():
        asked = getattr(settings, name)
        if own is not None and asked > own:
            raise ConfigurationError(
                f"--{name.replace('_', '-')} is {asked} bytes; this protocol allows at most {own}"
            )


def settings_class(
    name: str,
    own: type[Any] | None,
    listen: tuple[str, ...],
    limits: Limits,
    needless: tuple[str, ...] = (),
) -> type[Any]:
    """Return one frozen class of the author's options and the kit's; the author's win over the kit's.

    needless: options of the kit that are left out; their values are None, and () for `listen`, which a
    plugin that does not listen leaves out.
    """
    theirs = attrs.fields_dict(own) if own is not None else {}
    limiting = {name: most for name, most in limits.items() if name not in theirs}
    limited = attrs.make_class(
        "Limits",
        {
            name: option(DEFAULTS[name] if most is None else str(most), SIZE, HELP[name])
            for name, most in limiting.items()
        }
        | {
            one: attrs.field(default=() if one == "listen" else None)
            for one in needless
            if one not in theirs
        },
        frozen=True,
        kw_only=True,
        slots=False,
    )
    limited.__annotations__.update(dict.fromkeys(limiting, int))
    alone = "listen" in needless
    bases = (
        *((own,) if own is not None else ()),
        limited,
        *(() if alone else (PeerLimits,)),
        OperatorSettings,
    )
    made: type[Any] = attrs.make_class(
        f"{name.title()}Settings",
        {} if alone else {"listen": option(listen, ENDPOINT, "listen here", repeatable=True)},
        bases=bases,
        frozen=True,
        kw_only=True,
        slots=False,
    )
    if not alone:
        made.__annotations__["listen"] = tuple[Endpoint, ...]
    return made
