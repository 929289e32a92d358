"""Parses endpoint strings, and checks them before anything is opened.

`SCHEME:ARGUMENT:KEY=VALUE…` as Twisted writes them, with a backslash before a colon, an equals sign or a
backslash that belongs to a value. Each check raises ValueError with one sentence.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path

import attrs
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import getPlugins

from logsrv.kit.net.endpoint import (
    ARGUMENTS,
    DIRECTORY_ARGUMENTS,
    FILE_ARGUMENTS,
    START_TLS,
    START_TLS_ARGUMENTS,
    Endpoint,
)
from logsrv.kit.options.kinds import SIZE
from logsrv.kit.text.words import listed, nearest_word, shown

CONNECT_SECONDS = 30.0
"""The seconds after which an attempt to connect to an address of `logsrv.kit.net.remote` fails."""
# Bytes of a path, more are refused: sun_path of Linux less the NUL at its end (unix(7)).
LONGEST_SOCKET_PATH = 107
# Bytes of a receive buffer, more are refused: setsockopt(2) takes an int.
LARGEST_BUFFER = 2**31 - 1


# An optional name with `=`, and a value; a backslash escapes the next character.
_PART = re.compile(r"(?:^|:)(?:((?:\\.|[^:=\\])*)(=))?((?:\\.|[^:\\])*)", re.DOTALL)
# Arguments that an endpoint needs, and the error without each.
NEEDED = {
    "port": "has no port; 0 takes any free one",
    "address": "has no path; write for instance {}:/run/log.sock",
    "domain": "has no domain; known are INET, INET6 or UNIX",
}
# Patterns of whole values, and the error for any other value.
PATTERNS = {
    "mode": ("0?[0-7]{3}", "no file mode; one is for instance 660"),
    "credentials": ("on|off", "neither on nor off"),
    "backlog": ("[1-9][0-9]{0,8}", "no number of connections"),
    "domain": ("INET6?|UNIX", "no domain; known are INET, INET6 or UNIX"),
    "index": ("[0-9]+", "no number; the first socket is 0"),
    "clientcert": ("required|optional", "neither required nor optional"),
}


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
    """Return the same endpoint, with `directory` put before its relative paths: the `locate` of a Kind.

    Raises ValueError with one sentence if a file of a certificate is missing.
    """
    located = endpoint.with_paths_below(directory)
    check_paths(located.scheme, located.arguments)
    return located


def parse_named_endpoint(names: Sequence[str], text: str) -> Endpoint:
    """Return the endpoint of a text `NAME:ENDPOINT`, if `names` contains the name, or of a text ENDPOINT.

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


def _split_arguments(rest: str) -> Iterator[tuple[str | None, str]]:
    """Yield name and value of each part between the colons, unescaped; the name is None without `name=`."""
    if not re.fullmatch(r"(?:\\.|[^\\])*", rest, re.DOTALL):
        raise ValueError("ends in a backslash that escapes nothing")
    for found in _PART.findall(rest):
        name, equals, value = (re.sub(r"\\(.)", r"\1", one, flags=re.DOTALL) for one in found)
        yield name if equals else None, value


