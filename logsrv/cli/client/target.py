"""Targets of a connection: the typed text, parsed and checked. Nothing is opened here."""

from __future__ import annotations

import re

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.net.checks import LONGEST_SOCKET_PATH, parse_port
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import nearest_word, shown

INET = ("tcp", "tls", "udp")
UNIX = ("unix", "unixgram")
DATAGRAM = ("udp", "unixgram")
NOT_INET = "is no HOST:PORT; an IPv6 address stands in brackets: [::1]:1234"
ACCEPTED = "HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT, udp:HOST:PORT, unix:PATH or unixgram:PATH"


@attrs.frozen
class Target:
    """The address of the peer. `str()` is its name in messages.

    scheme: one of INET and UNIX, or `twisted` for a client endpoint string of Twisted.
    host, port: for INET. path: for UNIX. text: as typed.
    """

    text: str
    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.scheme in INET:
            host = f"[{self.host}]" if ":" in self.host else self.host
            return f"{host}:{self.port}"
        return one_line(self.path or self.text)

    @property
    def is_datagram(self) -> bool:
        return self.scheme in DATAGRAM


def parse_target(text: str) -> Target:
    """Parse the address of the peer; see ACCEPTED.

    An IPv6 address is in brackets, or has its colons escaped as in Twisted; a port may be a service's name.
    A port alone, as in `tcp:1234`, is on this machine, so that the text of a server's `--listen` works here
    too. Text that contains `NAME=VALUE` is a client endpoint string of Twisted.

    Raises ConfigurationError.
    """
    scheme, colon, rest = text.partition(":")
    if colon and re.match(r"[A-Za-z0-9+.-]+:.*[A-Za-z]=", text):
        return Target(text, "twisted")
    if colon and scheme in UNIX:
        return _unix_target(text, scheme, rest)
    if colon and scheme in INET:
        return _inet_target(text, scheme, rest)
    if text.startswith(("/", "./")):
        raise ConfigurationError(f"{shown(text)} is a path; write unix:{shown(text)}")
    # Any text that can be read as HOST:PORT is TCP.
    if colon and (not re.search(r"[:/]", rest) or re.search(r"\](:|\Z)|\\:", rest)):
        return _inet_target(text, "tcp", text)
    if colon:
        return _twisted_target(text, scheme)
    raise ConfigurationError(f"{shown(text)} has no port; accepted: {ACCEPTED}")


def _plugin_prefixes() -> set[str]:
    """Return the prefixes of client endpoint strings that Twisted's plugins define, in capitals."""
    from twisted.internet.interfaces import IStreamClientEndpointStringParserWithReactor
    from twisted.plugin import getPlugins

    found = getPlugins(IStreamClientEndpointStringParserWithReactor)
    return {plugin.prefix.upper() for plugin in found}


def _twisted_target(text: str, scheme: str) -> Target:
    if scheme.upper() in _plugin_prefixes() | {"SSL"}:
        return Target(text, "twisted")
    if re.fullmatch(r"[0-9A-Fa-f:.]+", text):
        raise ConfigurationError(f"{shown(text)} {NOT_INET}")
    near = nearest_word(scheme, [*INET, *UNIX])
    meant = f", did you mean {near}:…?" if near else ""
    raise ConfigurationError(f"{shown(text)} is no endpoint{meant}; accepted: {ACCEPTED}")


def _unix_target(text: str, scheme: str, path: str) -> Target:
    if not path or "\0" in path:
        raise ConfigurationError(f"{shown(text)} has no path; write {scheme}:/run/log.sock")
    if len(path.encode("utf-8", "surrogateescape")) > LONGEST_SOCKET_PATH:
        raise ConfigurationError(
            f"the path {shown(path)} is too long for a socket; "
            f"the longest has {LONGEST_SOCKET_PATH} bytes"
        )
    return Target(text, scheme, path=path)


def _inet_target(text: str, scheme: str, rest: str) -> Target:
    match = re.fullmatch(
        r"(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<plain>(?:\\.|[^:\\])*)):(?P<port>[^:]*)", rest
    )
    if match is None and ":" not in rest:
        host, port = "localhost", rest
    elif match is None:
        raise ConfigurationError(f"{shown(text)} {NOT_INET}")
    else:
        host = match["bracketed"] or re.sub(r"\\(.)", r"\1", match["plain"]) or "localhost"
        port = match["port"]
    if not port:
        raise ConfigurationError(f"{shown(text)} has no port; accepted: {ACCEPTED}")
    try:
        number = parse_port(port, "udp" if scheme == "udp" else "tcp")
    except ValueError as error:
        raise ConfigurationError(f"{shown(text)}: {error}") from None
    if number == 0:
        raise ConfigurationError(
            f"{shown(text)}: nobody listens on port 0; ports go from 1 to 65535"
        )
    if re.search(r"[\s\x00-\x20]", host) or len(host) > 255:
        raise ConfigurationError(f"{shown(text)}: {shown(host)} is no name of a host")
    return Target(text, scheme, host=host, port=number)
