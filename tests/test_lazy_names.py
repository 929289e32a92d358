"""Packages that load their names on first use: Python and type checkers find the same names in them."""

import ast
import configparser
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STUBS = sorted((ROOT / "logsrv").rglob("__init__.pyi"))


@pytest.fixture
def lazy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `lazy_things`, which offers two names of a module in it."""
    folder = tmp_path / "lazy_things"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from logsrv.lazy_names import lazy_names\n\n__getattr__, __dir__ = lazy_names(__name__)\n"
    )
    (folder / "__init__.pyi").write_text(
        "from lazy_things.inner import two as two\nfrom lazy_things.inner import one as one\n"
    )
    (folder / "inner.py").write_text("one, two, three = 1, 2, 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("lazy_things", "lazy_things.inner"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def test_a_name_is_loaded_when_it_is_used(lazy):
    things = import_module("lazy_things")
    assert dir(things) == ["one", "two"]
    assert "lazy_things.inner" not in sys.modules
    assert things.two == 2
    assert "lazy_things.inner" in sys.modules


def test_a_name_that_is_not_in_the_stub_is_an_attribute_error(lazy):
    things = import_module("lazy_things")
    with pytest.raises(AttributeError, match="module 'lazy_things' has no attribute 'three'"):
        things.three  # noqa: B018


@pytest.mark.parametrize("stub", STUBS, ids=lambda path: path.parent.name)
def test_type_checkers_see_what_is_loaded(stub):
    """Each name comes from the module that the stub says; without the stub it would be Any."""
    package = import_module(".".join(stub.parent.relative_to(ROOT).parts))
    declared = {
        alias.asname: getattr(import_module(statement.module or ""), alias.name)
        for statement in ast.parse(stub.read_text("utf-8")).body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert declared == {name: getattr(package, name) for name in dir(package)}
    # A module of the same name would replace it as soon as it is imported.
    assert not declared.keys() & {path.stem for path in stub.parent.iterdir()}


def test_every_stub_is_installed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    for stub in STUBS:
        package = ".".join(stub.parent.relative_to(ROOT).parts)
        assert stub.name in config["options.package_data"][package].split()
