"""The nodes that a server offers in its page: those that its configuration names, and no others.

A browser says names. Addresses and tokens stay here: nobody leads this server to another address.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.options.secrets import read_secret
from logsrv.kit.text.words import did_you_mean, shown
from logsrv.linelog.http.nodes.address import MOST, NodeAddress, parse_node
from logsrv.linelog.http.nodes.client import NodeClient, tls_context
from logsrv.linelog.http.nodes.settings import ALL, HERE, NodeSettings


@attrs.frozen
class DeclaredNode:
    """A node with what it asks for. name: that of its set, with its address where there are several."""

    name: str
    address: NodeAddress
    token: str | None = attrs.field(repr=False)
    ca: str | None

    def plain(self) -> dict[str, str | None]:
        """Return it as JSON has it, for the process that asks."""
        return {
            "name": self.name, "address": str(self.address), "token": self.token, "ca": self.ca
        }  # fmt: skip


@attrs.frozen
class ChosenNodes:
    """Some of them. here: the store of the server itself is one."""

    here: bool
    nodes: tuple[DeclaredNode, ...]

    def __len__(self) -> int:
        return self.here + len(self.nodes)


class DeclaredNodes:
    """The nodes of a configuration, by their names. Raises ConfigurationError for what cannot be used."""

    def __init__(self, sets: Sequence[NodeSettings]) -> None:
        self._sets = {one.nodes.name: _of_set(one) for one in sets}
        if len(self.chosen(ALL)) > MOST:
            raise ConfigurationError(
                f"--nodes: {len(self.chosen(ALL)) - 1} are too many: the page asks at most {MOST - 1}"
            )

    def listed(self) -> list[dict[str, Any]]:
        """Return the names that may be chosen: of each set, with those of its nodes."""
        return [
            {"name": name, "nodes": [node.name for node in nodes]}
            for name, nodes in self._sets.items()
        ]

    def chosen(self, text: str) -> ChosenNodes:
        """Return the nodes that names parted by commas stand for. Raises ValueError."""
        here = False
        found: list[DeclaredNode] = []
        for word in filter(None, (part.strip() for part in text.split(","))):
            here = here or word in (HERE, ALL)
            if word == ALL:
                found += (node for nodes in self._sets.values() for node in nodes)
            elif word != HERE:
                found += self._named(word)
        # Several sets may have the same address.
        each: dict[tuple[str, int], DeclaredNode] = {}
        for node in found:
            each.setdefault((node.address.host, node.address.port), node)
        return ChosenNodes(here or not found, tuple(each.values()))

    def _named(self, word: str) -> Iterable[DeclaredNode]:
        nodes = {node.name: node for nodes in self._sets.values() for node in nodes}
        if word in self._sets:
            return self._sets[word]
        if word in nodes:
            return (nodes[word],)
        known = [HERE, ALL, *self._sets]
        raise ValueError(
            f"{shown(word)} is none of the nodes that this server names"
            f"{did_you_mean(word, known) or '; --nodes NAME=URL names one'}"
        )


def _of_set(rules: NodeSettings) -> tuple[DeclaredNode, ...]:
    token = read_secret("nodes-token", None, rules.nodes_token_file)
    ca = None if rules.nodes_ca is None else str(rules.nodes_ca)
    name, addresses = rules.nodes.name, rules.nodes.nodes
    if any(address.tls for address in addresses):
        tls_context(rules.nodes_ca)
    found = []
    for address in addresses:
        # Refuses a token that others would see.
        NodeClient(address, token=token, seconds=1.0)
        label = name if len(addresses) == 1 else f"{name}/{address.host}:{address.port}"
        found.append(DeclaredNode(label, address, token, ca))
    return tuple(found)


def clients_of(nodes: Iterable[dict[str, Any]], seconds: float) -> list[NodeClient]:
    """Return clients for nodes that `plain` made. Raises ConfigurationError."""
    contexts: dict[str | None, Any] = {}
    found = []
    for one in nodes:
        address = parse_node(one["address"])
        if address.tls and one["ca"] not in contexts:
            contexts[one["ca"]] = tls_context(one["ca"])
        found.append(
            NodeClient(
                address, token=one["token"], tls=contexts.get(one["ca"]), seconds=seconds, name=one["name"]
            )
        )  # fmt: skip
    return found
