"""Checks of an author's protocol class: its methods are called, its attributes have the right types.

Refused is a class with a method that is never called, or could not be: one of Twisted's, or ours misspelt;
or ours, and not a method, or not one of the class. A misspelt name looks like one of ours, while ours is
not overridden and no method of the class uses the name. A method that the class calls is a helper, whatever
its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import getattr_static, isfunction
from typing import Any

from logsrv.errors import ConfigurationError
from logsrv.kit._protocol_plugin.service_settings import DEFAULTS, frame_protocol
from logsrv.kit.protocols._datagrams import DatagramLines, Datagrams
from logsrv.kit.protocols._line_protocol import LineProtocol, RequestProtocol
from logsrv.kit.protocols._protocol import PeerProtocol
from logsrv.kit.text.misspelt import edit_distance, folded, is_typo, names_of_author, names_used

HTTP_CHANNEL = "twisted.web.http.HTTPChannel"

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
# The method for input of each base but FrameProtocol; a base stands before its own bases.
_INPUTS: tuple[tuple[type[Any], str], ...] = (
    (RequestProtocol, "request_received"),
    (LineProtocol, "line_received"),
    (DatagramLines, "line_received"),
    (Datagrams, "datagram_received"),
)
# The other methods that an author overrides, and the attributes that an author sets, with the types that
# these may have. A class has those of its base.
_METHODS = (
    "connection_made",
    "connection_lost",
    "refusal_words",
    "idle_words",
    "line_too_long",
    "line_not_text",
    "frame_refused",
    "lines_received",
)
_OF_CONNECTIONS = ("idle_timeout",)
_ATTRIBUTES: dict[str, tuple[type, ...]] = {
    "max_line": (int, type(None)),
    "max_frame": (int, type(None)),
    "framing": (object,),
    "delimiter": (bytes,),
    "encoding": (str,),
    "errors": (str,),
    "ending": (str,),
    "telnet": (bool,),
    "unfinished_line": (bool,),
    "half_close": (bool,),
    "error_answer": (object,),
    "max_unsent": (int,),
    "patience": (int, float),
    "max_answers": (int, float, type(None)),
    "answer_burst": (int,),
    "lowest_port": (int,),
    **dict.fromkeys(_OF_CONNECTIONS, (object,)),
}
# A peer in memory has none, so that a test gives the class one.
_SET_BY_TESTS = ("certificate",)


def check_protocol_class(served: type[Any]) -> None:
    """Raise ConfigurationError for a protocol class that would fail with its first peer."""
    name = served.__name__
    if any(f"{one.__module__}.{one.__name__}" == HTTP_CHANNEL for one in served.__mro__):
        raise ConfigurationError(
            f"{name} needs the factory of twisted.web: give a Resource class instead"
        )
    inputs = [*_INPUTS]
    if (framed := frame_protocol()) is not None:
        inputs.append((framed, "frame_received"))
    base, for_input = next((row for row in inputs if issubclass(served, row[0])), (None, ""))
    if base is None:
        return
    _check_names(served, base, for_input)
    _check_attributes(served)
    if not (issubclass(served, PeerProtocol) and hasattr(served, "framing")):
        return
    if framed is not None and issubclass(served, framed) and served.tell_errors:
        raise ConfigurationError(
            f"{name}.tell_errors is True, and a sentence is no frame: catch PeerError, and send a frame"
        )
    framing = served.framing
    makes = (
        not isinstance(framing, type) and hasattr(framing, "framer") and hasattr(framing, "pack")
    )
    if not makes and not hasattr(framing, "__get__"):
        raise ConfigurationError(
            f"{name}.framing is {framing!r:.80}; it has to be an object with framer and pack, such as "
            "Netstring(), or a class of your own with receive(data)"
        )


def _check_attributes(protocol_class: type[Any]) -> None:
    """Raise ConfigurationError for a wrong type of an attribute of the kit's, or a limit below 1."""
    name = protocol_class.__name__
    for attribute, kinds in _ATTRIBUTES.items():
        owners = [one for one in protocol_class.__mro__ if attribute in vars(one)]
        # Without a class of the kit among them, the name is the author's, for anything.
        if not any(one.__module__.startswith("logsrv.kit.protocols.") for one in owners):
            continue
        value = vars(owners[0])[attribute]
        if attribute in _OF_CONNECTIONS and not hasattr(value, "__get__"):
            raise ConfigurationError(
                f"{name}.{attribute} is of each connection: set self.{attribute} in connection_made"
            )
        # A property has another value for each connection.
        if not isinstance(value, kinds) and not hasattr(value, "__get__"):
            *others, last = ["None" if one is type(None) else one.__name__ for one in kinds]
            wanted = f"{', '.join(others)} or {last}" if others else last
            raise ConfigurationError(f"{name}.{attribute} is {value!r:.80}; it has to be {wanted}")
        if attribute in DEFAULTS and type(value) is int and value < 1:
            raise ConfigurationError(f"{name}.{attribute} is {value}; it has to be 1 or more")


def _check_names(protocol_class: type[Any], base: type[Any], for_input: str) -> None:
    """Raise ConfigurationError for a method that could not be called, and for a method or attribute that
    would have no effect, with the right name.

    base: the class of the kit's that it extends.
    """
    methods = [one for one in _METHODS if hasattr(base, one)]
    attributes = [one for one in _ATTRIBUTES if hasattr(base, one)]
    own = names_of_author(protocol_class)
    used = {name for one in own.values() for name in names_used(one)}
    for name, value in own.items():
        is_method = isfunction(value)
        meant = _KITS.get(name) if is_method else None
        if meant is not None and hasattr(base, name):
            raise _refusal(protocol_class, name, meant or for_input)
        if name == for_input or name in methods:
            _check_callable(protocol_class, name, value)
        if hasattr(base, name):
            _check_not_hidden(protocol_class, base, name, value)
            continue
        if is_method:
            meant = _meant_method(name, for_input, methods, own)
        elif not callable(value) and not hasattr(value, "__get__"):
            meant = next(
                (one for one in attributes if one not in own and _is_meant(name, one)), None
            )
        if meant is not None and name not in used:
            raise _refusal(protocol_class, name, meant)


def _check_not_hidden(protocol_class: type[Any], base: type[Any], name: str, value: object) -> None:
    """Raise ConfigurationError if a plain value stands for a method or a property of the kit's.

    Code of the author's that overrides one is let through, and so is what a test sets instead.
    """
    kits = getattr_static(base, name)
    is_code = callable(value) or hasattr(value, "__get__")
    is_kits = isfunction(kits) or isinstance(kits, property)
    if is_kits and not is_code and name not in (*_ATTRIBUTES, *_SET_BY_TESTS):
        raise ConfigurationError(
            f"{protocol_class.__name__}.{name} is {value!r:.80}, and would hide {name} of the kit; give it"
            " another name"
        )


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
    return is_typo(name, ours) or (name == "MAX_LENGTH" and ours in ("max_line", "max_frame"))


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
    if for_input not in own and edit_distance(folded(name), folded(for_input)) <= 2:
        return for_input
    return next((one for one in methods if one not in own and is_typo(name, one)), None)
