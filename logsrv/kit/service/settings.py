"""The options of a plugin: the author's, and those that everything made with the kit has."""

from __future__ import annotations

from typing import Any

import attrs

from logsrv.kit.inspect.settings import OperatorSettings
from logsrv.kit.net.endpoints.endpoint import Endpoint
from logsrv.kit.net.endpoints.parse import parse_endpoint
from logsrv.kit.net.guard.guard import LineRate, PeerLimits
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import endpoint_kind
from logsrv.kit.service.limits import Limits, limit_options

ENDPOINT = endpoint_kind(parse_endpoint, locate=Endpoint.located)


def settings_class(
    name: str,
    own: type[Any] | None,
    listen: tuple[str, ...],
    limits: Limits,
    needless: tuple[str, ...] = (),
) -> type[Any]:
    """The author's options and the kit's in one frozen class; where both have one, it is the author's.

    needless: options of the kit that are not offered; their values are None, and () for `listen`: a
    plugin that listens nowhere.
    """
    theirs = attrs.fields_dict(own) if own is not None else {}
    limiting = {name: most for name, most in limits.items() if name not in theirs}
    limited = attrs.make_class(
        "Limits",
        limit_options(limiting)
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
    rate = () if set(limits) == {"max_frame"} else (LineRate,)
    alone = "listen" in needless
    bases = (
        *((own,) if own is not None else ()),
        limited,
        *(() if alone else (*rate, PeerLimits)),
        OperatorSettings,
    )
    made: type[Any] = attrs.make_class(
        f"{name.title()}Settings",
        {} if alone else {"listen": option(listen, ENDPOINT, "where to listen", repeatable=True)},
        bases=bases,
        frozen=True,
        kw_only=True,
        slots=False,
    )
    if not alone:
        made.__annotations__["listen"] = tuple[Endpoint, ...]
    return made
