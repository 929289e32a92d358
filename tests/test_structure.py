"""The rules of this project that a machine can check: imports, time, tests for every folder."""

from pathlib import Path

import logsrv.kit
from tests.layers import LEAVES, is_door, is_private, may_import, within
from tests.parts.modules import MODULES, ROOT, imported, name_of, names_on_the_page

NAMES = frozenset(map(name_of, MODULES))

# Beside logsrv: programs of ours, and tests of what no user of the kit sees. The tests of a folder may
# import its private modules; so may these tests, which are of the kit but stand elsewhere.
PROGRAMS = ("bench", "docs", "packaging", "site", "twisted", "examples", "tests")
TESTS_OF_THE_KIT = (
    "tests/test_come_and_go.py",
    "tests/test_cuts.py",
    "tests/fuzz/targets/lines.py",
    "tests/fuzz/targets/net.py",
)

# Folders of these names: bytes in, values out. They import neither Twisted nor sockets nor a clock.
SANS_IO = ("text", "framing", "wire", "fields", "query", "linelog/lines")
# So do these modules in each folder of a wire format.
OF_FORMATS = ("parse.py", "send.py")
# Modules that get their clock as an argument, so that a test can control it.
TIMELESS = tuple(
    f"logsrv.linelog.{one}" for one in ("store", "cursors", "formats", "lake", "ship", "alerts")
)
# Modules that those may import, and that follow the same rule.
SANS_IO_MODULES = (
    *("logsrv.kit.options.declare", "logsrv.kit.options.kinds"),
    *("logsrv.linelog.intake.blocks.parse", "logsrv.linelog.intake.over_http.parse"),
    *("logsrv.linelog.read.outgoing_json", "logsrv.linelog.store.packed_block"),
)
IO = ("twisted", "socket", "asyncio", "time", "threading", "selectors", "ssl")


def test_imports_point_down():
    wrong = [
        f"{name_of(path)} imports {other}"
        for path in MODULES
        if name_of(path) != "logsrv"
        for other in imported(path)
        if other.startswith("logsrv.") and not may_import(name_of(path), other)
    ]
    assert not wrong


def test_nothing_imports_a_leaf():
    """It can be taken away: only tables of plugins name it, as they would name a stranger's."""
    wrong = [
        f"{name_of(path)} imports {other}"
        for leaf in LEAVES
        for path in MODULES
        if not within(name_of(path), leaf)
        for other in imported(path)
        if within(other, leaf)
    ]
    assert not wrong


def private_imports(path: Path, importer: str) -> list[str]:
    """Return a sentence for each import of a private module of somebody else's."""
    # `from logsrv.kit import _name` imports the module logsrv.kit._name if there is one.
    return [
        f"{path.relative_to(ROOT)} imports {other}"
        for other in imported(path)
        if other in NAMES and not is_door(other, importer)
    ]


def test_private_modules_are_imported_by_their_own_package_alone():
    assert not [wrong for path in MODULES for wrong in private_imports(path, name_of(path))]


def test_programs_and_tests_beside_the_package_import_public_modules():
    found = []
    for path in (each for folder in PROGRAMS for each in sorted((ROOT / folder).rglob("*.py"))):
        place = path.relative_to(ROOT).as_posix()
        # The tests of logsrv.X are in tests/X.
        importer = place.replace("tests/", "logsrv/", 1).replace("/", ".")
        if place not in TESTS_OF_THE_KIT and "node_modules" not in path.parts:
            found += private_imports(path, importer)
    assert not found


def test_an_import_of_a_private_module_is_noticed():
    assert not is_door("logsrv.kit.service._stop", "logsrv.linelog.plugin.service")
    assert not is_door("logsrv.kit._inner.names", "logsrv.cli.check")
    assert is_door("logsrv.kit.service._stop", "logsrv.kit.inspect._view")
    assert is_door("logsrv.kit.service.sites", "logsrv.cli.check")
    assert is_door("logsrv.__version__", "logsrv.cli.check")


def test_every_public_module_of_the_kit_is_on_its_page():
    modules = {
        name_of(path)
        for path in MODULES
        if within(name_of(path), "logsrv.kit") and path.name != "__init__.py"
    }
    public = {name for name in modules if not any(map(is_private, name.split(".")))}
    assert names_on_the_page().keys() == public


def test_every_name_of_the_kit_that_is_imported_is_on_its_page():
    """So whoever changes the kit can see what others use."""
    page = names_on_the_page()
    wrong = {
        f"{name_of(path)} imports {other}"
        for path in MODULES
        if not within(name_of(path), "logsrv.kit")
        for other in imported(path)
        for module, _, name in [other.rpartition(".")]
        if module in page and name not in page[module]
    }
    assert not wrong


def test_the_model_plugin_imports_only_what_the_kit_offers():
    """It imports only the names that `logsrv.kit` offers."""
    offered = {"logsrv.kit", *(f"logsrv.kit.{name}" for name in dir(logsrv.kit))}
    found = {other for path in MODULES if "greet" in path.parts for other in imported(path)}
    assert {other for other in found if within(other, "logsrv.kit")} <= offered


def has_no_io(path: Path) -> bool:
    """Return whether a module has to be free of I/O, by its folder or its name."""
    folder = f"/{path.relative_to(ROOT).parent}/"
    return (
        any(f"/{one}/" in folder for one in SANS_IO)
        or ("/formats/" in folder and path.name in OF_FORMATS)
        or name_of(path) in SANS_IO_MODULES
    )


def test_parsers_do_no_io():
    wrong = [
        f"{name_of(path)} imports {other}"
        for path in MODULES
        if has_no_io(path)
        for other in imported(path)
        if any(within(other, module) for module in IO)
    ]
    assert not wrong


def test_modules_with_a_clock_as_argument_do_not_import_time():
    wrong = [
        f"{name_of(path)} imports {other}"
        for path in MODULES
        if any(within(name_of(path), folder) for folder in TIMELESS)
        for other in imported(path)
        if within(other, "time")
    ]
    assert not wrong


def test_imports_have_no_cycle():
    names = {name_of(path): path for path in MODULES}
    graph = {
        name: {other for other in imported(path) if other in names and other != name}
        for name, path in names.items()
        # The __init__.py of a package offers the names inside it.
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


def test_every_folder_has_its_tests():
    """Tests are in the folder of the same name: a test module for each subject of one or more modules."""
    missing = {
        str(path.parent.relative_to(ROOT))
        for path in MODULES
        if not path.name.startswith("__")
        if not [*(ROOT / "tests" / path.relative_to(ROOT / "logsrv").parent).glob("test_*.py")]
    }
    assert not missing
