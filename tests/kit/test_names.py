"""The public names of the kit: all there, all documented, and loaded only when used."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import logsrv.kit
import logsrv.kit.testing

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.parametrize(
    ("module", "page"), [(logsrv.kit, "kit.md"), (logsrv.kit.testing, "testing.md")]
)
def test_every_name_is_there_and_documented(module: object, page: str) -> None:
    """What is exported exists, and stands on its page."""
    names = module.__all__  # type: ignore[attr-defined]
    text = (DOCS / page).read_text()
    for name in names:
        assert getattr(module, name) is not None
        assert f"`{name}`" in text or f"`{name}(" in text, f"{page} does not mention {name}"


@pytest.mark.parametrize("module", [logsrv.kit, logsrv.kit.testing])
def test_type_checkers_see_what_is_loaded(module: ModuleType) -> None:
    """Each name is imported for them from the module that it comes from; otherwise it would be Any."""
    declared = {
        alias.asname: getattr(import_module(statement.module or ""), alias.name)
        for block in ast.parse(inspect.getsource(module)).body
        if isinstance(block, ast.If)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert declared == {name: getattr(module, name) for name in module.__all__}


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'LineProtocoll'"):
        logsrv.kit.LineProtocoll  # noqa: B018


def test_import_costs_next_to_nothing() -> None:
    code = "import sys, logsrv.kit; print([m for m in sys.modules if m.startswith(('twisted', 'attr'))])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
