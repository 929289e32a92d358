"""Endpoints: the addresses where a service listens, and how the log names them.

They are Twisted's endpoints, and `udp:PORT`, `unixgram:PATH` and `stdin:`, with defaults for bursts of
connections (backlog) and shared machines (mode).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import attrs
from twisted.logger import Logger

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
    "unixgram": ("address", "mode", "rcvbuf", "credentials"),
    "stdin": (),
}
"""The arguments of each scheme; an endpoint may give them without their names, but only in this order."""
# Arguments for a protocol that begins TLS itself (STARTTLS); they need their names.
START_TLS_ARGUMENTS = (
    "privateKey", "certKey", "extraCertChain", "dhParameters", "caCertsDir", "clientca", "clientcert",
)  # fmt: skip
START_TLS = ("tcp", "tcp6", "unix", "systemd")
NOT_STREAMS = {"udp": "datagram", "unixgram": "datagram", "stdin": "stdin", "fetched": "fetched"}
"""The kind of listener for each scheme that does not take connections. `fetched` is no address: its
receiver parses the text.
"""
# Arguments that name directories and files, which must exist.
DIRECTORY_ARGUMENTS = ("path", "caCertsDir")
FILE_ARGUMENTS = (
    "privateKey", "certKey", "extraCertChain", "dhParameters", "clientca", *DIRECTORY_ARGUMENTS
)  # fmt: skip
# Arguments that Twisted's `ssl:` has, too; the others say which clients must show a certificate.
TLS_ARGUMENTS = ("privateKey", "certKey", "sslmethod", "extraCertChain", "dhParameters")
_NOT_IN_LABELS = {*START_TLS_ARGUMENTS, *TLS_ARGUMENTS, *DIRECTORY_ARGUMENTS}

EVERYWHERE = ("0.0.0.0", "::")

NOT_AT_ONCE = (
    "a reload cannot change it: restart; or remove the old one, reload, add the new one, reload"
)
"""The advice if a reload gives a listener a new endpoint that overlaps with its present endpoint."""

# More than Twisted's 50: a restarted fleet opens more connections at once.
BACKLOG = "1024"
# A UNIX socket is for its owner and group, unless the operator says otherwise.
MODE = "660"
log = Logger()
LISTENING = "listening on {place}"
WEB = ("tcp", "tcp6", "ssl")


@attrs.frozen
class Endpoint:
    """An address to listen at; `str()` returns its text.

    arguments: pairs of name and value, also for arguments that the text gives without a name; the name of
        a service as port is replaced by its number. Empty for endpoint types of other packages, which
        parse the text themselves.
    proxied: true after `haproxy:`; then a proxy sends a header about its client first.
    name: the name of the plugin's listener, with which the text begins; "" if there is none.
    """

    text: str
    scheme: str
    arguments: tuple[tuple[str, str], ...] = ()
    proxied: bool = False
    name: str = ""

    def __str__(self) -> str:
        return self.text

    @property
    def label(self) -> str:
        """The text without the files of keys and certificates: the name of the listener in metrics and the
        log.
        """
        arguments = {name: value for name, value in self.arguments if name not in _NOT_IN_LABELS}
        if len(arguments) == len(self.arguments):
            return self.text
        return self._text_before_scheme + endpoint_text(self.scheme, arguments)

    @property
    def kind(self) -> str:
        """The kind of listener that the endpoint needs: `stream`, `datagram`, `stdin` or `fetched`."""
        return NOT_STREAMS.get(self.scheme, "stream")

    def argument(self, name: str) -> str | None:
        """Return the value of an argument, or None when it was not given."""
        return dict(self.arguments).get(name)

    @property
    def port(self) -> int | None:
        """The port in the text, where 0 means any free port; None if the endpoint has no port."""
        port = self.argument("port")
        return None if port is None else int(port)

    @property
    def path(self) -> str | None:
        """The path of a UNIX socket; None for other endpoints."""
        return self.argument("address")

    @property
    def interface(self) -> str:
        """The IP address to bind, by default all addresses of the machine; it has no meaning for an
        endpoint without a port.
        """
        return self.argument("interface") or ("::" if self.scheme == "tcp6" else "0.0.0.0")

    def overlaps(self, other: Endpoint) -> bool:
        """Return true if the two endpoints cannot be bound at the same time, as far as their texts tell."""
        if not self.conflict_keys & other.conflict_keys:
            return False
        interfaces = {self.interface, other.interface}
        return self.port is None or len(interfaces) == 1 or bool(interfaces & set(EVERYWHERE))

    @property
    def conflict_keys(self) -> frozenset[tuple[object, ...]]:
        """The port, path or socket that the endpoint takes, without the interface; endpoints that overlap
        have one of these in common.
        """
        if self.scheme == "systemd":
            named = (("index", self.argument("index")), ("name", self.argument("name")))
            return frozenset(one for one in named if one[1] is not None)
        if self.path:
            return frozenset({(os.path.normpath(self.path),)})
        is_ipv6 = self.scheme == "tcp6" or ":" in self.interface
        return frozenset({(self.port, self.scheme == "udp", is_ipv6)} if self.port else ())

    @property
    def has_certificate(self) -> bool:
        """Return true if the endpoint has a certificate, for TLS that begins at once or later."""
        return self.scheme == "ssl" or self.argument("privateKey") is not None

    @property
    def begins_plain(self) -> bool:
        """Return true if connections begin in plain text; TLS may begin later."""
        return self.scheme != "ssl"

    @property
    def asks_for_certificates(self) -> bool:
        """Return true if clients are asked for a certificate, whether it is `required` or `optional`."""
        return any(self.argument(name) is not None for name in ("caCertsDir", "clientca"))

    @property
    def _text_before_scheme(self) -> str:
        """The text before the scheme."""
        return f"{self.name}:" * bool(self.name) + "haproxy:" * self.proxied

    @property
    def twisted_description(self) -> str:
        """The text for `twisted.internet.endpoints.serverFromString`, with our defaults in it.

        It leaves out `haproxy:` and TLS, which `proxy_protocol` and `stream_listener` add.
        """
        takes = ARGUMENTS.get(self.scheme)
        if takes is None:
            return self.text.removeprefix(self._text_before_scheme)
        arguments = dict(self.arguments)
        if "backlog" in takes:
            arguments.setdefault("backlog", BACKLOG)
        if self.scheme == "unix":
            arguments.setdefault("mode", MODE)
            # No lock file, because it could become stale, too: we find a stale socket by connecting to it.
            arguments.setdefault("lockfile", "0")
        for name in (*START_TLS_ARGUMENTS, *TLS_ARGUMENTS):
            arguments.pop(name, None)
        return endpoint_text("tcp" if self.scheme == "ssl" else self.scheme, arguments)

    @property
    def twisted_tls_description(self) -> str:
        """The text of a Twisted endpoint with the same certificate."""
        files = {name: value for name, value in self.arguments if name in TLS_ARGUMENTS}
        return endpoint_text("ssl", {"port": "0", **files})

    def with_paths_below(self, directory: Path) -> Endpoint:
        """Return the same endpoint, with `directory` put before its relative paths."""
        arguments = {
            name: str(directory / value)
            if name in ("address", *FILE_ARGUMENTS) and not value.startswith("\0")
            else value
            for name, value in self.arguments
        }
        if tuple(arguments.items()) == self.arguments:
            return self
        text = self._text_before_scheme + endpoint_text(self.scheme, arguments)
        return attrs.evolve(self, text=text, arguments=tuple(arguments.items()))


class TakenEndpoints:
    """A set of endpoints by the addresses that they take, which finds an overlap without comparing all of
    them.
    """

    def __init__(self, endpoints: Iterable[Endpoint] = ()) -> None:
        self._at: dict[tuple[object, ...], list[Endpoint]] = {}
        for one in endpoints:
            self.add_endpoint(one)

    def add_endpoint(self, endpoint: Endpoint) -> None:
        """Add an endpoint."""
        for key in endpoint.conflict_keys:
            self._at.setdefault(key, []).append(endpoint)

    def overlapping_endpoint(self, endpoint: Endpoint) -> Endpoint | None:
        """Return an endpoint of the set that overlaps with `endpoint`; None if there is none."""
        near = (other for key in endpoint.conflict_keys for other in self._at.get(key, ()))
        return next((other for other in near if endpoint.overlaps(other)), None)


def endpoint_text(scheme: str, arguments: dict[str, str]) -> str:
    """Return the text of an endpoint as people write it: its first argument is given without a name."""
    first = ARGUMENTS[scheme][0] if ARGUMENTS[scheme] else None
    parts = [
        _escape_argument(value)
        if name == first and position == 0
        else f"{name}={_escape_argument(value)}"
        for position, (name, value) in enumerate(arguments.items())
    ]
    return ":".join([scheme, *parts])


def _escape_argument(value: str) -> str:
    return re.sub(r"([\\:=])", r"\\\1", value)


def listening_address_text(endpoint: Endpoint, address: str) -> str:
    """Return the address of a listener as a phrase, such as `tcp 0.0.0.0:514`, `tls [::]:6514` or `unix
    /run/log.sock`.

    address: as bound; "" if an endpoint type of another package has none: then its text is returned.
    """
    if endpoint.kind == "stdin":
        return "standard input"
    if not address:
        return str(endpoint)
    scheme = {"tcp6": "tcp", "ssl": "tls"}.get(endpoint.scheme, endpoint.scheme)
    return f"{'proxied ' if endpoint.proxied else ''}{scheme} {address}"


def url_or_address_text(endpoint: Endpoint, address: str, path: str) -> str:
    """Return a URL such as `http://127.0.0.1:8080/`; for an endpoint without a URL, the result of
    `listening_address_text`.
    """
    if endpoint.scheme not in WEB or endpoint.proxied:
        return listening_address_text(endpoint, address)
    return f"{'https' if endpoint.scheme == 'ssl' else 'http'}://{address}{path}"


def log_listening(sentence: str, endpoint: Endpoint, address: str) -> None:
    """Log that a service listens.

    sentence: with `{place}`, or with `{url}` and a path after it.
    """
    before, url, path = sentence.partition("{url}")
    if url:
        sentence = before + url_or_address_text(endpoint, address, path)
    else:
        sentence = sentence.replace("{place}", listening_address_text(endpoint, address))
    log.info("{sentence}", sentence=sentence, endpoint=str(endpoint), address=address)
