"""Private parts of Twisted: the table has all that the code uses, and a newer Twisted is told."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import twisted
from logsrv.errors import StartError
from logsrv.kit import protocol_plugin
from logsrv.kit.service import twisted_parts
from logsrv.kit.service.twisted_parts import (
    PARTS,
    TESTED,
    CheckedServiceMaker,
    missing_parts,
    require_private_parts,
    why_unknown,
)
from tests.parts.modules import MODULES, ROOT

SAME = "{}.{}.3".format(*TESTED)
NEWER = "27.1.0rc1"

OF_OTHERS = {"_replace", "_asdict", "_fields", "_exit", "_getframe", "_current_frames"}
"""Names of the standard library."""
INHERITED = re.compile(r"_[a-z]+[A-Z]\w*")
"""Names in our classes that are Twisted's: ours have no capitals within."""


@cache
def names_of_twisted() -> frozenset[str]:
    """Return all private names that stand in Twisted's own modules."""
    top = Path(twisted.__file__).parent
    found: set[str] = set()
    for path in top.rglob("*.py"):
        if not {"test", "plugins"} & set(path.relative_to(top).parts):
            found.update(re.findall(r"\b_[a-zA-Z]\w*", path.read_text()))
    return frozenset(found)


def own_names(tree: ast.AST) -> set[str]:
    """Return the private names that a module defines: functions, variables, attributes of self."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and ast.unparse(node.value) in ("self", "made", "found")
        ):
            found.add(node.attr)
    return found


def private_uses(text: str) -> set[str]:
    """Return the private names of Twisted that a module uses."""
    if "from twisted" not in text and not INHERITED.search(text):
        return set()
    tree = ast.parse(text)
    found, imported, imports_twisted = set(), set(), False
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "twisted":
            imports_twisted = True
            for one in node.names:
                if any(word.startswith("_") for word in f"{node.module}.{one.name}".split(".")):
                    imported.add(one.name)
        elif isinstance(node, ast.Attribute) and INHERITED.fullmatch(node.attr):
            found.add(node.attr)
        elif isinstance(node, ast.FunctionDef) and INHERITED.fullmatch(node.name):
            found.add(node.name)
    if imports_twisted:
        ours = own_names(tree) | OF_OTHERS
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute) or not re.fullmatch(r"_[a-zA-Z]\w*", node.attr):
                continue
            is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not is_own and node.attr not in ours:
                found.add(node.attr)
    return imported | (found & names_of_twisted())


@pytest.mark.slow
def test_the_table_has_every_private_part_that_the_code_uses():
    used = {
        name
        for path in MODULES
        if path.name != "twisted_parts.py"
        for name in private_uses(path.read_text())
    }
    listed = {name for names in PARTS.values() for name in names}
    assert (sorted(used - listed), sorted(listed - used)) == ([], [])


def test_a_use_is_noticed():
    text = "from twisted.web._newclient import ParseError\nfrom twisted.internet import tcp\n"
    text += (
        "tcp._reservedFD\nclass A:\n    def _postLoseConnection(self):\n        self._mine = 1\n"
    )
    assert private_uses(text) == {"ParseError", "_reservedFD", "_postLoseConnection"}


def test_the_page_of_dependencies_lists_them():
    page = (ROOT / "docs/dependencies.md").read_text()
    assert not [name for names in PARTS.values() for name in names if f"`{name}`" not in page]


def test_the_twisted_of_these_tests_has_them_all():
    assert missing_parts() == []


def test_a_plugin_whose_parts_are_missing_is_not_imported(monkeypatch):
    """The sentence comes before an import that would end with a traceback."""
    monkeypatch.setattr(twisted_parts, "TESTED", (0, 0))
    monkeypatch.setattr(twisted_parts, "PARTS", {"twisted.internet.tcp": ("_gone",)})
    for plugin in (
        CheckedServiceMaker("late", "no.such.module", "", "late"),
        protocol_plugin("late", "no.such:Protocol", description="none", listen="tcp:0"),
    ):
        with pytest.raises(StartError, match=r" lacks twisted\.internet\.tcp\._gone, which "):
            plugin.options  # noqa: B018


def test_the_tested_version_says_nothing():
    assert why_unknown(SAME) == ""
    require_private_parts(SAME)


def test_a_newer_twisted_is_told_with_what_to_do():
    assert re.fullmatch(
        r"Twisted 27\.1\.0rc1 is newer than 26\.10, the newest that logsrv \S+ was tested with:"
        r" update logsrv, or run: \S+.* install 'Twisted\[tls\]<26\.11'",
        why_unknown(NEWER),
    )
    require_private_parts(NEWER)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("twisted.internet.tcp", "_gone"),
        ("twisted.internet.tcp:Port", "_gone"),
        ("twisted.internet.tcp:Gone", "_gone"),
        ("twisted.internet._gone", "Gone"),
    ],
)
def test_a_part_that_is_missing_is_one_sentence(monkeypatch, place, name):
    monkeypatch.setattr(twisted_parts, "PARTS", {**PARTS, place: (name,)})
    with pytest.raises(StartError, match=r"^Twisted 27\.1\.0\S+ lacks twisted\.internet\S+, which"):
        require_private_parts(NEWER)
    require_private_parts(SAME)
