"""Endpoint strings: where to listen, read and checked before anything is opened.

`SCHEME:ARGUMENT:KEY=VALUE…` as Twisted writes them, a backslash before a colon, an equals sign or a
backslash that belongs to a value. We add `udp:PORT`, `unixgram:PATH` and `stdin:`, names of services
for ports, and defaults that suit bursts of connections (backlog) and shared machines (mode).
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import attrs

from logsrv.kit.options.kinds import SIZE
from logsrv.kit.text.words import listed, nearest, shown

# The arguments in the order in which they may be given without their names.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "tcp": ("port", "interface", "backlog"),
    "tcp6": ("port", "backlog", "interface"),
    "unix": ("address", "mode", "backlog", "lockfile"),
    "ssl": (
        "port",
        "privateKey",
        "certKey",
        "sslmethod",
        "interface",
        "backlog",
        "extraCertChain",
        "dhParameters",
        "caCertsDir",
        "clientca",
        "clientcert",
    ),
    "tls": ("path", "port", "backlog", "interface"),
    "systemd": ("domain", "index", "name"),
    "stdio": (),
    "udp": ("port", "interface", "rcvbuf"),
    "unixgram": ("address", "mode", "rcvbuf"),
    "stdin": (),
}
# Of a listener whose protocol begins TLS itself (STARTTLS); given by name only.
START_TLS_ARGUMENTS = (
    "privateKey", "certKey", "extraCertChain", "dhParameters", "caCertsDir", "clientca", "clientcert",
)  # fmt: skip
START_TLS = ("tcp", "tcp6", "unix", "systemd")
NOT_STREAMS = {"udp": "datagram", "unixgram": "datagram", "stdin": "stdin"}
# What is at or under these names must exist.
DIRECTORY_ARGUMENTS = ("path", "caCertsDir")
FILE_ARGUMENTS = (
    "privateKey", "certKey", "extraCertChain", "dhParameters", "clientca", *DIRECTORY_ARGUMENTS
)  # fmt: skip
# Of `ssl:`, who has to show a certificate to us: Twisted's servers know nothing of the kind.
CLIENT_ARGUMENTS = ("caCertsDir", "clientca", "clientcert")
CLIENT_CERTIFICATES = ("required", "optional")

EVERYWHERE = ("0.0.0.0", "::")

# Twisted's 50 is less than what one restarted fleet connects with at once.
BACKLOG = "1024"
# Who may write to our log is the operator's choice, not everybody's.
MODE = "660"
# sun_path of Linux less the NUL at its end (unix(7)).
LONGEST_SOCKET_PATH = 107
# setsockopt(2) takes an int.
LARGEST_BUFFER = 2**31 - 1


@attrs.frozen
class Endpoint:
    """A place to listen at; `str()` gives its text back.

    arguments: by name, positional ones too, with service names already turned into port numbers;
        for endpoint types of other packages empty, their text is theirs.
    inner: what `haproxy:` stands in front of.
    """

    text: str
    scheme: str
    arguments: tuple[tuple[str, str], ...] = ()
    inner: Endpoint | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def kind(self) -> str:
        """`stream`, `datagram` or `stdin`."""
        return NOT_STREAMS.get(self.scheme, "stream")

    def argument(self, name: str) -> str | None:
        """Return the value of an argument, or None when it was not given."""
        return dict(self.arguments).get(name)

    @property
    def port(self) -> int | None:
        """The port as asked for; 0 is any free one; None for what has no port."""
        if self.inner is not None:
            return self.inner.port
        port = self.argument("port")
        return None if port is None else int(port)

    @property
    def path(self) -> str | None:
        """The path of a UNIX socket, else None."""
        return self.inner.path if self.inner is not None else self.argument("address")

    @property
    def interface(self) -> str:
        """The address to bind, as asked for or everywhere; of no meaning for what has no port."""
        return self.argument("interface") or ("::" if self.scheme == "tcp6" else "0.0.0.0")

    def overlaps(self, other: Endpoint) -> bool:
        """Return true if the two cannot be bound at the same time, as far as their text tells."""
        mine, theirs = self.inner or self, other.inner or other
        if mine.scheme == theirs.scheme == "systemd":
            named = ("index", "name")
            return any(mine.argument(one) == theirs.argument(one) is not None for one in named)
        if mine.path and theirs.path:
            return os.path.normpath(mine.path) == os.path.normpath(theirs.path)
        if not mine.port or (mine.port, mine._family) != (theirs.port, theirs._family):
            return False
        interfaces = {mine.interface, theirs.interface}
        return len(interfaces) == 1 or bool(interfaces & set(EVERYWHERE))

    @property
    def has_certificate(self) -> bool:
        """Return true if it has a certificate of its own: TLS from the beginning, or begun later."""
        tls = self.inner or self
        return tls.scheme == "ssl" or tls.argument("privateKey") is not None

    @property
    def begins_plain(self) -> bool:
        """Return true if connections are in plain text at least until TLS is begun on them."""
        return (self.inner or self).scheme != "ssl"

    @property
    def asks_for_certificates(self) -> bool:
        """Return true if clients are asked for certificates, be they `required` or `optional`."""
        tls = self.inner or self
        return any(tls.argument(name) is not None for name in ("caCertsDir", "clientca"))

    @property
    def _family(self) -> tuple[bool, bool]:
        return self.scheme == "udp", self.scheme == "tcp6" or ":" in self.interface

    @property
    def twisted(self) -> str:
        """The text for `twisted.internet.endpoints.serverFromString`, with our defaults in it.

        `haproxy:` is not in it: `proxied_connection` reads the header.
        """
        if self.inner is not None:
            return self.inner.twisted
        takes = ARGUMENTS.get(self.scheme)
        if takes is None:
            return self.text
        arguments = dict(self.arguments)
        if "backlog" in takes:
            arguments.setdefault("backlog", BACKLOG)
        if self.scheme == "unix":
            arguments.setdefault("mode", MODE)
            # A stale socket is found by connecting to it; a lock file would be one more to go stale.
            arguments.setdefault("lockfile", "0")
        for name in CLIENT_ARGUMENTS if self.scheme == "ssl" else START_TLS_ARGUMENTS:
            arguments.pop(name, None)
        return endpoint_text(self.scheme, arguments)

    @property
    def twisted_tls(self) -> str:
        """The text of an `ssl:` endpoint with the same certificate."""
        tls = self.inner or self
        if tls.scheme == "ssl":
            return tls.twisted
        files = {
            name: value
            for name, value in tls.arguments
            if name in START_TLS_ARGUMENTS and name not in CLIENT_ARGUMENTS
        }
        return endpoint_text("ssl", {"port": "0", **files})

    def located(self, directory: Path) -> Endpoint:
        """Return the same endpoint, its relative paths taken from `directory`."""
        if self.inner is not None:
            inner = self.inner.located(directory)
            return attrs.evolve(self, text=f"{self.scheme}:{inner}", inner=inner)
        arguments = {
            name: str(directory / value)
            if name in ("address", *FILE_ARGUMENTS) and not value.startswith("\0")
            else value
            for name, value in self.arguments
        }
        if tuple(arguments.items()) == self.arguments:
            return self
        return attrs.evolve(
            self, text=endpoint_text(self.scheme, arguments), arguments=tuple(arguments.items())
        )


def endpoint_text(scheme: str, arguments: dict[str, str]) -> str:
    """Return the text of an endpoint, its first argument without a name, as people write it."""
    first = ARGUMENTS[scheme][0] if ARGUMENTS[scheme] else None
    parts = [
        _escaped(value) if name == first and position == 0 else f"{name}={_escaped(value)}"
        for position, (name, value) in enumerate(arguments.items())
    ]
    return ":".join([scheme, *parts])


def _escaped(value: str) -> str:
    return re.sub(r"([\\:=])", r"\\\1", value)


def parse_endpoint(text: str) -> Endpoint:
    """Read an endpoint string.

    Looks at the names of services, and at whether certificate files exist; opens nothing.
    Raises ValueError with one sentence.
    """
    if not text:
        raise ValueError("empty; an endpoint is for instance tcp:1234, udp:514 or unix:/run/log")
    scheme, colon, rest = text.partition(":")
    known = sorted([*ARGUMENTS, "haproxy"])
    if scheme == "haproxy":
        inner = parse_endpoint(rest)
        if inner.kind != "stream" or inner.scheme == "haproxy":
            raise ValueError(f"haproxy: stands before a stream such as tcp:1234, not {shown(rest)}")
        return Endpoint(text, scheme, inner=inner)
    if scheme not in ARGUMENTS:
        if scheme.lower() not in (plugged := _plugged_in()):
            if not colon and (scheme.isdigit() or scheme.startswith(("/", "."))):
                meant: str | None = f"unix:{text}" if not scheme.isdigit() else f"tcp:{text}"
            else:
                meant = nearest(scheme, [*known, *plugged])
            hint = f"did you mean {shown(meant)}? " if meant else ""
            raise ValueError(
                f"{shown(scheme)} is no endpoint type; {hint}known are {listed([*known, *plugged])}"
            )
        return Endpoint(text, scheme)
    if not colon:
        example = "1234" if "port" in ARGUMENTS[scheme] else "/run/log.sock"
        raise ValueError(
            f"no colon after {scheme}; write {scheme}:{example if ARGUMENTS[scheme] else ''}"
        )
    if scheme == "tls":
        _check_directory(rest)
    named = START_TLS_ARGUMENTS if scheme in START_TLS else ()
    arguments = named_arguments(scheme, rest, ARGUMENTS[scheme], named)
    _check(scheme, arguments)
    return Endpoint(text, scheme, tuple(arguments.items()))


def _plugged_in() -> list[str]:
    """Return the endpoint types that other packages add to Twisted."""
    from twisted.internet.interfaces import IStreamServerEndpointStringParser
    from twisted.plugin import getPlugins

    found = {plugin.prefix.lower() for plugin in getPlugins(IStreamServerEndpointStringParser)}
    return sorted(found - set(ARGUMENTS) - {"haproxy"})


def _parts(rest: str) -> Iterator[tuple[str | None, str]]:
    """Yield each `value` or `name=value` between the colons, its backslashes removed."""
    name, value = None, ""
    characters = iter(rest)
    for character in characters:
        if character == "\\":
            escaped = next(characters, None)
            if escaped is None:
                raise ValueError("ends in a backslash that escapes nothing")
            value += escaped
        elif character == ":":
            yield name, value
            name, value = None, ""
        elif character == "=" and name is None:
            name, value = value, ""
        else:
            value += character
    yield name, value


def named_arguments(
    scheme: str, rest: str, takes: tuple[str, ...], named: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return the arguments behind `scheme:` by name, in the order in which they are given.

    takes: their names; the first ones may come without, in this order. named: more of them, which may
    not. Raises ValueError.
    """
    arguments: dict[str, str] = {}
    for position, (name, value) in enumerate(_parts(rest)):
        if name is None:
            if position and not value:
                raise ValueError(_stray_colon(scheme, takes))
            if not value and not takes:
                continue
            if position >= len(takes):
                raise ValueError(
                    _stray_colon(scheme, takes) if takes else f"{scheme}: takes no argument"
                )
            name = takes[position]
        if name not in takes and name not in named:
            meant = nearest(name, [*takes, *named])
            accepted = f"did you mean {meant}?" if meant else f"it takes {listed(list(takes))}"
            raise ValueError(f"{scheme}: has no argument {shown(name)}; {accepted}")
        if name in arguments:
            raise ValueError(f"{scheme}: has {name} twice")
        arguments[name] = value
    return arguments


