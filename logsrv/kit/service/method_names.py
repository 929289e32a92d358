"""Refuses a protocol class with a method that is never called, or could not be.

It is one of Twisted's, or ours misspelt; or ours, and not a method, or not one of the class.

A misspelt name looks like one of ours, while ours is not overridden and no method of the class uses the
name. A method that the class calls is a helper, whatever its name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from inspect import isfunction
from typing import Any

from logsrv.errors import ConfigurationError
from logsrv.kit.protocols.datagrams import DatagramLines, Datagrams
from logsrv.kit.protocols.frame_protocol import FrameProtocol
from logsrv.kit.protocols.line_protocol import LineProtocol, RequestProtocol

# Methods through which the transport calls the kit, and ours for each; "" stands for the method for input.
_KITS = {
    "connectionMade": "connection_made",
    "makeConnection": "connection_made",
    "dataReceived": "",
    "connectionLost": "connection_lost",
    "readConnectionLost": "connection_lost",
    "writeConnectionLost": "connection_lost",
    "datagrams_received": "",
}
# Methods of other classes, which nothing calls here.
_OTHERS = {
    "lineReceived": "",
    "rawDataReceived": "",
    "stringReceived": "",
    "datagramReceived": "",
    "messageReceived": "",
    "data_received": "",
    "line_received": "",
    "frame_received": "",
    "request_received": "",
    "datagram_received": "",
    "lineLengthExceeded": "line_too_long",
    "lengthLimitExceeded": "frame_refused",
    "eof_received": "connection_lost",
    "startProtocol": "begin",
    "stopProtocol": "end",
}
# For each base the method for input, and the other methods and attributes that an author sets.
_OF_PEERS = ("connection_made", "connection_lost", "refusal_words", "idle_words")
_ATTRIBUTES_OF_PEERS = ("max_unsent", "patience", "half_close")
_OF_LINES = ("delimiter", "ending", "encoding", "max_line", "unfinished_line")
_BASES: tuple[tuple[type[Any], str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        RequestProtocol,
        "request_received",
        (*_OF_PEERS, "line_too_long", "line_not_text"),
        (*_ATTRIBUTES_OF_PEERS, *_OF_LINES, "error_answer"),
    ),
    (
        LineProtocol,
        "line_received",
        (*_OF_PEERS, "line_too_long", "line_not_text"),
        (*_ATTRIBUTES_OF_PEERS, *_OF_LINES),
    ),
    (
        FrameProtocol,
        "frame_received",
        (*_OF_PEERS, "frame_refused"),
        (*_ATTRIBUTES_OF_PEERS, "framing", "max_frame"),
    ),
    (
        DatagramLines,
        "line_received",
        ("lines_received",),
        ("max_answers", "answer_burst", "lowest_port", "encoding", "ending"),
    ),
    (Datagrams, "datagram_received", (), ("max_answers", "answer_burst", "lowest_port")),
)
# Shorter names are too near to other words.
_SHORTEST = 7
_PACKAGES = ("logsrv.", "twisted.", "zope.")


def check_method_names(protocol_class: type[Any]) -> None:
    """Raise ConfigurationError for a method that could not be called, and for a method or attribute that
    would have no effect, with the right name.
    """
    bases = [row for row in _BASES if issubclass(protocol_class, row[0])]
    if not bases:
        return
    base, for_input, methods, attributes = bases[0]
    own = _names_of_author(protocol_class)
    used = {name for one in own.values() if isfunction(one) for name in one.__code__.co_names}
    for name, value in own.items():
        is_method = isfunction(value)
        meant = _KITS.get(name) if is_method else None
        if meant is not None and hasattr(base, name):
            raise _refusal(protocol_class, name, meant or for_input)
        if name == for_input or name in methods:
            _check_callable(protocol_class, name, value)
        if hasattr(base, name):
            continue
        if is_method:
            meant = _meant_method(name, for_input, methods, own)
        elif not callable(value) and not hasattr(value, "__get__"):
            meant = next(
                (one for one in attributes if one not in own and _is_meant(name, one)), None
            )
        if meant is not None and name not in used:
            raise _refusal(protocol_class, name, meant)


def _check_callable(protocol_class: type[Any], name: str, value: object) -> None:
    """Raise ConfigurationError unless the kit can call `value`, the author's for one of our methods."""
    if not callable(value) and not hasattr(value, "__get__"):
        wanted = f"is {value!r:.80}; it has to be a method"
    elif name == "refusal_words" and isfunction(value):
        wanted = "has to be a @classmethod: a refused peer has no object of the class"
    else:
        return
    raise ConfigurationError(f"{protocol_class.__name__}.{name} {wanted}")


def _is_meant(name: str, ours: str) -> bool:
    """Return whether the author means our attribute `ours` by `name`: a limit of Twisted's, or a typo."""
    return _is_typo(name, ours) or (name == "MAX_LENGTH" and ours in ("max_line", "max_frame"))


def _refusal(protocol_class: type[Any], name: str, meant: str) -> ConfigurationError:
    what = "is what the kit itself overrides" if name in _KITS else "would never be used"
    return ConfigurationError(f"{protocol_class.__name__}.{name} {what}; did you mean {meant}?")


def _meant_method(
    name: str, for_input: str, methods: Iterable[str], own: Mapping[str, Any]
) -> str | None:
    """Return our method that the author meant by the method `name`; None if there is none."""
    meant = _OTHERS.get(name)
    if meant is not None:
        meant = meant or for_input
        return meant if meant not in own else None
    if for_input not in own and _distance(_folded(name), _folded(for_input)) <= 2:
        return for_input
    return next((one for one in methods if one not in own and _is_typo(name, one)), None)


def _names_of_author(protocol_class: type[Any]) -> dict[str, Any]:
    """Return the attributes of a class that its author's classes give it."""
    found: dict[str, Any] = {}
    for one in reversed(protocol_class.__mro__):
        if f"{one.__module__}.".startswith(_PACKAGES):
            found = {name: value for name, value in found.items() if name not in vars(one)}
        elif one.__module__ not in sys.stdlib_module_names:
            found |= vars(one)
    return {name: value for name, value in found.items() if not name.startswith("_")}


def _is_typo(name: str, ours: str) -> bool:
    """Return whether `name` is `ours` with other capitals and underscores, and one letter more or less.

    Also with two letters in the wrong order. One letter in place of another often makes another word.
    """
    one, other = _folded(name), _folded(ours)
    return one == other or (len(ours) >= _SHORTEST and _distance(one, other, replacing=2) <= 1)


def _folded(name: str) -> str:
    return name.lower().replace("_", "")


def _distance(one: str, other: str, replacing: int = 1) -> int:
    """Return how many letters to add, remove, swap with the next, or replace to make `other` of `one`.

    replacing: what a replaced letter counts.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row, last = row, [at], before
        for to, wanted in enumerate(other, 1):
            row.append(
                min(row[-1] + 1, before[to] + 1, before[to - 1] + replacing * (letter != wanted))
            )
            swapped = at > 1 and to > 1 and one[at - 2 : at] == wanted + other[to - 2]
            if swapped:
                row[-1] = min(row[-1], last[to - 2] + 1)
    return row[-1]
