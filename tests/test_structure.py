"""The house rules that a machine can check: who imports whom, what is tested."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import logsrv.kit
from tests.layers import may_import, within

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "logsrv").rglob("*.py"))
MODULES = [path for path in SOURCES if "template" not in path.parts]

# Folders of these names: bytes in, values out. They know neither Twisted nor sockets, and no clock.
SANS_IO = ("text", "framing", "wire", "fields", "query", "encode")
# Here the clock is handed in, so that a test can drive it.
TIMELESS = tuple(f"logsrv.linelog.{one}" for one in ("store", "cursors", "ship", "alerts"))
# What those may import from elsewhere is held to the same.
SANS_IO_MODULES = ("logsrv.kit.options.declare", "logsrv.kit.options.kinds")
IO = ("twisted", "socket", "asyncio", "time", "threading", "selectors", "ssl")


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, inside functions too."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append(str(node.module))
            found += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(found)


def test_imports_point_down() -> None:
    wrong = [
        f"{name_of(path)} imports {other}"
        for path in MODULES
        if name_of(path) != "logsrv"
        for other in imported(path)
        if other.startswith("logsrv.") and not may_import(name_of(path), other)
    ]
    assert not wrong


def test_the_model_plugin_has_what_a_strangers_has() -> None:
    """The names that `logsrv.kit` itself offers."""
    offered = {"logsrv.kit", *(f"logsrv.kit.{name}" for name in dir(logsrv.kit))}
    found = {other for path in MODULES if "greet" in path.parts for other in imported(path)}
    assert {other for other in found if within(other, "logsrv.kit")} <= offered


def test_parsers_do_no_io() -> None:
    wrong = [
        f"{name_of(path)} imports {other}"
        for path in MODULES
        if set(path.relative_to(ROOT).parts[:-1]) & set(SANS_IO) or name_of(path) in SANS_IO_MODULES
        for other in imported(path)
        if any(within(other, module) for module in IO)
    ]
    assert not wrong


def test_time_is_handed_in() -> None:
    wrong = [
        f"{name_of(path)} imports {other}"
        for path in MODULES
        if any(within(name_of(path), folder) for folder in TIMELESS)
        for other in imported(path)
        if within(other, "time")
    ]
    assert not wrong


def test_there_is_no_cycle() -> None:
    names = {name_of(path): path for path in MODULES}
    graph = {
        name: {other for other in imported(path) if other in names and other != name}
        for name, path in names.items()
        # A package's own file offers what is inside it.
        if path.name != "__init__.py"
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_every_folder_has_its_tests() -> None:
    """In the folder of its name: a test module for each subject, which may be several modules."""
    missing = {
        str(path.parent.relative_to(ROOT))
        for path in MODULES
        if not path.name.startswith("__")
        if not [*(ROOT / "tests" / path.relative_to(ROOT / "logsrv").parent).glob("test_*.py")]
    }
    assert not missing
