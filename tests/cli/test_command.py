"""Commands as plugins: ours are found in their files, strangers' in `twisted/plugins`."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from logsrv.cli.command import COMMANDS
from logsrv.kit.plugins import PACKAGE
from logsrv.kit.testing import examples
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import logsrv as run_logsrv
from tests.parts.modules import name_of
from tests.parts.plugin_files import write_command

KIT_PAGE = Path(__file__).parents[2] / "docs" / "kit.md"


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    """A folder for Python's path, with the command `stars`."""
    return write_command(tmp_path)


def logsrv(path: Path, *words: str) -> tuple[int, str, str]:
    """Run a command with a folder on Python's path; return its status, and what it printed."""
    done = run_logsrv(*words, environment={"PYTHONPATH": str(path)})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_what_a_command_is_stands_in_its_file():
    """What is read out of the file is what the module declares. No command is overlooked."""
    ours = COMMANDS.ours()
    written = [
        file
        for folder in ("cli", "linelog")
        for file in Path(PACKAGE, folder).rglob("*.py")
        if "\ndef declare(parser" in file.read_text()
    ]
    assert {name_of(file) for file in written} == {one.module for one in ours.values()}
    for name, command in ours.items():
        assert import_module(command.module).command == command
        assert command.name == name
        assert command.module.rpartition(".")[2].removesuffix("_command").rstrip("_") == name


def test_a_command_of_a_stranger_is_one_of_logsrv(strangers):
    assert logsrv(strangers, "stars", "3") == (3, "***\n", "")
    told = "logsrv stars: there are no more than 9 stars\n"
    assert logsrv(strangers, "stars", "10") == (2, "", told)
    _, listed, said = logsrv(strangers, "--help")
    assert "\n  stars     count the stars of a store\n" in listed and said == ""
    assert logsrv(strangers, "help")[1].startswith(listed)
    text = logsrv(strangers, "help", "stars")[1]
    assert text == logsrv(strangers, "stars", "--help")[1]
    assert text.startswith("usage: logsrv stars [OPTIONS] NUMBER\n\nPrint stars.")
    assert "stras is no command (did you mean stars?)" in logsrv(strangers, "stras")[2]


def test_the_example_of_the_guide_is_a_command(tmp_path):
    declared, work = [one for one in examples(KIT_PAGE.read_text()) if "stars" in one.code]
    assert work.name == "stars.py"
    (tmp_path / "stars.py").write_text(work.code)
    plugin = tmp_path / "twisted" / "plugins" / "stars_plugin.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(declared.code)
    assert logsrv(tmp_path, "stars", "3") == (0, "***\n", "")


def test_a_stranger_cannot_take_a_name_of_ours(strangers):
    assert "take a name of ours" not in logsrv(strangers, "--help")[1]
    assert logsrv(strangers, "search", "--help")[1].startswith("usage: logsrv search [OPTIONS]")


def test_a_command_whose_module_cannot_be_imported_is_one_sentence(strangers):
    module = strangers / "stars_package" / "command.py"
    module.write_text("\nimport nothing_there\n")
    why = f"ModuleNotFoundError: No module named 'nothing_there' ({module}:2)"
    told = f"logsrv stars: stars_package.command cannot be imported: {why}\n"
    assert logsrv(strangers, "stars", "3") == (1, "", told)
    assert "\n  stars " in logsrv(strangers, "--help")[1]
    module.write_text("def run(arguments): ...\n")
    told = f"logsrv stars: there is no stars_package.command:declare (in {module})\n"
    assert logsrv(strangers, "stars", "3") == (1, "", told)


def test_a_plugin_file_that_cannot_be_imported_costs_only_its_commands(strangers):
    plugin = strangers / "twisted" / "plugins" / "stars.py"
    plugin.write_text("from logsrv.cli.command import Nothing\n")
    status, listed, said = logsrv(strangers, "--help")
    assert status == 0 and "\n  search " in listed
    assert said.startswith(f"logsrv: {plugin} cannot be used: ImportError: cannot import name")
    assert said.count("\n") == 1
    status, _, said = logsrv(strangers, "stars")
    assert status == 2 and said.count("\n") == 2
    assert said.startswith(
        "logsrv: stars is no command; logsrv --help shows what there is\nlogsrv: "
    )
    assert logsrv(strangers, "help", "exit")[::2] == (0, "")


def test_a_command_of_ours_whose_import_fails_is_one_sentence_that_names_the_file(
    monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "logsrv.linelog.commands.reading", None)
    monkeypatch.delitem(sys.modules, "logsrv.linelog.sql.sql_command", raising=False)
    main = import_module("logsrv.cli.main").main
    # 1 would say that nothing was found.
    assert main(["sql", "select 1"]) == 2
    said = capsys.readouterr().err
    module = "logsrv.linelog.sql.sql_command"
    assert said.startswith(f"logsrv sql: {module} cannot be imported: ModuleNotFoundError: ")
    assert "/logsrv/linelog/sql/sql_command.py:" in said and said.count("\n") == 1


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["help", "exit"]])
def test_the_help_imports_neither_commands_nor_twisted(words):
    """So that it is there at once."""
    code = (
        "import sys; from logsrv.cli.main import main; main(sys.argv[1:]); "
        "found = 'logsrv.linelog.commands.search_command', 'twisted', 'attrs'; "
        "print([name for name in found if name in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, check=True, timeout=PATIENCE
    )
    assert shown.stdout.endswith(b"\n[]\n")
