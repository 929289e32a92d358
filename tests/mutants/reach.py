"""The test files that may notice a change of a source, by kind of test, the nearest first."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

from tests.mutants.tree import ROOT
from tests.parts.modules import imported, name_of

QUICK = "not slow and not long"
_LATE = "not nightly and not package"
KINDS = {
    "own": QUICK,
    "folder": QUICK,
    "slow": "slow and not long",
    "long": f"long and {_LATE}",
    "elsewhere": "not long",
    "commands": _LATE,
    "end to end": _LATE,
    "power cuts": _LATE,
    "browser": _LATE,
    "fuzz": "not long",
}
"""The kinds of tests, in the order in which they are tried, with the marks of each."""
FIRST = ("own", "folder")
"""The quick tests of the own folder: the others are tried on what these do not kill."""
_ROOMS = {
    "browser": (
        "tests/linelog/http/page/",
        "tests/gopher/gateway/test_browser.py",
        "tests/end_to_end/test_live_page",
    ),
    "commands": ("tests/cli/",),
    "end to end": ("tests/end_to_end/",),
    "power cuts": ("tests/powercut/",),
    "fuzz": ("tests/fuzz/test_targets.py",),
}
_NOT_OF_LOGSRV = (
    "tests/bench/",
    "tests/debian/",
    "tests/docs/",
    "tests/mutants/",
    "tests/release/",
)
STEPS = 3
"""Quick and slow tests of other folders are tried if so many imports lead from them to the source."""
_STARTING = ("tests.cli.", "tests.end_to_end.", "tests.powercut.")
_OF_COMMAND = "_command"
"""The end of the names of modules with a command, and of their tests, beside those of `cli`."""
_STARTED = ("logsrv.linelog.plugin.service", "logsrv.cli.main")
"""What a test imports by starting a daemon or a command."""


@cache
def folder_of(file: str) -> str:
    """Return the folder with the tests of a source, with a slash at its end."""
    folder = ROOT / "tests" / Path(file).relative_to("logsrv").parent
    while not folder.is_dir():
        folder = folder.parent
    return f"{folder.relative_to(ROOT)}/"


@cache
def own_tests(file: str) -> list[str]:
    """Return the test files that are named after a source."""
    source = ROOT / file
    others = {path.stem for path in source.parent.glob("*.py")} - {source.stem}
    folder = ROOT / "tests" / source.relative_to(ROOT / "logsrv").parent
    return sorted(
        str(path.relative_to(ROOT))
        for path in folder.glob(f"test_{source.stem}*.py")
        if re.fullmatch(rf"test_{source.stem}(_\w+)?", path.stem)
        # test_ship_out.py belongs to ship_out.py, not to ship.py, if there is one.
        and path.stem.removeprefix("test_") not in others
    )


def kind_of(test: str, file: str) -> str:
    """Return the kind of a test file for a source: `folder` if it lies beside the source's own tests."""
    folder = folder_of(file)
    # All tests lie below the root of the tests.
    beside = test.startswith(folder) and (folder != "tests/" or test.count("/") == 1)
    rooms = [kind for kind, beginnings in _ROOMS.items() if test.startswith(beginnings)]
    if test.endswith(f"{_OF_COMMAND}.py"):
        rooms.append("commands")
    if beside and "browser" not in rooms:
        return "folder"
    return rooms[0] if rooms else "elsewhere"


def files_for(kind: str, file: str) -> list[str]:
    """Return the files with tests of a kind that may notice a change of a source, the nearest first."""
    own = own_tests(file)
    if kind == "own":
        return own
    where = "folder" if kind in ("slow", "long") else kind
    steps = {} if where == "folder" else steps_to(name_of(ROOT / file))
    found = []
    for test in _all_tests():
        far = 0 if where == "folder" else steps.get(name_of(ROOT / test), 99)
        near = far <= (STEPS if kind == "elsewhere" else 98)
        if near and kind_of(test, file) == where and not (kind == "folder" and test in own):
            found.append((test not in own, -_words_shared(test, file), far, test))
    return [test for *_, test in sorted(found)]


@cache
def _all_tests() -> list[str]:
    tests = (str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py"))
    return sorted(test for test in tests if not test.startswith(_NOT_OF_LOGSRV))


def _words_shared(test: str, file: str) -> int:
    """Return how many words of a source's path are in the name of a test file."""
    return sum(word in Path(test).stem for word in re.findall(r"[a-z]{3,}", file[len("logsrv/") :]))


@cache
def _importers() -> dict[str, set[str]]:
    """Return the modules that import each module, or have its name in a string."""
    paths = [
        path for room in ("logsrv", "tests", "twisted") for path in (ROOT / room).rglob("*.py")
    ]
    modules = {name_of(path): path for path in paths if "node_modules" not in path.parts}
    found = defaultdict(set)
    for name, path in modules.items():
        others = set(imported(path))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.partition(":")[0]
                others.add(text)
        if name == "logsrv.cli.main":
            # It finds the commands by looking into folders.
            others |= {
                each
                for each in modules
                if each.startswith("logsrv.cli.") or each.endswith(_OF_COMMAND)
            }
        if name == "logsrv.linelog.parts.registry":
            # It finds the parts of the line logger in the same way.
            others |= {
                each for each in modules if "linelog.parts.part" in modules[each].read_text()
            }
        if name.startswith(_STARTING) or name.endswith(_OF_COMMAND):
            others |= {*_STARTED}
        if (room := name.rpartition(".")[0]) != "tests":
            others.add(f"{room}.conftest")
        for other in others & set(modules):
            found[other].add(name)
    return found


@cache
def steps_to(module: str) -> dict[str, int]:
    """Return by how many imports each module that reaches another is away from it."""
    steps, edge = {module: 0}, [module]
    while edge:
        edge = [one for near in edge for one in _importers()[near]]
        far = 1 + max(steps.values())
        edge = [one for one in dict.fromkeys(edge) if one not in steps]
        steps |= dict.fromkeys(edge, far)
    return steps
