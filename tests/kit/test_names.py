"""The public names of the kit: all there, all documented, and loaded only when used."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import logsrv.inputs
import logsrv.kit
import logsrv.kit.testing
from logsrv.kit.testing import examples
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.modules import names_on_the_page

DOCS = Path(__file__).parent.parent.parent / "docs"
# What authors import from, and the packages whose modules they need not know.
OFFERS = ("logsrv.kit", "logsrv.kit.testing", "logsrv.inputs")
INNER = ("logsrv.kit", "logsrv.inputs", "logsrv.linelog.formats", "logsrv.linelog.intake")


@pytest.mark.parametrize(
    ("module", "page"),
    [
        (logsrv.kit, "kit-reference.md"),
        (logsrv.kit.testing, "kit-reference.md"),
        (logsrv.inputs, "inputs.md"),
    ],
)
def test_every_name_is_there_and_documented(module, page):
    """What is exported exists, and stands on its page."""
    names = dir(module)
    text = (DOCS / page).read_text()
    for name in names:
        assert getattr(module, name) is not None
        assert f"`{name}`" in text or f"`{name}(" in text, f"{page} does not mention {name}"


@pytest.mark.parametrize("module", [*OFFERS, "logsrv.gopher"])
def test_a_star_imports_every_name(module):
    found: dict[str, object] = {}
    exec(f"from {module} import *", found)  # noqa: S102
    assert found.keys() >= set(dir(import_module(module)))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'LineProtocoll'"):
        logsrv.kit.LineProtocoll  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.slow
@pytest.mark.parametrize("module", OFFERS)
def test_help_is_a_page(module):
    """`help` shows what there is, and everything about a name only when asked for that."""
    code = f"import {module}; help({module})"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert 30 < run.stdout.count("\n") < 110
    for name in dir(import_module(module)):
        assert name in run.stdout


def in_the_pages() -> Iterator[tuple[str, str, str]]:
    """Each name that a Python block of a page imports from the kit, or of inputs: page, module, name."""
    for page in sorted(DOCS.glob("*.md")):
        for example in examples(page.read_text()):
            for node in ast.walk(ast.parse(example.code)):
                if isinstance(node, ast.ImportFrom) and str(node.module).startswith(INNER):
                    yield from ((page.name, str(node.module), name.name) for name in node.names)
                elif isinstance(node, ast.Import):
                    names = [name.name for name in node.names if name.name.startswith(INNER)]
                    yield from ((page.name, *name.rpartition(".")[::2]) for name in names)


def test_the_pages_need_no_inner_module():
    """Everything that the documents import is in `logsrv.kit`, `logsrv.kit.testing` or `logsrv.inputs`.

    A part of the line logger is a program beside a plugin: it may take what docs/kit-modules.md has.
    """
    beside = {
        ("inputs.md", module, name)
        for module, names in names_on_the_page().items()
        for name in names
    }
    imported = set(in_the_pages()) - beside
    assert len(imported) > 20
    inner = [
        (page, f"{module}.{name}")
        for page, module, name in imported
        if module not in OFFERS or name not in dir(import_module(module))
    ]
    assert inner == []


def test_import_costs_next_to_nothing():
    code = "import sys, logsrv.kit; print([m for m in sys.modules if m.startswith(('twisted', 'attr'))])"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert run.stdout == "[]\n"


# Names on objects of the kit that examples use and that are Python's, Twisted's or the example's own.
NOT_THE_KITS = {"waiting", "read", "close", "values", "items", "get", "decode", "format"}


def test_every_name_of_the_examples_is_in_the_reference():
    """Methods and attributes of the kit's classes, and the arguments of `protocol_plugin`."""
    kit, testing = logsrv.kit, logsrv.kit.testing
    classes = (
        kit.LineProtocol, kit.RequestProtocol, kit.FrameProtocol, kit.Datagrams, kit.DatagramLines,
        kit.Connection, kit.RunningService, kit.Sender, kit.Link, kit.Task, kit.Durations,
        testing.MemoryService, testing.MemoryPeer, testing.MemorySender, testing.TelnetSession,
        testing.Running, testing.TwistdProcess,
    )  # fmt: skip
    known = {name for one in classes for name in dir(one) if not name.startswith("_")}
    known |= {"settings", "state", "metrics", "clock", "declare", "count", "watch", "time"}
    used: dict[str, str] = {}
    for page in ("tutorial.md", "kit.md", "cookbook.md"):
        for example in examples((DOCS / page).read_text()):
            for node in ast.walk(ast.parse(example.code)):
                names: list[str] = []
                if isinstance(node, ast.Attribute) and node.attr in known - NOT_THE_KITS:
                    names = [node.attr]
                elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    names = [node.name] if node.name in known else []
                elif (
                    isinstance(node, ast.Call) and getattr(node.func, "id", "") == "protocol_plugin"
                ):
                    names = [str(one.arg) for one in node.keywords]
                used |= dict.fromkeys(names, page)
    reference = (DOCS / "kit-reference.md").read_text()
    said = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`|^    .*", reference, re.M))))
    assert len(used) > 40
    assert {name: page for name, page in used.items() if name not in said} == {}