def named_arguments(
    scheme: str, rest: str, takes: tuple[str, ...], named: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return the arguments after `scheme:` by their names, in the order of the text.

    takes: names of arguments; the first ones may be given without names, in this order. named: further
    arguments, which need their names. Raises ValueError.
    """
    arguments: dict[str, str] = {}
    for position, (name, value) in enumerate(_split_arguments(rest)):
        if name is None:
            if not value and not takes:
                continue
            if not takes:
                raise ValueError(f"{scheme}: takes no argument")
            if position >= len(takes) or (position and not value):
                raise ValueError(
                    f"too many colons; {scheme}: takes {', '.join(takes)}, and a colon inside of one "
                    "is written \\:, as in interface=\\:\\:1"
                )
            name = takes[position]
        if name not in takes and name not in named:
            meant = nearest_word(name, [*takes, *named])
            accepted = f"did you mean {meant}?" if meant else f"it takes {listed(list(takes))}"
            raise ValueError(f"{scheme}: has no argument {shown(name)}; {accepted}")
        if name in arguments:
            raise ValueError(f"{scheme}: has {name} twice")
        arguments[name] = value
    return arguments


def check_and_complete_arguments(scheme: str, arguments: dict[str, str]) -> None:
    """Check the arguments of an endpoint, replace the names of ports by their numbers, and add the key of
    `ssl:`.
    """
    for name, lacking in NEEDED.items():
        # `tls:` needs no port: Twisted has a default.
        if name in ARGUMENTS[scheme] and not arguments.get(name) and scheme != "tls":
            raise ValueError(f"{scheme}: {lacking.format(scheme)}")
    for name, check in CHECKS.items():
        if name in arguments:
            arguments[name] = check(scheme, arguments[name])
    for name, (pattern, wrong) in PATTERNS.items():
        if name in arguments and not re.fullmatch(pattern, arguments[name]):
            raise ValueError(f"{name}={shown(arguments[name])} is {wrong}")
    if scheme == "systemd" and ("index" in arguments) == ("name" in arguments):
        raise ValueError("systemd: takes either index= or name=, as in systemd:domain=INET:index=0")
    _check_certificate_arguments(scheme, arguments)


def parse_port(text: str, transport: str) -> int:
    """Return the number of a port, for a text that is the number or the name of a service. transport: tcp
    or udp.

    Raises ValueError.
    """
    if re.fullmatch("[0-9]{1,9}", text):
        if int(text) > 65535:
            raise ValueError(f"port {text} is too large; ports go from 0 (any free one) to 65535")
        return int(text)
    try:
        return socket.getservbyname(text, transport)
    except (OSError, ValueError):
        raise ValueError(
            f"{shown(text)} is no port and no {transport} service known here; give its number"
        ) from None


def _checked_port(scheme: str, text: str) -> str:
    return str(parse_port(text, "udp" if scheme == "udp" else "tcp"))


def _checked_socket_path(scheme: str, path: str) -> str:
    try:
        length = len(os.fsencode(path))
    except UnicodeEncodeError:
        raise ValueError(f"{scheme}: {shown(path)} is no path") from None
    if length > LONGEST_SOCKET_PATH:
        raise ValueError(
            f"the path {shown(path)} is too long for a socket; "
            f"the longest has {LONGEST_SOCKET_PATH} bytes"
        )
    if "\0" in path[1:]:
        raise ValueError(f"the path {shown(path)} has a NUL in it")
    return path


def _checked_interface(scheme: str, interface: str) -> str:
    # Twisted looks up a host name when it binds; we bind datagram sockets ourselves, without a look-up.
    if not interface or (
        scheme in ("tcp", "ssl") and re.fullmatch("[A-Za-z][A-Za-z0-9.-]*", interface)
    ):
        return interface
    try:
        version = ip_address(interface).version
    except ValueError:
        raise ValueError(
            f"interface={shown(interface)} is no address; one is for instance 127.0.0.1 or \\:\\:1"
        ) from None
    if scheme == "tcp6" and version == 4:
        raise ValueError(f"interface={interface} is an IPv4 address; tcp6: takes IPv6, tcp: both")
    return interface


def _checked_receive_buffer(_: str, text: str) -> str:
    try:
        size = SIZE.parse(text)
    except ValueError as error:
        raise ValueError(f"rcvbuf={shown(text)} is {error}") from None
    if size > LARGEST_BUFFER:
        raise ValueError(f"rcvbuf={shown(text)} is too large; a receive buffer has less than 2GiB")
    return text


def _check_certificate_arguments(scheme: str, arguments: dict[str, str]) -> None:
    if scheme == "ssl":
        arguments.setdefault("privateKey", "server.pem")
    elif scheme in START_TLS and "privateKey" not in arguments:
        for name in START_TLS_ARGUMENTS:
            if name in arguments:
                raise ValueError(
                    f"{scheme}: has {name} without a key; add privateKey=FILE, or take ssl: for TLS "
                    "from the beginning"
                )
    if "clientcert" in arguments and not {"caCertsDir", "clientca"} & set(arguments):
        raise ValueError(
            f"clientcert={arguments['clientcert']} needs to know whom to trust: clientca=FILE, a file "
            "of certificates of authorities, or caCertsDir=DIRECTORY"
        )


def check_paths(scheme: str, arguments: Iterable[tuple[str, str]]) -> None:
    """Raise ValueError if a file of a certificate is missing, or if a path is impossible for a socket.

    arguments: pairs of name and value, with absolute paths.
    """
    for name, value in arguments:
        if name == "address":
            _checked_socket_path(scheme, value)
        elif name in FILE_ARGUMENTS and not os.path.exists(value):
            what = "directory" if name in DIRECTORY_ARGUMENTS else f"file ({name})"
            raise ValueError(f"{scheme}: there is no {what} {shown(value)}")


def check_tls_arguments(rest: str) -> None:
    """Raise ValueError if the arguments of `tls:` do not begin with a directory, or name a key file.

    `tls:` takes a directory of certificates; `ssl:` takes a port, privateKey= and certKey=.
    """
    first = rest.partition(":")[0]
    if not first or "Key=" in rest or (first.isdigit() and not os.path.exists(first)):
        raise ValueError(
            "tls: takes a directory of certificates, tls:DIRECTORY:PORT; with one certificate it is "
            f"ssl:{first if first.isdigit() else 6514}:privateKey=FILE:certKey=FILE"
        )


# Checks of a scheme and a value; each returns the value to use.
CHECKS: dict[str, Callable[[str, str], str]] = {
    "port": _checked_port,
    "address": _checked_socket_path,
    "rcvbuf": _checked_receive_buffer,
    "interface": _checked_interface,
}
