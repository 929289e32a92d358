"""Endpoints: places to listen at, and what is served there.

They are Twisted's, and besides `udp:PORT`, `unixgram:PATH` and `stdin:`, with defaults that suit bursts
of connections (backlog) and shared machines (mode).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import attrs

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
# For a protocol that begins TLS itself (STARTTLS); given by name only.
START_TLS_ARGUMENTS = (
    "privateKey", "certKey", "extraCertChain", "dhParameters", "caCertsDir", "clientca", "clientcert",
)  # fmt: skip
START_TLS = ("tcp", "tcp6", "unix", "systemd")
NOT_STREAMS = {"udp": "datagram", "unixgram": "datagram", "stdin": "stdin", "fetched": "fetched"}
"""`fetched` is no place here: whoever receives from it goes and gets it; its text is theirs."""
# The files and directories that must exist.
DIRECTORY_ARGUMENTS = ("path", "caCertsDir")
FILE_ARGUMENTS = (
    "privateKey", "certKey", "extraCertChain", "dhParameters", "clientca", *DIRECTORY_ARGUMENTS
)  # fmt: skip
# Those that Twisted's `ssl:` has, too; the others say which clients must show a certificate.
TLS_ARGUMENTS = ("privateKey", "certKey", "sslmethod", "extraCertChain", "dhParameters")

EVERYWHERE = ("0.0.0.0", "::")

NOT_AT_ONCE = (
    "a reload cannot change it there: restart; or take the old one out, reload, put the new one in"
)
"""The advice for a listener that is wanted at another endpoint of the place where it is."""

# Twisted's 50 is less than what one restarted fleet connects with at once.
BACKLOG = "1024"
# A UNIX socket is for its owner and group, unless the operator says otherwise.
MODE = "660"


@attrs.frozen
class Endpoint:
    """A place to listen at; `str()` gives its text back.

    arguments: by name, positional ones too, with service names already turned into port numbers;
        for endpoint types of other packages empty, their text is theirs.
    proxied: whether `haproxy:` stands in front of it in the text: a proxy says first who its client is.
    """

    text: str
    scheme: str
    arguments: tuple[tuple[str, str], ...] = ()
    proxied: bool = False

    def __str__(self) -> str:
        return self.text

    @property
    def kind(self) -> str:
        """`stream`, `datagram`, `stdin` or `fetched`."""
        return NOT_STREAMS.get(self.scheme, "stream")

    def argument(self, name: str) -> str | None:
        """Return the value of an argument, or None when it was not given."""
        return dict(self.arguments).get(name)

    @property
    def port(self) -> int | None:
        """The port as asked for; 0 is any free one; None for what has no port."""
        port = self.argument("port")
        return None if port is None else int(port)

    @property
    def path(self) -> str | None:
        """The path of a UNIX socket, else None."""
        return self.argument("address")

    @property
    def interface(self) -> str:
        """The address to bind, as asked for or everywhere; of no meaning for what has no port."""
        return self.argument("interface") or ("::" if self.scheme == "tcp6" else "0.0.0.0")

    def overlaps(self, other: Endpoint) -> bool:
        """Return true if the two cannot be bound at the same time, as far as their text tells."""
        if not self.spots & other.spots:
            return False
        interfaces = {self.interface, other.interface}
        return self.port is None or len(interfaces) == 1 or bool(interfaces & set(EVERYWHERE))

    @property
    def spots(self) -> frozenset[tuple[object, ...]]:
        """The places it takes, but for the interface: two that overlap have one in common."""
        if self.scheme == "systemd":
            named = (("index", self.argument("index")), ("name", self.argument("name")))
            return frozenset(one for one in named if one[1] is not None)
        if self.path:
            return frozenset({(os.path.normpath(self.path),)})
        return frozenset({(self.port, *self._family)} if self.port else ())

    @property
    def has_certificate(self) -> bool:
        """Return true if it has a certificate of its own: TLS from the beginning, or begun later."""
        return self.scheme == "ssl" or self.argument("privateKey") is not None

    @property
    def begins_plain(self) -> bool:
        """Return true if connections are in plain text at least until TLS is begun on them."""
        return self.scheme != "ssl"

    @property
    def asks_for_certificates(self) -> bool:
        """Return true if clients are asked for certificates, be they `required` or `optional`."""
        return any(self.argument(name) is not None for name in ("caCertsDir", "clientca"))

    @property
    def _family(self) -> tuple[bool, bool]:
        return self.scheme == "udp", self.scheme == "tcp6" or ":" in self.interface

    @property
    def twisted(self) -> str:
        """The text for `twisted.internet.endpoints.serverFromString`, with our defaults in it.

        `haproxy:` and TLS are not in it: `proxied_transport` and `stream_listener` put them in between.
        """
        takes = ARGUMENTS.get(self.scheme)
        if takes is None:
            return self.text.removeprefix("haproxy:")
        arguments = dict(self.arguments)
        if "backlog" in takes:
            arguments.setdefault("backlog", BACKLOG)
        if self.scheme == "unix":
            arguments.setdefault("mode", MODE)
            # A stale socket is found by connecting to it; a lock file would be one more to go stale.
            arguments.setdefault("lockfile", "0")
        for name in (*START_TLS_ARGUMENTS, *TLS_ARGUMENTS):
            arguments.pop(name, None)
        return endpoint_text("tcp" if self.scheme == "ssl" else self.scheme, arguments)

    @property
    def twisted_tls(self) -> str:
        """The text of an endpoint of Twisted's that has the same certificate."""
        files = {name: value for name, value in self.arguments if name in TLS_ARGUMENTS}
        return endpoint_text("ssl", {"port": "0", **files})

    def located(self, directory: Path) -> Endpoint:
        """Return the same endpoint, its relative paths taken from `directory`."""
        arguments = {
            name: str(directory / value)
            if name in ("address", *FILE_ARGUMENTS) and not value.startswith("\0")
            else value
            for name, value in self.arguments
        }
        if tuple(arguments.items()) == self.arguments:
            return self
        text = ("haproxy:" if self.proxied else "") + endpoint_text(self.scheme, arguments)
        return attrs.evolve(self, text=text, arguments=tuple(arguments.items()))


class TakenPlaces:
    """Endpoints by the places they take: one that is in the way is found without comparing it with all."""

    def __init__(self, endpoints: Iterable[Endpoint] = ()) -> None:
        self._at: dict[tuple[object, ...], list[Endpoint]] = {}
        for one in endpoints:
            self.take(one)

    def take(self, endpoint: Endpoint) -> None:
        """Have one more."""
        for spot in endpoint.spots:
            self._at.setdefault(spot, []).append(endpoint)

    def in_the_way_of(self, endpoint: Endpoint) -> Endpoint | None:
        """Return one that overlaps; None if there is none."""
        near = (other for spot in endpoint.spots for other in self._at.get(spot, ()))
        return next((other for other in near if endpoint.overlaps(other)), None)


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
