"""The table of the two distributions: each file is of one, and the kit needs nothing of the other."""

import configparser
from importlib.metadata import packages_distributions

import pytest

from logsrv.cli.command import COMMANDS
from logsrv.cli.line_logger import COMMANDS_OF_THE_LINE_LOGGER, has_line_logger, registries
from logsrv.cli.main import main
from logsrv.installation import how_to_install_line_logger
from logsrv.kit.plugins import PACKAGE
from tests.parts.modules import MODULES, ROOT, imported, name_of
from tests.parts.scripts import script

PARTS = script("wheels/parts.py")
TABLE, is_of_kit = PARTS["TABLE"], PARTS["is_of_kit"]
OF_KIT = [path for path in MODULES if is_of_kit(path.relative_to(ROOT).as_posix())]
# What only a command that reads a store asks for.
LATE = {"logsrv.cli.main": "logsrv.linelog.read"}


def test_each_entry_of_the_table_is_there():
    assert [each for each in TABLE["files"] if not (ROOT / each).exists()] == []
    assert [each for each in TABLE["source"] if not [*ROOT.glob(f"{each}*")]] == []


def test_the_kit_imports_nothing_of_the_line_logger():
    modules = {name_of(path) for path in MODULES}
    of_kit = {name_of(path) for path in OF_KIT}
    others = modules - of_kit
    found = [
        (name_of(path), each)
        for path in OF_KIT
        for each in imported(path)
        if each in others and not each.startswith(LATE.get(name_of(path), "-"))
    ]
    assert found == []


def test_the_kit_requires_what_it_imports():
    offered = packages_distributions()
    asked = {*TABLE["requires"], "pyopenssl", "service-identity"}
    found = {
        (name_of(path), each)
        for path in OF_KIT
        if ".testing" not in name_of(path)
        for each in {one.partition(".")[0] for one in imported(path)}
        if each in offered
        and each != "logsrv"
        and not {PARTS["name_of"](one) for one in offered[each]} & asked
    }
    # Used if it is installed.
    assert found == {("logsrv.kit.framing._telnet_bulk", "numpy")}


def test_the_requirements_of_the_kit_are_in_setup_cfg():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split("\n")
    assert {*TABLE["requires"]} <= {PARTS["name_of"](line) for line in lines}
    assert {*TABLE["extras"]} <= {*config["options.extras_require"]}


def test_each_command_is_of_the_kit_or_of_the_line_logger():
    files = {
        name: f"logsrv/{file.removeprefix(PACKAGE)}" for name, file in COMMANDS.files().items()
    }
    others = {name for name in COMMANDS.ours() if not is_of_kit(files[name])}
    assert others == COMMANDS_OF_THE_LINE_LOGGER


@pytest.fixture
def kit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line as it is where only `logsrv-kit` is installed."""
    ours = {path.stem.removesuffix("_"): str(path) for path in OF_KIT if path.parent.name == "cli"}
    monkeypatch.setattr(COMMANDS, "files", lambda: ours)
    monkeypatch.setattr(COMMANDS, "find", COMMANDS.all().get)
    monkeypatch.setattr("logsrv.cli.main.has_line_logger", lambda: False)


def test_a_command_of_the_line_logger_says_what_to_install(kit_alone, capsys):
    assert main(["search", "error"]) == 2
    said = f"logsrv: search needs the line logger: {how_to_install_line_logger()}\n"
    assert capsys.readouterr().err == said
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert how_to_install_line_logger() in out
    assert "  run " in out
    assert "  search " not in out


def test_the_registries_are_those_of_the_line_logger():
    assert has_line_logger()
    assert {*registries()} == {"inputs", "formats", "targets", "parts", "sources"}
