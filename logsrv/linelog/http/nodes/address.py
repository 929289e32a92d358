"""The address of a node, `https://HOST:PORT` or `HOST:PORT` (no I/O)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import attrs

from logsrv.kit.text.words import shown

LONGEST = 300
# With more nodes, a set is refused: each needs a thread, and memory for an answer.
MOST = 32
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")


@attrs.frozen
class NodeAddress:
    """The address of a daemon's web interface; `str()` gives its text back."""

    text: str
    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return self.text

    @property
    def is_local(self) -> bool:
        """True if the address is of this machine, so that requests do not leave it."""
        return _LOOPBACK.fullmatch(self.host) is not None


def parse_node_address(text: str) -> NodeAddress:
    """Return the address in a text. Raises ValueError with a sentence.

    A text without a scheme means https, but http for an address of this machine: requests that leave the
    machine are encrypted.
    """
    # In a URL, all other characters have to be percent-encoded.
    if not re.fullmatch(rf"[!-~]{{1,{LONGEST}}}", text):
        raise ValueError(f"{shown(text)} is no address: it has spaces or is not ASCII")
    scheme, found, _ = text.partition("://")
    if found and scheme.lower() not in ("http", "https"):
        raise ValueError(f"{shown(text)} begins with neither http:// nor https://")
    try:
        parts = urlsplit(text if found else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"the port of {shown(text)} is no number from 1 to 65535") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address has no name or password in it; put a token into a file")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{shown(text)} has something behind the port; write HOST:PORT")
    if not host or not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host):
        raise ValueError(f"{shown(text)} names no host")
    if not port:
        raise ValueError(f"{shown(text)} names no port, such as {host}:8080")
    loopback = _LOOPBACK.fullmatch(host) is not None
    return NodeAddress(text, host, port, scheme.lower() == "https" if found else not loopback)


def parse_node_addresses(text: str) -> tuple[NodeAddress, ...]:
    """Return the addresses in a text, separated by commas. Raises ValueError with a sentence."""
    nodes = tuple(parse_node_address(part.strip()) for part in text.split(",") if part.strip())
    if not nodes:
        raise ValueError("there is no address")
    if len(nodes) > MOST:
        raise ValueError(f"{len(nodes)} nodes are too many; at most {MOST} are asked at once")
    seen = set()
    for node in nodes:
        if (node.host, node.port) in seen:
            raise ValueError(f"{shown(str(node))} is there twice")
        seen.add((node.host, node.port))
    return nodes
