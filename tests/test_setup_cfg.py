"""The packages and commands of setup.cfg: a command that works in the checkout works installed."""

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.metadata import packages_distributions

import pytest

from tests.parts.modules import MODULES, ROOT, name_of


def test_every_package_is_in_setup_cfg():
    """A folder that is missing there works in the checkout and not when installed."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    find = config["options.packages.find"]
    listed = packages_found(find["exclude"].split(), find["include"].split())
    found = {name_of(path) for path in MODULES if path.name == "__init__.py"}
    # A folder that was a package once may still have its `__pycache__`.
    real = {name for name in listed if [*(ROOT / name.replace(".", "/")).glob("*.py")]}
    assert real == found | {"twisted.plugins"}
    assert not list((ROOT / "twisted").rglob("__init__.py"))


def packages_found(exclude: list[str], include: list[str]) -> list[str]:
    """Return the packages that setuptools finds, which is not in every environment."""
    folders = (
        path.relative_to(ROOT) for top in ("logsrv", "twisted") for path in (ROOT / top).rglob("*")
    )
    names = ["logsrv", *(".".join(path.parts) for path in folders if (ROOT / path).is_dir())]
    return [
        name
        for name in names
        if any(fnmatchcase(name, one) for one in include)
        and not any(fnmatchcase(name, one) for one in exclude)
    ]


# Imported by name, and installed as dependencies of those in setup.cfg: `Twisted[tls]` and Textual.
BROUGHT_ALONG = {"pyopenssl", "service-identity", "rich"}


@pytest.mark.slow
def test_every_distribution_that_is_imported_is_in_setup_cfg():
    """A distribution that is only a dependency of another one goes away with that one."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    asked = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    named = {
        _normal(line) for part in asked for line in part.split("\n") if line and line[0] not in "#%"
    }
    offered = packages_distributions()
    imported = {
        module: {_normal(each) for each in offered.get(module, ())}
        for path in MODULES
        for module in _modules_of_others(ast.parse(path.read_text()))
    }
    assert not [module for module, by in imported.items() if not by & (named | BROUGHT_ALONG)]


def _modules_of_others(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names | {"logsrv"}:
                yield top


def _normal(requirement: str) -> str:
    """Return one spelling of a name: `zope.interface >= 8` gives `zope-interface`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=\[;]", requirement, maxsplit=1)[0]).lower()


def test_commands_are_entry_points():
    """The first line of a file under `scripts` cannot name a Python in a folder with a space."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert "scripts" not in config["options"]
