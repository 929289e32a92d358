"""`from logsrv.gopher import …` works for every name it promises, and only then loads it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import logsrv.gopher


def test_every_promised_name_is_there() -> None:
    for name in logsrv.gopher.__all__:
        assert getattr(logsrv.gopher, name).__name__ == name
        assert name in dir(logsrv.gopher)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        logsrv.gopher.nothing  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(logsrv.gopher.__file__).read_text("utf-8"))
    seen = {
        (alias.name, str(node.module).removeprefix("logsrv.gopher."))
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("logsrv.")
        for alias in node.names
    }
    assert seen == set(logsrv.gopher._HOME.items())


@pytest.mark.parametrize(
    "first", ["import logsrv.gopher.fetch.urllib_handler", "import logsrv.gopher.wire.text"]
)
def test_no_name_is_hidden_by_a_module_of_the_same_name(first: str) -> None:
    program = f"{first}\nimport logsrv.gopher as g\nassert callable(g.urlopen)"
    subprocess.run([sys.executable, "-c", program], check=True)