def _stray_colon(scheme: str, takes: tuple[str, ...]) -> str:
    return (
        f"too many colons; {scheme}: takes {', '.join(takes)}, and a colon inside of one is "
        "written \\:, as in interface=\\:\\:1"
    )


def _check(scheme: str, arguments: dict[str, str]) -> None:
    transport = "udp" if scheme == "udp" else "tcp"
    if "port" in ARGUMENTS[scheme] and scheme != "tls" and not arguments.get("port"):
        raise ValueError(f"{scheme}: has no port; 0 takes any free one")
    if "port" in arguments:
        arguments["port"] = str(port_number(arguments["port"], transport))
    if "address" in ARGUMENTS[scheme]:
        _check_socket_path(scheme, arguments.get("address", ""))
    if not re.fullmatch("0?[0-7]{3}", arguments.get("mode", MODE)):
        raise ValueError(
            f"mode={shown(arguments['mode'])} is no file mode; one is for instance 660"
        )
    if not re.fullmatch("[1-9][0-9]{0,8}", arguments.get("backlog", BACKLOG)):
        raise ValueError(f"backlog={shown(arguments['backlog'])} is no number of connections")
    if "rcvbuf" in arguments:
        try:
            size = SIZE.parse(arguments["rcvbuf"])
        except ValueError as error:
            raise ValueError(f"rcvbuf={shown(arguments['rcvbuf'])} is {error}") from None
        if size > LARGEST_BUFFER:
            raise ValueError(
                f"rcvbuf={shown(arguments['rcvbuf'])} is too large; a receive buffer has less than 2GiB"
            )
    if arguments.get("interface"):
        _check_interface(scheme, arguments["interface"])
    if scheme == "systemd":
        _check_systemd(arguments)
    if scheme == "ssl":
        arguments.setdefault("privateKey", "server.pem")
    elif scheme in START_TLS and "privateKey" not in arguments:
        for name in START_TLS_ARGUMENTS:
            if name in arguments:
                raise ValueError(
                    f"{scheme}: has {name} without a key; add privateKey=FILE, or take ssl: for TLS "
                    "from the beginning"
                )
    _check_clients(arguments)
    for name in FILE_ARGUMENTS:
        if name in arguments and not os.path.exists(arguments[name]):
            what = "directory" if name in DIRECTORY_ARGUMENTS else f"file ({name})"
            raise ValueError(f"{scheme}: there is no {what} {shown(arguments[name])}")


