"""The house rules that a machine can check: who imports whom, what is tested."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.layers import FOR_ALL, MAY_IMPORT

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "logsrv").rglob("*.py"))
MODULES = [path for path in SOURCES if "template" not in path.parts]

# Folders of these names: bytes in, values out. They know neither Twisted nor sockets, and no clock.
SANS_IO = ("text", "framing", "wire", "fields", "query", "encode")
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


def within(name: str, folders: tuple[str, ...]) -> bool:
    return any(name == folder or name.startswith(folder + ".") for folder in folders)


def allowed(name: str) -> tuple[str, ...]:
    """What the module `name` may import of ours: by the row of the innermost folder that has one."""
    home = max((folder for folder in MAY_IMPORT if within(name, (folder,))), key=len)
    return (home, *MAY_IMPORT[home], *FOR_ALL)


def test_imports_point_one_way() -> None:
    """cli → linelog | greet | gopher → kit; inside the logger they follow the line."""
    wrong = [
        f"{name_of(path)} imports {other}"
        for path in MODULES
        if name_of(path) != "logsrv"
        for other in imported(path)
        if other.startswith("logsrv.") and other != "logsrv.kit"
        if not within(other, allowed(name_of(path)))
    ]
    assert not wrong


def test_every_package_has_a_row_of_its_own() -> None:
    """Without one it would go by that of the folder it is in, where all may import all."""
    packages = {name_of(path) for path in MODULES if path.name == "__init__.py"}
    assert packages - set(MAY_IMPORT) == {"logsrv"}
    assert set(MAY_IMPORT) <= {name_of(path) for path in MODULES}


def test_parsers_do_no_io() -> None:
    wrong = [
        f"{name_of(path)} imports {other}"
        for path in MODULES
        if set(path.relative_to(ROOT).parts[:-1]) & set(SANS_IO) or name_of(path) in SANS_IO_MODULES
        for other in imported(path)
        if within(other, IO)
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


def test_every_module_has_its_tests() -> None:
    """A test file of its name, or one in the folder of that name which imports it: one for a subject."""
    missing = []
    for path in MODULES:
        folder = ROOT / "tests" / path.relative_to(ROOT / "logsrv").parent
        if path.name.startswith("__") or (folder / f"test_{path.name}").exists():
            continue
        if not any(name_of(path) in imported(test) for test in folder.glob("test_*.py")):
            missing.append(name_of(path))
    assert not missing
