"""The nodes of a configuration: addresses, names, and what these stand for; nothing else does."""

import json
from pathlib import Path

import attrs
import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.options.load import SettingsSources, load_settings
from logsrv.linelog.http.nodes.address import parse_node_address, parse_node_addresses
from logsrv.linelog.http.nodes.declared import DeclaredNodes, make_clients
from logsrv.linelog.http.nodes.node_settings import (
    NodeOptions,
    NodeSettings,
    check_node_set_names,
    parse_named_nodes,
)


def declared(*texts: str, **how: Path) -> DeclaredNodes:
    return DeclaredNodes([NodeSettings(nodes=parse_named_nodes(one), **how) for one in texts])


TWO = ("b=b.example.org:1", "others=https://b.example.org:1,[::1]:7")


def names(nodes: DeclaredNodes, text: str) -> tuple[bool, list[str]]:
    here, chosen = nodes.choose_nodes(text)
    return here, [node.name for node in chosen]


def test_names_are_offered_and_addresses_where_there_are_several():
    several = ["others/b.example.org:1", "others/::1:7"]
    assert declared(*TWO).list_node_sets() == [
        {"name": "b", "nodes": ["b"]},
        {"name": "others", "nodes": several},
    ]
    assert declared().list_node_sets() == []


def test_names_stand_for_each_node_once():
    nodes = declared(*TWO)
    assert names(nodes, "") == names(nodes, "here") == names(nodes, " , ") == (True, [])
    assert names(nodes, "b") == names(nodes, "b, b") == (False, ["b"])
    assert names(nodes, "here,b") == (True, ["b"])
    assert names(nodes, "others") == (False, ["others/b.example.org:1", "others/::1:7"])
    assert names(nodes, "others/::1:7") == (False, ["others/::1:7"])
    assert names(nodes, "all") == (True, ["b", "others/::1:7"])


@pytest.mark.parametrize("text", ["b.example.org:1", "https://b.example.org:1", "c", "here,c"])
def test_only_configured_names_are_accepted(text):
    with pytest.raises(ValueError, match="is none of the nodes that this server names"):
        declared(*TWO).choose_nodes(text)


def test_unusable_nodes_are_refused_at_the_start(tmp_path):
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


def test_a_process_is_told_what_it_needs(tmp_path):
    (tmp_path / "token").write_text("secret\n")
    _, chosen = declared(*TWO, nodes_token_file=tmp_path / "token").choose_nodes("all")
    assert "secret" not in repr(chosen)
    plain = json.loads(json.dumps([attrs.asdict(node) for node in chosen]))
    assert (plain[0]["name"], plain[0]["token"], plain[0]["ca"]) == ("b", "secret", None)
    assert [one.name for one in make_clients(plain, 5.0)] == ["b", "others/::1:7"]


def loaded(tmp_path: Path, text: str) -> NodeOptions:
    (tmp_path / "a.toml").write_text(text)
    sources = SettingsSources(name="logsrv", directory=tmp_path, arguments={"config": ["a.toml"]})
    return load_settings(NodeOptions, sources).settings


def test_a_name_stands_for_several():
    found = parse_named_nodes("centres=https://a:1,b:2")
    assert found.name == "centres" and [str(one) for one in found.nodes] == ["https://a:1", "b:2"]
    assert str(found) == "centres=https://a:1,b:2"


@pytest.mark.parametrize(
    ("text", "said"),
    [("a:1", "has no ="), ("=a:1", "no name"), ("a=", "no address"), ("a=b", "no port")],
)  # fmt: skip
def test_a_wrong_named_set_of_nodes_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        parse_named_nodes(text)


def test_a_table_has_its_own_token_and_the_rest_of_all(tmp_path):
    found = loaded(
        tmp_path,
        'nodes-ca = "ca.pem"\n[[nodes]]\nnodes = "a=h:1"\nnodes-token-file = "t"\n'
        '[[nodes]]\nnodes = "b=h:2"\n',
    )
    first, second = found.node_sets
    assert first.nodes_token_file == tmp_path / "t" and second.nodes_token_file is None
    assert first.nodes_ca == second.nodes_ca == tmp_path / "ca.pem"
    assert [one.nodes.name for one in loaded(tmp_path, 'nodes = ["a=h:1", "b=h:2"]').node_sets] == [
        "a",
        "b",
    ]


def test_a_name_belongs_to_one_set(tmp_path):
    with pytest.raises(ValueError, match="two sets of nodes are called a"):
        check_node_set_names(loaded(tmp_path, 'nodes = ["a=h:1", "a=h:2"]').node_sets)
    for taken in ("here", "all"):
        with pytest.raises(ValueError, match=f"can be called {taken}"):
            check_node_set_names(loaded(tmp_path, f'nodes = ["{taken}=h:1"]').node_sets)
    with pytest.raises(ConfigurationError, match="unknown key"):
        loaded(tmp_path, 'node = "a=h:1"')


@pytest.mark.parametrize(
    ("text", "host", "port", "tls"),
    [
        ("https://Logs.example.org:8443", "logs.example.org", 8443, True),
        ("https://logs.example.org:8443/", "logs.example.org", 8443, True),
        ("http://logs.example.org:80", "logs.example.org", 80, False),
        ("logs.example.org:8443", "logs.example.org", 8443, True),
        ("10.1.2.3:8080", "10.1.2.3", 8080, True),
        ("localhost:8080", "localhost", 8080, False),
        ("127.0.0.1:8080", "127.0.0.1", 8080, False),
        ("[::1]:8080", "::1", 8080, False),
        ("[2001:db8::1]:8080", "2001:db8::1", 8080, True),
    ],
)
def test_what_leaves_the_machine_is_encrypted_unless_somebody_says_otherwise(text, host, port, tls):
    found = parse_node_address(text)
    assert (found.host, found.port, found.tls, str(found)) == (host, port, tls, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("logs.example.org", "names no port"),
        ("https://logs.example.org", "names no port"),
        ("https://logs.example.org:0", "names no port"),
        ("logs:99999", "no number from 1 to 65535"),
        ("ftp://a:21", "neither http:// nor https://"),
        ("https://a:80/logs", "something behind the port"),
        ("https://a:80?q", "something behind the port"),
        ("https://me:secret@a:80", "put a token into a file"),
        ("a b:80", "spaces"),
        ("ä:80", "not ASCII"),
        (":80", "names no host"),
        ("a%0d%0ab:80", "names no host"),
    ],
)
def test_a_wrong_address_of_a_node_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        parse_node_address(text)


def test_several_addresses_are_separated_by_commas():
    assert [str(one) for one in parse_node_addresses("a:1, b:2,")] == ["a:1", "b:2"]
    many = ",".join(f"a:{port}" for port in range(1, 40))
    for text, said in ((" , ", "no address"), ("a:1,A:1", "twice"), (many, "too many")):
        with pytest.raises(ValueError, match=said):
            parse_node_addresses(text)
