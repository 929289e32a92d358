"""Remote endpoints: addresses to connect to, parsed and checked before anything is opened."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint

from logsrv.kit.connections.client_tls import TLSOptions, tls_connection_creator
from logsrv.kit.net.parse import CONNECT_SECONDS, LONGEST_SOCKET_PATH, named_arguments, parse_port
from logsrv.kit.options.kinds import Kind
from logsrv.kit.text.words import nearest_word, shown

ARGUMENTS = {
    "tcp": ("host", "port"),
    "ssl": ("host", "port", "cafile", "certKey", "privateKey", "hostname"),
    "unix": ("address",),
}
"""The arguments of each scheme; an address may give them without their names, but only in this order."""
ARGUMENTS["tls"] = ARGUMENTS["ssl"]
# Such an argument in the text of an address; a backslash escapes a colon in it.
_FILE_ARGUMENT = r":(?:cafile|certKey|privateKey)=(?:\\.|[^:\\])*"


@attrs.frozen
class RemoteAddress:
    """An address to connect to; `str()` returns its text.

    scheme: tcp, ssl or unix. tls: the authorities to trust and the certificate to show, for ssl.
    """

    text: str
    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    tls: TLSOptions = attrs.field(factory=TLSOptions)

    def __str__(self) -> str:
        return self.text

    @property
    def label(self) -> str:
        """The text of the address without the files of certificates, for metrics and the log."""
        return re.sub(_FILE_ARGUMENT, "", self.text)


def parse_remote(text: str) -> RemoteAddress:
    """Return the address for `tcp:HOST:PORT`, `ssl:HOST:PORT` or `unix:PATH`, without a look whether the
    files in it exist.

    A colon in a value is written `\\:`, as in an IPv6 address. ssl: (or tls:) takes cafile= (authorities to
    trust instead of the system's), certKey= and privateKey= (our own certificate), and hostname= (the
    name that the certificate must have, if not the host). Raises ValueError with one sentence.
    """
    scheme, _, rest = text.partition(":")
    if scheme not in ARGUMENTS:
        meant = nearest_word(scheme, list(ARGUMENTS))
        hint = f"did you mean {meant}? " if meant else ""
        raise ValueError(
            f"{shown(text)} is no place to connect to; {hint}known are tcp:HOST:PORT, "
            "ssl:HOST:PORT and unix:PATH"
        )
    found = named_arguments(scheme, rest, ARGUMENTS[scheme])
    if scheme == "unix":
        path = found.get("address", "")
        if not path or "\0" in path[1:] or len(path.encode()) > LONGEST_SOCKET_PATH:
            raise ValueError(f"{shown(text)} has no path that a socket can have")
        return RemoteAddress(text, scheme, path=path)
    host = found.get("host", "")
    if not host or not found.get("port"):
        raise ValueError(f"{shown(text)} has no host and port; write {scheme}:HOST:PORT")
    port = parse_port(found["port"], "tcp")
    if port == 0:
        raise ValueError(f"{shown(text)}: nobody listens on port 0")
    files = {
        name: Path(found[name]) for name in ("cafile", "certKey", "privateKey") if name in found
    }
    tls = TLSOptions(
        cafile=files.get("cafile"),
        certificate=files.get("certKey"),
        key=files.get("privateKey"),
        server_name=found.get("hostname", ""),
    )
    return RemoteAddress(
        text, "ssl" if files or scheme == "tls" else scheme, host=host, port=port, tls=tls
    )


def located_remote(address: RemoteAddress, directory: Path) -> RemoteAddress:
    """Return the same address, with `directory` put before its relative paths. Raises ValueError for no
    file.
    """

    def located(name: str, file: Path | None) -> Path | None:
        if file is not None and not (file := directory / file).exists():
            raise ValueError(f"{address.scheme}: there is no file ({name}) {shown(str(file))}")
        return file

    tls = attrs.evolve(
        address.tls,
        cafile=located("cafile", address.tls.cafile),
        certificate=located("certKey", address.tls.certificate),
        key=located("privateKey", address.tls.key),
    )
    is_relative = address.path and not address.path.startswith("\0")
    path = str(directory / address.path) if is_relative else address.path
    return attrs.evolve(address, path=path, tls=tls)


REMOTE = Kind(
    parse_remote,
    "a place to connect to, such as tcp:example.net:7000",
    "ENDPOINT",
    locate=located_remote,
)


def remote_endpoint(
    remote: RemoteAddress, reactor: Any, seconds: float = CONNECT_SECONDS
) -> IStreamClientEndpoint:
    """Return an endpoint of Twisted that connects to an address. seconds: the time-out of one attempt.

    Reads certificates. Raises ConfigurationError if one cannot be used.
    """
    if remote.scheme == "unix":
        return UNIXClientEndpoint(reactor, remote.path, seconds)
    by_name = HostnameEndpoint(reactor, remote.host, remote.port, seconds)
    if remote.scheme == "ssl":
        return wrapClientTLS(tls_connection_creator(remote.tls, remote.host), by_name)
    return by_name
