"""The nodes that a configuration names.

A browser sends names only, and only names of the configuration are accepted. Addresses and tokens stay on
the server: no client can make it connect to another address.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from logsrv.errors import ConfigurationError
from logsrv.kit.options.secrets import read_secret
from logsrv.kit.text.words import did_you_mean, shown
from logsrv.linelog.http.nodes.address import MOST, NodeAddress
from logsrv.linelog.http.nodes.client import NodeAccess, NodeClient, node_tls_context
from logsrv.linelog.http.nodes.node_settings import ALL, HERE, NodeSettings


class DeclaredNodes:
    """The nodes of a configuration, by their names. Raises ConfigurationError if they cannot be used."""

    def __init__(self, sets: Sequence[NodeSettings]) -> None:
        self._sets = {one.nodes.name: read_node_set(one) for one in sets}
        _, every = self.choose_nodes(ALL)
        if len(every) >= MOST:
            raise ConfigurationError(
                f"--nodes: {len(every)} are too many: the page asks at most {MOST - 1}"
            )

    def list_node_sets(self) -> list[dict[str, Any]]:
        """Return the sets that a client may choose: their names, each with the names of its nodes."""
        return [
            {"name": name, "nodes": [node.name for node in nodes]}
            for name, nodes in self._sets.items()
        ]

    def choose_nodes(self, text: str) -> tuple[bool, tuple[NodeAccess, ...]]:
        """Return whether this server is chosen, and the chosen nodes. Raises ValueError.

        text: names of nodes and sets, separated by commas. Without names, this server is chosen.
        """
        every = [node for nodes in self._sets.values() for node in nodes]
        known = {HERE: [], **{node.name: [node] for node in every}, **self._sets, ALL: every}
        words = [part.strip() for part in text.split(",") if part.strip()]
        for word in words:
            if word not in known:
                hint = did_you_mean(word, [HERE, ALL, *self._sets])
                raise ValueError(
                    f"{shown(word)} is none of the nodes that this server names"
                    f"{hint or '; --nodes NAME=URL names one'}"
                )
        found = unique_nodes(node for word in words for node in known[word])
        return not found or HERE in words or ALL in words, found


def read_node_set(rules: NodeSettings) -> list[NodeAccess]:
    """Return the nodes of a set. Raises ConfigurationError."""
    token = read_secret("nodes-token", None, rules.nodes_token_file)
    ca = None if rules.nodes_ca is None else str(rules.nodes_ca)
    name, addresses = rules.nodes.name, rules.nodes.nodes
    if any(address.tls for address in addresses):
        node_tls_context(ca)
    one = len(addresses) == 1
    return [
        NodeAccess(name if one else f"{name}/{each.host}:{each.port}", each, token, ca)
        for each in addresses
    ]


def unique_nodes(nodes: Iterable[NodeAccess]) -> tuple[NodeAccess, ...]:
    """Return nodes without duplicate addresses, since several sets may have the same node."""
    found: dict[tuple[str, int], NodeAccess] = {}
    for node in nodes:
        found.setdefault((node.address.host, node.address.port), node)
    return tuple(found.values())


def make_clients(nodes: Iterable[dict[str, Any]], seconds: float) -> list[NodeClient]:
    """Return clients for nodes. nodes: `NodeAccess` as JSON objects."""
    return [
        NodeClient(NodeAccess(**{**one, "address": NodeAddress(**one["address"])}), seconds)
        for one in nodes
    ]
