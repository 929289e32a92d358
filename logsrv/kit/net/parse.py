"""Parses endpoint strings, and checks them before anything is opened.

`SCHEME:ARGUMENT:KEY=VALUE…` as Twisted writes them, with a backslash before a colon, an equals sign or a
backslash that belongs to a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import getPlugins

from logsrv.kit.net.checks import (
    check_and_complete_arguments,
    check_paths,
    check_tls_arguments,
    named_arguments,
)
from logsrv.kit.net.endpoint import ARGUMENTS, START_TLS, START_TLS_ARGUMENTS, Endpoint
from logsrv.kit.text.words import listed, nearest_word, shown


def parse_endpoint(text: str) -> Endpoint:
    """Return the endpoint that a string describes.

    Looks up the names of services; `located_endpoint` looks for the files. Opens nothing.
    Raises ValueError with one sentence.
    """
    if not text:
        raise ValueError("empty; an endpoint is for instance tcp:1234, udp:514 or unix:/run/log")
    scheme, colon, rest = text.partition(":")
    if scheme == "haproxy":
        inner = parse_endpoint(rest)
        if inner.kind != "stream" or inner.proxied:
            raise ValueError(f"haproxy: stands before a stream such as tcp:1234, not {shown(rest)}")
        return attrs.evolve(inner, text=text, proxied=True)
    if scheme not in ARGUMENTS:
        _check_plugin_scheme(scheme, text)
        return Endpoint(text, scheme)
    if not colon:
        example = "1234" if "port" in ARGUMENTS[scheme] else "/run/log.sock"
        raise ValueError(
            f"no colon after {scheme}; write {scheme}:{example if ARGUMENTS[scheme] else ''}"
        )
    if scheme == "tls":
        check_tls_arguments(rest)
    named = START_TLS_ARGUMENTS if scheme in START_TLS else ()
    arguments = named_arguments(scheme, rest, ARGUMENTS[scheme], named)
    check_and_complete_arguments(scheme, arguments)
    return Endpoint(text, scheme, tuple(arguments.items()))


def located_endpoint(endpoint: Endpoint, directory: Path) -> Endpoint:
    """Return the same endpoint with its relative paths below `directory`: the `locate` of a Kind.

    Raises ValueError with one sentence if a file of a certificate is missing.
    """
    located = endpoint.with_paths_below(directory)
    check_paths(located.scheme, located.arguments)
    return located


def parse_named_endpoint(names: Sequence[str], text: str) -> Endpoint:
    """Return the endpoint of `NAME:ENDPOINT`, where `names` has the name, or of ENDPOINT alone.

    Raises ValueError with one sentence.
    """
    name, _, rest = text.partition(":")
    if name in names:
        return attrs.evolve(parse_endpoint(rest), text=text, name=name)
    try:
        return parse_endpoint(text)
    except ValueError:
        types = {*ARGUMENTS, "haproxy"}
        if name in types or rest.partition(":")[0] not in types:
            raise
    hint = f"did you mean {near}? " if (near := nearest_word(name, names)) else ""
    raise ValueError(f"{shown(name)} is no listener; {hint}known are {listed(names)}")


def _check_plugin_scheme(scheme: str, text: str) -> None:
    """Raise ValueError unless another package adds this endpoint type to Twisted."""
    plugged = {plugin.prefix.lower() for plugin in getPlugins(IStreamServerEndpointStringParser)}
    if scheme.lower() in plugged - {*ARGUMENTS, "haproxy"}:
        return
    known = sorted([*ARGUMENTS, "haproxy"])
    known += sorted(plugged - set(known))
    if text.isdigit():
        meant: str | None = f"tcp:{text}"
    elif text == scheme and text.startswith(("/", ".")):
        meant = f"unix:{text}"
    else:
        meant = nearest_word(scheme, known)
    hint = f"did you mean {shown(meant)}? " if meant else ""
    raise ValueError(f"{shown(scheme)} is no endpoint type; {hint}known are {listed(known)}")
