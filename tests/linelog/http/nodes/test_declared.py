"""The nodes of a configuration: what names stand for, and that nothing else does."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.http.nodes.declared import DeclaredNodes, clients_of
from logsrv.linelog.http.nodes.settings import NodeSettings, parse_named_nodes


def declared(*texts: str, **how: Path) -> DeclaredNodes:
    return DeclaredNodes([NodeSettings(nodes=parse_named_nodes(one), **how) for one in texts])


TWO = ("b=b.example.org:1", "others=https://b.example.org:1,[::1]:7")


def names(nodes: DeclaredNodes, text: str) -> tuple[bool, list[str]]:
    chosen = nodes.chosen(text)
    return chosen.here, [node.name for node in chosen.nodes]


def test_names_are_offered_and_addresses_where_there_are_several() -> None:
    several = ["others/b.example.org:1", "others/::1:7"]
    assert declared(*TWO).listed() == [
        {"name": "b", "nodes": ["b"]},
        {"name": "others", "nodes": several},
    ]
    assert declared().listed() == []


def test_names_stand_for_each_node_once() -> None:
    nodes = declared(*TWO)
    assert names(nodes, "") == names(nodes, "here") == names(nodes, " , ") == (True, [])
    assert names(nodes, "b") == names(nodes, "b, b") == (False, ["b"])
    assert names(nodes, "here,b") == (True, ["b"])
    assert names(nodes, "others") == (False, ["others/b.example.org:1", "others/::1:7"])
    assert names(nodes, "others/::1:7") == (False, ["others/::1:7"])
    assert names(nodes, "all") == (True, ["b", "others/::1:7"])


@pytest.mark.parametrize("text", ["b.example.org:1", "https://b.example.org:1", "c", "here,c"])
def test_nothing_else_is_a_name(text: str) -> None:
    with pytest.raises(ValueError, match="is none of the nodes that this server names"):
        declared(*TWO).chosen(text)


def test_what_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    with pytest.raises(ConfigurationError, match="no such file"):
        declared(*TWO, nodes_token_file=tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="--nodes-ca"):
        declared(*TWO, nodes_ca=tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="others would see the token"):
        declared("b=http://b.example.org:1", nodes_token_file=tmp_path / "token")
    sixteen = [",".join(f"h{part}-{number}:1" for number in range(16)) for part in "ab"]
    with pytest.raises(ConfigurationError, match="32 are too many: the page asks at most 31"):
        declared(*(f"{name}={text}" for name, text in zip("ab", sixteen, strict=True)))


def test_a_process_is_told_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    chosen = declared(*TWO, nodes_token_file=tmp_path / "token").chosen("all")
    assert "secret" not in repr(chosen)
    plain = json.loads(json.dumps([attrs.asdict(node) for node in chosen.nodes]))
    assert (plain[0]["name"], plain[0]["token"], plain[0]["ca"]) == ("b", "secret", None)
    assert [one.name for one in clients_of(plain, 5.0)] == ["b", "others/::1:7"]
