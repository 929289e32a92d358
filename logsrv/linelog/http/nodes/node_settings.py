"""The options that name other daemons."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import attrs

from logsrv.kit.options.declare import REQUIRED, option, tables
from logsrv.kit.options.kinds import FILE, SPACE, Kind
from logsrv.kit.options.secrets import SECRET_FILE
from logsrv.linelog.http.nodes.address import NodeAddress, parse_node_addresses

NAME = r"[A-Za-z0-9_-]{1,64}"
HERE, ALL = "here", "all"
"""Names in the API: the server itself, and the server with all its nodes."""


@attrs.frozen
class NamedNodes:
    """A name with its nodes. `str()` returns the original text."""

    text: str
    name: str
    nodes: tuple[NodeAddress, ...]

    def __str__(self) -> str:
        return self.text


def parse_named_nodes(text: str) -> NamedNodes:
    """Parse NAME=ADDRESS,…. Raises ValueError with a sentence."""
    name, found, addresses = text.partition("=")
    if not found:
        raise ValueError("has no =")
    if not re.fullmatch(NAME, name):
        raise ValueError(
            "what is before the = is no name of letters, digits, dashes and underscores"
        )
    return NamedNodes(text, name, parse_node_addresses(addresses))


NODES: Kind[NamedNodes] = Kind(
    parse_named_nodes,
    "a name and addresses, such as centres=https://a.example.org:8443,https://b.example.org:8443",
    "NAME=URL,…",
    separator=SPACE,
)


@attrs.frozen(kw_only=True, slots=False)
class SharedNodeOptions:
    """The options of a set of nodes, and their defaults for all sets."""

    help_group: ClassVar[str] = "Asking other daemons"
    goes_with: ClassVar[str] = "nodes"

    nodes_token_file: Path | None = option(None, SECRET_FILE, "a file with the token for nodes")
    nodes_ca: Path | None = option(None, FILE, "authorities of the nodes' certificates (PEM)")


@attrs.frozen(kw_only=True, slots=False)
class NodeSettings(SharedNodeOptions):
    """The settings of one set of nodes. An option that is not in its table has the general value."""

    nodes: NamedNodes = option(REQUIRED, NODES, "a name, and the servers that it stands for")


@attrs.frozen(kw_only=True, slots=False)
class NodeOptions(SharedNodeOptions):
    """The names of other daemons, which `logsrv search --nodes NAME` asks."""

    help_group: ClassVar[str] = "Asking other daemons"

    nodes: tuple[NamedNodes, ...] = option(
        (),
        NODES,
        "a name for other servers, for the page and `logsrv search --nodes NAME`",
        repeatable=True,
    )
    node_sets: tuple[NodeSettings, ...] = tables(
        NodeSettings, "sets of nodes with settings of their own", shorthand="nodes", key="nodes"
    )


def check_node_set_names(sets: tuple[NodeSettings, ...]) -> None:
    """Raise ValueError if two sets have the same name, or one has a reserved name."""
    names = [one.nodes.name for one in sets]
    for name in names:
        if name in (HERE, ALL):
            raise ValueError(
                f"no set of nodes can be called {name}: the page calls so its server, "
                "and all together"
            )
        if names.count(name) > 1:
            raise ValueError(f"two sets of nodes are called {name}; give one of them another name")
