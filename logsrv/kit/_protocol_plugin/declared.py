"""The classes with which a protocol is declared, `LineProtocol[Options, State]`, and those it is given.

Type checkers compare them too, but not where the plugin file names its objects as text, and not everybody
runs one. Without this, a plugin whose `state=` was forgotten starts, and fails at its first peer.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace
from typing import Any, ForwardRef, NamedTuple, get_args, get_origin, get_type_hints

from logsrv.errors import ConfigurationError
from logsrv.kit.protocols._datagrams import Datagrams
from logsrv.kit.protocols._protocol import PeerProtocol
from logsrv.kit.protocols._stream import Connection

_BASES = (PeerProtocol, Datagrams, Connection)


class Declared(NamedTuple):
    """The classes of options and state with which a protocol is declared; None for any. name: its own."""

    name: str
    options: type[Any] | None
    state: type[Any] | None

    def require_state(self, plugin: str, state: object) -> None:
        """Raise ConfigurationError unless an object can be the state of the protocol."""
        if self.state is not None and not isinstance(state, self.state):
            raise ConfigurationError(
                f"{plugin}: {self.name} is declared with the state {self.state.__name__}, "
                f"and the state is {type(state).__name__}"
            )


def declared_by(served: object) -> Declared | None:
    """Return what a protocol class, or a function that takes a Connection, is declared with.

    None for anything else, and for what says nothing.
    """
    found: tuple[Any, ...] = ()
    if isinstance(served, type):
        found = _arguments_of_class(served, {})
    elif callable(served):
        found = get_args(_first_annotation(served))
    name = getattr(served, "__name__", type(served).__name__)
    module = sys.modules.get(getattr(served, "__module__", ""))
    options, state, *_ = *(_as_class(one, module) for one in found), None, None
    return Declared(name, options, state) if options or state else None


def check_declared(plugin: str, declared: Declared, options: Any, state: Any) -> None:
    """Compare a protocol with the arguments `options` and `state` of its plugin; None for those left out.

    A state that only a call shows is compared when it is made, by `Declared.require_state`. Raises
    ConfigurationError.
    """
    for argument, wanted, given in (
        ("options", declared.options, options),
        ("state", declared.state, state),
    ):
        if wanted is None:
            continue
        said = f"{plugin}: {declared.name} is declared with the {argument} {wanted.__name__}"
        if given is None and not _is_default(argument, wanted):
            raise ConfigurationError(f"{said}: give protocol_plugin {argument}={wanted.__name__}")
        # The object that an async context manager yields is known later.
        if (
            isinstance(given, type)
            and not issubclass(given, wanted)
            and not issubclass(given, AbstractAsyncContextManager)
        ):
            raise ConfigurationError(f"{said}, and {argument} is {given.__name__}")


def _is_default(argument: str, wanted: type[Any]) -> bool:
    """Return whether a plugin without this argument has an object of this class."""
    return argument == "state" and wanted is SimpleNamespace


def _arguments_of_class(served: type[Any], given: Mapping[Any, Any]) -> tuple[Any, ...]:
    """Return the arguments of the kit's base of a class. given: those of the class itself, by parameter."""
    for base in vars(served).get("__orig_bases__", served.__bases__):
        origin = get_origin(base) or base
        if not isinstance(origin, type) or not issubclass(origin, _BASES):
            continue
        arguments = tuple(given.get(one, one) for one in get_args(base))
        parameters = getattr(origin, "__parameters__", ())
        if origin.__module__.startswith("logsrv.kit.protocols."):
            return arguments
        return _arguments_of_class(origin, dict(zip(parameters, arguments, strict=False)))
    return ()


def _first_annotation(function: Any) -> Any:
    try:
        hints = get_type_hints(function)
        return next((hints.get(name) for name in _parameters(function)), None)
    except (NameError, AttributeError, TypeError, ValueError):
        # A name may be there for type checkers alone.
        return None


def _parameters(function: Any) -> Iterator[str]:
    yield from inspect.signature(function).parameters


def _as_class(argument: Any, module: Any) -> type[Any] | None:
    """Return a class that an argument names, if an object can be compared with it."""
    if isinstance(argument, ForwardRef):
        argument = argument.__forward_arg__
    if isinstance(argument, str):
        argument = getattr(module, argument, None)
    # No object can be compared with a class of typing.Protocol.
    known = isinstance(argument, type) and argument not in (object, Any)
    return argument if known and not getattr(argument, "_is_protocol", False) else None
