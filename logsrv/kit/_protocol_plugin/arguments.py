"""The arguments of `protocol_plugin`: their types, and checks that raise a sentence for each mistake.

The types are for type checkers alone, which compare a protocol's `[Settings, State]` with `options` and
`state`. They are not imported at run time, because every `twistd --help` imports all plugin files.
"""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.framing._own_framing import can_take
from logsrv.kit.net.endpoint import ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Protocol, TypeAlias, TypeVar

    from twisted.internet.protocol import AbstractDatagramProtocol, Factory

    from logsrv.kit.protocols._context import RunningService
    from logsrv.kit.protocols._datagrams import Datagrams
    from logsrv.kit.protocols._protocol import PeerProtocol
    from logsrv.kit.protocols._stream import Connection

    Settings = TypeVar("Settings")
    State = TypeVar("State")

    class PlainTwistedProtocol(Protocol):
        """A Twisted protocol class that is not the kit's: the kit's have another type of factory."""

        @property
        def factory(self) -> Factory | None: ...

        def dataReceived(self, data: bytes) -> object: ...

    Served: TypeAlias = (
        type[PeerProtocol[Settings, State]]
        | type[Datagrams[Settings, State]]
        | Callable[[Connection[Settings, State]], Awaitable[object] | None]
        | type[PlainTwistedProtocol]
        | type[AbstractDatagramProtocol]
        | str
    )
    ServedDatagrams: TypeAlias = type[Datagrams[Settings, State] | AbstractDatagramProtocol] | str
    StateOf: TypeAlias = (
        Callable[[RunningService[Settings, Any]], AbstractAsyncContextManager[State]]
        | Callable[[RunningService[Settings, Any]], State]
        | str
    )

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LISTENER = re.compile(r"[a-z][a-z0-9_-]*")
_TAKEN = {*ARGUMENTS, "haproxy"}
ABOVE_STATE = "@contextlib.asynccontextmanager"
ABOVE_IT = "put @attrs.frozen(kw_only=True) above it"
NO_FACTORY = "a Factory; give the Protocol class that it builds, and what it keeps as state"


def check_plugin_arguments(
    name: object,
    listen: object,
    texts: dict[str, object],
    callables: dict[str, object],
    listeners: object = {},
) -> None:
    """Check the arguments without importing the objects that they name as text.

    texts: the arguments that have to be text, by name. callables: those that have to be a class, a
    function, the text `package.module:Name` or None, by name. listeners: such callables, by the name of
    their listener.

    Raises ConfigurationError with one sentence.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfigurationError(
            f"{name!r:.80} cannot be the name of a plugin; "
            "it has to be lower-case letters, digits and _, beginning with a letter, such as shout"
        )
    if not isinstance(listen, str) and not (
        isinstance(listen, tuple | list) and all(isinstance(address, str) for address in listen)
    ):
        raise ConfigurationError(
            f'{name}: listen={listen!r:.80} is not an endpoint; it has to be text such as "tcp:7000", '
            "or several of them in a tuple"
        )
    for argument, value in texts.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"{name}: {argument}={value!r:.80} has to be text")
    for argument, value in (callables | callables_by_listener(name, listeners)).items():
        if argument != "state" and is_factory(value):
            raise ConfigurationError(f"{name}: {argument} is {value!r:.80}, {NO_FACTORY}")
        if value is not None and not isinstance(value, str) and not callable(value):
            raise ConfigurationError(
                f"{name}: {argument} is {value!r:.80}; it has to be a class or a function, "
                "or its place as text, such as package.module:Name"
            )
    check_state_maker(name, callables.get("state"))


def callables_by_listener(name: str, listeners: object) -> dict[str, object]:
    """Return the callable that each named listener serves, by a phrase for errors: `the listener NAME`.

    Raises ConfigurationError for a wrong name, and for a listener with nothing to serve.
    """
    if not isinstance(listeners, Mapping):
        raise ConfigurationError(
            f'{name}: listeners={listeners!r:.80} is not a dict such as {{"status": Status}}'
        )
    for one, served in listeners.items():
        if not isinstance(one, str) or not _LISTENER.fullmatch(one) or one in _TAKEN:
            raise ConfigurationError(
                f"{name}: {one!r:.80} cannot be the name of a listener; it has to be lower-case letters, "
                "digits, - and _, beginning with a letter, and no endpoint type"
            )
        if served is None:
            raise ConfigurationError(f"{name}: the listener {one} has no protocol")
    return {f"the listener {one}": served for one, served in listeners.items()}


def is_factory(served: object) -> bool:
    """Return whether `served` is one of Twisted's factories, or the class of one."""
    return hasattr(served, "buildProtocol") and not hasattr(served, "makeConnection")


def check_state_maker(name: str, state: object) -> None:
    """Check that `state` needs no await, and takes one argument. Raises ConfigurationError."""
    if inspect.iscoroutinefunction(state):
        raise ConfigurationError(
            f"{name}: state is an async function, and nothing awaits it; give it a yield and put "
            f"{ABOVE_STATE} above it, or give a class with async def start(self)"
        )
    generates = inspect.isasyncgenfunction(state)
    function = inspect.unwrap(state) if callable(state) else state
    if generates or inspect.isgeneratorfunction(function):
        found = "an async generator;" if generates else "a generator; make it async def and"
        raise ConfigurationError(
            f"{name}: state is {found} put {ABOVE_STATE} above it, and what it yields is the state"
        )
    if callable(state) and not can_take(state, None):
        raise ConfigurationError(
            f"{name}: state {state!r:.80} has to take one argument, the service"
        )


def check_options_class(name: str, options: object) -> None:
    """Check that `options` is a frozen attrs class. Raises ConfigurationError with one sentence."""
    if not isinstance(options, type):
        raise ConfigurationError(
            f"{name}: options is {options!r:.80}; it has to be a class, "
            f"with options declared in it: {ABOVE_IT}"
        )
    if not attrs.has(options):
        raise ConfigurationError(f"{name}: {options.__name__} is no attrs class; {ABOVE_IT}")
    if not _is_frozen(options):
        raise ConfigurationError(
            f"{name}: objects of {options.__name__} can be changed, and settings change by a "
            f"reload only; {ABOVE_IT}"
        )


def _is_frozen(attrs_class: type[Any]) -> bool:
    try:
        setattr(object.__new__(attrs_class), "anything", None)  # noqa: B010
    except attrs.exceptions.FrozenInstanceError:
        return True
    except Exception:
        # The class has a `__setattr__` of its own, or slots without this attribute.
        return False
    return False
