"""The options of a plugin: the author's own, and those that every plugin of the kit has."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import attrs
from twisted.internet.protocol import AbstractDatagramProtocol

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.guard import GuardPolicy, PeerLimits
from logsrv.kit.framing._line_format import DEFAULT_MAX_LINE
from logsrv.kit.framing._own_framing import DEFAULT_MAX_FRAME
from logsrv.kit.inspect.inspect_settings import OperatorSettings
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.parse import located_endpoint, parse_endpoint, parse_named_endpoint
from logsrv.kit.options.declare import (
    REQUIRED,
    attrs_field_of,
    option,
    options_of,
    tables,
    tables_of,
)
from logsrv.kit.options.kinds import SIZE, Kind, endpoint_kind
from logsrv.kit.protocols._datagrams import DatagramLines, Datagrams, UnsetAnswers
from logsrv.kit.protocols._line_protocol import LineProtocol
from logsrv.kit.text.words import listed

if TYPE_CHECKING:
    from logsrv.kit.protocols._frame_protocol import FrameProtocol

LISTEN = endpoint_kind(parse_endpoint, locate=located_endpoint)
"""The kind of addresses to listen at; the text of a value is `str(value)`."""

# The limits that a protocol class sets, in bytes, by the names of the options. Such a limit is the option's
# default, and the most that the operator may ask for; None if the class sets none.
Limits: TypeAlias = Mapping[str, int | None]

DEFAULTS = {"max_line": DEFAULT_MAX_LINE, "max_frame": DEFAULT_MAX_FRAME}


class UnsetLimit(int):
    """The default of a limit that the operator has not given: then each class has its own limit."""


def answers_of(*served: object) -> tuple[float | None, ...]:
    """Return `max_answers` of the first class for datagrams; an empty tuple if there is none."""
    return tuple(
        one.max_answers for one in served if isinstance(one, type) and issubclass(one, Datagrams)
    )[:1]


def _parse_rate(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not float(text):
        raise ValueError("not a number above 0")
    return float(text)


RATE: Kind[float] = Kind(
    _parse_rate,
    "a number above 0",
    "NUMBER",
    show=lambda value: "off" if value == inf else f"{value:g}",
    native=(int, float),
)


def _answers_option(most: float | None) -> Any:
    return option(
        UnsetAnswers(inf if most is None else most),
        RATE,
        "the most datagrams a second to one address, in the long run",
        off=True,
    )


HELP = {"max_line": "how long a line may be", "max_frame": "how long a frame may be"}


def frame_protocol() -> type[FrameProtocol[Any, Any, Any]] | None:
    """Return the class FrameProtocol; None if nobody has loaded it, for then no class extends it."""
    module = sys.modules.get("logsrv.kit.protocols._frame_protocol")
    return None if module is None else module.FrameProtocol


def extends_frame_protocol(one: type[Any]) -> TypeGuard[type[FrameProtocol[Any, Any, Any]]]:
    base = frame_protocol()
    return base is not None and issubclass(one, base)


def limits_of(*served: object, named: Sequence[object] = ()) -> Limits:
    """Return the limits that apply to these protocol classes and functions; some may be None.

    named: the classes of the named listeners. They have their own limits, which `PluginProtocols` applies:
    here they only tell which options there are.
    """
    found: dict[str, int | None] = {}
    for one in served:
        if not isinstance(one, type):
            if callable(one):
                found.setdefault("max_line", None)
        elif issubclass(one, LineProtocol):
            found["max_line"] = one.max_line
        elif extends_frame_protocol(one):
            found["max_frame"] = one.max_frame
        elif issubclass(one, DatagramLines):
            found.setdefault("max_line", None)
    return {**dict.fromkeys(limits_of(*named)), **found} if named else found


# The options of the guard that apply only to connections.
OF_CONNECTIONS = ("max_connections", "max_connections_per_peer", "idle_timeout")


def needless_options(*served: object) -> tuple[str, ...]:
    """Return the kit's options that have no effect on these protocol classes and functions.

    Any of them may be None. If all are, the plugin does not listen, and `listen` is among the result.
    """
    # The guard cannot count frames: it does not know their marks.
    found: tuple[str, ...] = ("peer_lines",) if set(limits_of(*served)) == {"max_frame"} else ()
    connected = any(
        not issubclass(one, Datagrams | AbstractDatagramProtocol)
        if isinstance(one, type)
        else callable(one)
        for one in served
    )
    if not connected:
        found += OF_CONNECTIONS
    return found if any(served) else ("listen", *found)


def check_limits(
    limits: Limits,
    settings: object,
    prefix: str = "--",
    enclosing: object = None,
    who: str = "this protocol",
) -> None:
    """Raise ConfigurationError when a setting is above the limit of a protocol class.

    prefix, who: for the sentence. enclosing: the settings that a table inherits; each class bounds these
    itself.
    """
    for name, own in limits.items():
        asked = getattr(settings, name)
        given = not isinstance(asked, UnsetLimit) and asked != getattr(enclosing, name, None)
        if own is not None and given and asked > own:
            raise ConfigurationError(
                f"{prefix}{name.replace('_', '-')} is {asked} bytes; {who} allows at most {own}"
            )


_frozen_class = partial(attrs.make_class, frozen=True, kw_only=True, slots=False)


# A test starts one plugin again and again; each class would take 2 ms.
@lru_cache(maxsize=8)
def settings_class(
    name: str,
    own: type[Any] | None,
    listen: tuple[str, ...],
    limits: tuple[tuple[str, int | None], ...],
    needless: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
    answers: tuple[float | None, ...] = (),
) -> type[Any]:
    """Return one frozen class of the author's options and the kit's; the author's win over the kit's.

    limits: the items of `Limits`. needless: options of the kit that are left out; their values are None,
    and () for `listen`, which a plugin that does not listen leaves out. names: the names of its listeners.
    answers: the default of `max_answers`, if datagrams are answered.
    A file may have tables `[[listener]]`; then `settings.listener` has a table for each endpoint.
    """
    theirs = attrs.fields_dict(own) if own is not None else {}
    answers = () if "max_answers" in theirs else answers
    limiting = {name: most for name, most in limits if name not in theirs}
    limited = _frozen_class(
        "Limits",
        {
            name: option(UnsetLimit(DEFAULTS[name] if most is None else most), SIZE, HELP[name])
            for name, most in limiting.items()
        }
        | ({"max_answers": _answers_option(answers[0])} if answers else {})
        | {
            one: attrs.field(default=() if one == "listen" else None)
            for one in needless
            if one not in theirs
        },
    )
    limited.__annotations__.update(dict.fromkeys(limiting, int))
    if answers:
        limited.__annotations__["max_answers"] = float | None
    alone = "listen" in needless
    bases = (
        *((own,) if own is not None else ()),
        limited,
        *(() if alone else (PeerLimits,)),
        OperatorSettings,
    )
    kind = listen_kind(names)
    listening: dict[str, Any] = {}
    if not alone:
        listening["listen"] = option(listen, kind, "listen here", repeatable=True)
    if not alone and "listener" not in theirs:
        listening["listener"] = tables(
            listener_settings_class(name, own, limited, kind, [limit for limit, _ in limits]),
            "listeners with settings of their own",
            shorthand="listen",
        )
    made: type[Any] = _frozen_class(f"{name.title()}Settings", listening, bases=bases)
    if not alone:
        made.__annotations__["listen"] = tuple[Endpoint, ...]
    return made


def listeners_of(settings: Any) -> list[tuple[Endpoint, Any]]:
    """Return each endpoint with its settings: those of its table `[[listener]]`, or those of the plugin."""
    if "listener" in tables_of(type(settings)):
        return [(one.listen, one) for one in settings.listener]
    return [(one, settings) for one in settings.listen]


def listen_kind(names: Sequence[str]) -> Kind[Endpoint]:
    """Return the kind of the addresses of a plugin that has listeners of these names."""
    if not names:
        return LISTEN
    named = endpoint_kind(partial(parse_named_endpoint, names), locate=located_endpoint)
    before = listed([f"{name}:" for name in names])
    return attrs.evolve(
        named,
        accepted=f"{named.accepted}; {before} before it for that listener",
        metavar="[NAME:]ENDPOINT",
    )


def listener_settings_class(
    name: str,
    own: type[Any] | None,
    limited: type[Any],
    kind: Kind[Endpoint],
    limits: Sequence[str],
) -> type[Any]:
    """Return the class of one table `[[listener]]`: where it listens, its guard and its limits.

    limits: their names; the author's own options may be some of them.
    """
    rules = (limited, PeerLimits, GuardPolicy)
    ruling = {*limits, *(one for base in rules for one in options_of(base))}
    # The author's own options of the same names win in tables, too.
    theirs = {
        one: attrs_field_of(declared)
        for one, declared in (options_of(own).items() if own is not None else ())
        if one in ruling
    }
    made: type[Any] = _frozen_class(
        f"{name.title()}Listener",
        {"listen": option(REQUIRED, kind, "listen here"), **theirs},
        bases=rules,
    )
    made.__annotations__["listen"] = Endpoint
    return made
