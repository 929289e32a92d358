"""Names of nodes, as the options and the file give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.options.load import Sources, load
from logsrv.linelog.http.nodes.settings import NodeOptions, check_names, parse_named_nodes


def loaded(tmp_path: Path, text: str) -> NodeOptions:
    (tmp_path / "a.toml").write_text(text)
    sources = Sources(name="logsrv", directory=tmp_path, arguments={"config": ["a.toml"]})
    return load(NodeOptions, sources).settings


def test_a_name_stands_for_several() -> None:
    found = parse_named_nodes("centres=https://a:1,b:2")
    assert found.name == "centres" and [str(one) for one in found.nodes] == ["https://a:1", "b:2"]
    assert str(found) == "centres=https://a:1,b:2"


@pytest.mark.parametrize(
    ("text", "said"),
    [("a:1", "has no ="), ("=a:1", "no name"), ("a=", "no address"), ("a=b", "no port")],
)  # fmt: skip
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_named_nodes(text)


def test_a_table_has_its_own_token_and_the_rest_of_all(tmp_path: Path) -> None:
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


def test_a_name_is_of_one_set(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two sets of nodes are called a"):
        check_names(loaded(tmp_path, 'nodes = ["a=h:1", "a=h:2"]').node_sets)
    for taken in ("here", "all"):
        with pytest.raises(ValueError, match=f"can be called {taken}"):
            check_names(loaded(tmp_path, f'nodes = ["{taken}=h:1"]').node_sets)
    with pytest.raises(ConfigurationError, match="unknown key"):
        loaded(tmp_path, 'node = "a=h:1"')
