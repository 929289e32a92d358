"""A plugin without the state or the options that its protocol is declared with does not start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Generic, Protocol, TypeVar

import attrs
import pytest

from logsrv.errors import ConfigurationError, StartError
from logsrv.kit import (
    FLAG,
    Connection,
    DatagramLines,
    FrameProtocol,
    LineProtocol,
    option,
    protocol_plugin,
)
from logsrv.kit.testing import serve

heard: list[str] = []


@attrs.frozen(kw_only=True)
class Options:
    loud: bool = option(False, FLAG, "whether to shout")


class Hub:
    """A state."""

    def __init__(self, service: Any) -> None:
        self.admits = True


class OtherHub(Hub):
    """Another one, which will do."""


class Room:
    def __init__(self, service: Any) -> None:
        pass


class Admits(Protocol):
    admits: bool


class Broker(LineProtocol[Options, Hub]):
    """Needs both."""


class Framed(FrameProtocol[object, Hub]):
    """Needs a state."""


class Told(DatagramLines["Options", "Hub"]):
    """Names both as text."""


Kept = TypeVar("Kept")


class Base(LineProtocol[Options, Kept], Generic[Kept]):
    """A base of an author's."""


class Inheriting(Base[Hub]):
    """Has its state's class from its base."""


class OfAny(LineProtocol[Any, Any]):
    """Takes anything."""


class OfProtocol(LineProtocol[object, Admits]):
    """Takes whatever has such attributes."""


class OfNamespace(LineProtocol[object, SimpleNamespace]):
    """Is content with the namespace that every plugin has."""


async def handle(connection: Connection[Options, Hub]) -> None:
    """A conversation."""


def make_room(service: Any) -> Room:
    return Room(service)


@asynccontextmanager
async def yield_room(service: Any) -> AsyncIterator[Room]:
    heard[:] = ["entered"]
    yield Room(service)
    heard.append("left")


@asynccontextmanager
async def yield_hub(service: Any) -> AsyncIterator[Hub]:
    yield Hub(service)


NEEDS_STATE = "is declared with the state Hub: give protocol_plugin state=Hub"
HAS_ROOM = "is declared with the state Hub, and state is Room"
MADE_ROOM = "is declared with the state Hub, and the state is Room"


@pytest.mark.parametrize(
    ("protocol", "arguments", "sentence"),
    [
        (Broker, {"options": Options}, f"Broker {NEEDS_STATE}"),
        (Broker, {"state": Hub}, "Broker is declared with the options Options: give"),
        (Broker, {"options": Options, "state": Room}, f"Broker {HAS_ROOM}"),
        (Broker, {"options": Options, "state": make_room}, f"Broker {MADE_ROOM}"),
        (Broker, {"options": Options, "state": yield_room}, f"Broker {MADE_ROOM}"),
        (Broker, {"options": Options, "state": Hub}, ""),
        (Broker, {"options": Options, "state": OtherHub}, ""),
        (Broker, {"options": Options, "state": yield_hub}, ""),
        (Framed, {}, f"Framed {NEEDS_STATE}"),
        (Framed, {"state": Hub}, ""),
        (Inheriting, {"options": Options}, f"Inheriting {NEEDS_STATE}"),
        (Inheriting, {"options": Options, "state": Hub}, ""),
        (handle, {"options": Options}, f"handle {NEEDS_STATE}"),
        (handle, {"options": Options, "state": Hub}, ""),
        (OfAny, {}, ""),
        (OfProtocol, {"state": Hub}, ""),
        (OfNamespace, {}, ""),
        (LineProtocol, {"state": Room}, ""),
    ],
)
async def test_a_plugin_starts_only_with_what_its_protocol_needs(
    protocol: Any, arguments: dict[str, Any], sentence: str
) -> None:
    plugin = protocol_plugin("broker", protocol, **arguments)
    if not sentence:
        async with serve(plugin):
            return
    with pytest.raises(StartError, match=f"^broker: {sentence}"):
        async with serve(plugin):
            pass


def test_an_option_of_a_class_that_was_forgotten_is_not_called_unknown() -> None:
    plugin = protocol_plugin("broker", Broker, state=Hub)  # type: ignore[arg-type]
    with pytest.raises(StartError) as refused:
        plugin.options().parseOptions(["--topic", "dogs"])
    assert str(refused.value) == (
        "broker: Broker is declared with the options Options: give protocol_plugin options=Options"
    )


async def test_a_context_manager_with_a_wrong_state_is_left() -> None:
    plugin = protocol_plugin("broker", Broker, Options, state=yield_room)  # type: ignore[arg-type]
    with pytest.raises(StartError):
        async with serve(plugin):
            pass
    assert heard == ["entered", "left"]


def test_a_receiver_of_datagrams_and_a_named_listener_are_looked_at_too() -> None:
    for arguments in ({"datagrams": Told}, {"protocol": LineProtocol, "listeners": {"a": Told}}):
        plugin = protocol_plugin("told", options=Options, **arguments)  # type: ignore[call-overload]
        with pytest.raises(ConfigurationError, match=f"^told: Told {NEEDS_STATE}"):
            plugin.check()