def port_number(text: str, transport: str) -> int:
    """Return the number of a port, given so or as a service's name. `transport` is tcp or udp.

    Raises ValueError.
    """
    if re.fullmatch("[0-9]{1,9}", text):
        if int(text) > 65535:
            raise ValueError(f"port {text} is too large; ports go from 0 (any free one) to 65535")
        return int(text)
    try:
        return socket.getservbyname(text, transport)
    except (OSError, ValueError):
        pass
    other = "udp" if transport == "tcp" else "tcp"
    try:
        number = socket.getservbyname(text, other)
        hint = f"for {other} it is {number}"
    except (OSError, ValueError):
        meant = nearest(text, _service_names(transport))
        hint = f"did you mean {meant}?" if meant else "give its number"
    raise ValueError(f"{shown(text)} is no port and no {transport} service known here; {hint}")


def _service_names(transport: str) -> list[str]:
    try:
        lines = Path("/etc/services").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line.split()[0] for line in lines if re.match(rf"[^#\s]+\s+\d+/{transport}\b", line)]


def _check_interface(scheme: str, interface: str) -> None:
    try:
        version = ip_address(interface).version
    except ValueError:
        # Twisted looks a host name up when it binds; a datagram socket is bound by us, without.
        if scheme in ("tcp", "ssl") and re.fullmatch("[A-Za-z][A-Za-z0-9.-]*", interface):
            return
        raise ValueError(
            f"interface={shown(interface)} is no address; one is for instance 127.0.0.1 or \\:\\:1"
        ) from None
    if scheme == "tcp6" and version == 4:
        raise ValueError(f"interface={interface} is an IPv4 address; tcp6: takes IPv6, tcp: both")


def _check_socket_path(scheme: str, path: str) -> None:
    if not path:
        raise ValueError(f"{scheme}: has no path; write for instance {scheme}:/run/log.sock")
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


def _check_clients(arguments: dict[str, str]) -> None:
    wanted = arguments.get("clientcert")
    if wanted is None:
        return
    if wanted not in CLIENT_CERTIFICATES:
        raise ValueError(
            f"clientcert={shown(wanted)} is neither {' nor '.join(CLIENT_CERTIFICATES)}"
        )
    if not {"caCertsDir", "clientca"} & set(arguments):
        raise ValueError(
            f"clientcert={wanted} needs to know whom to trust: clientca=FILE, a file of certificates "
            "of authorities, or caCertsDir=DIRECTORY"
        )


def _check_directory(rest: str) -> None:
    """Raise ValueError for `tls:` with a port or a key where it has its directory: `ssl:` takes these."""
    first = rest.partition(":")[0]
    if not first or "Key=" in rest or (first.isdigit() and not os.path.exists(first)):
        raise ValueError(
            "tls: takes a directory of certificates, tls:DIRECTORY:PORT; with one certificate it is "
            f"ssl:{first if first.isdigit() else 6514}:privateKey=FILE:certKey=FILE"
        )


def _check_systemd(arguments: dict[str, str]) -> None:
    if arguments.get("domain") not in ("INET", "INET6", "UNIX"):
        raise ValueError(
            f"systemd: has domain {shown(arguments.get('domain', ''))}; known are INET, INET6 or UNIX"
        )
    if ("index" in arguments) == ("name" in arguments):
        raise ValueError("systemd: takes either index= or name=, as in systemd:domain=INET:index=0")
    if not arguments.get("index", "0").isdigit():
        raise ValueError(f"index={shown(arguments['index'])} is no number; the first socket is 0")
