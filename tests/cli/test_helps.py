"""All helps: they fit a terminal, name nothing that is not installed, and have an example."""

import re
from pathlib import Path

import pytest
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

from logsrv.cli import command
from logsrv.gopher.command import main as gopher_command

PLUGINS = ("logsrv", "greet", "gopher", "gopherd")


def helps(monkeypatch: pytest.MonkeyPatch, columns: int) -> dict[str, str]:
    """The help of every command, by its name."""
    monkeypatch.setenv("COLUMNS", str(columns))
    found = {"logsrv": command.commands_help_text()}
    for name, one in command.COMMANDS.ours().items():
        found[f"logsrv {name}"] = command.parser_of(one).format_help()
    for name in ("", *gopher_command.COMMANDS):
        found[f"gopher {name}"] = gopher_command.parser_of(name).format_help()
    return found


def plugin_help(plugin: str, word: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `twistd PLUGIN --help` prints below twistd's own line."""
    [maker] = [maker for maker in getPlugins(IServiceMaker) if maker.tapname == plugin]
    with pytest.raises(SystemExit) as ended:
        maker.options().parseOptions([word])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_every_help_fits_and_has_an_example(monkeypatch, columns):
    for name, text in helps(monkeypatch, columns).items():
        # Examples stand as they are.
        widest = max(len(line) for line in text.splitlines() if not line.startswith("  "))
        assert widest <= (80 if name == "logsrv" else columns), name
        assert max(map(len, text.splitlines())) <= max(columns, 80), name
        assert "docs/" not in text and ".md" not in text, name
        assert name == "logsrv" or "\nExample" in text, name
        assert len(text.partition("\n\n")[0]) <= 80, name


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_help_of_every_plugin_fits_and_has_an_example(plugin, capsys, monkeypatch):
    for columns in ("", "80", "60"):
        monkeypatch.setenv("COLUMNS", columns)
        for word in ("--help", "--help-all"):
            text = plugin_help(plugin, word, capsys)
            # Examples stand as they are.
            rows = [row for row in text.splitlines() if not row.startswith("  twistd ")]
            assert max(map(len, rows)) <= int(columns or 80)
            assert max(map(len, text.splitlines())) <= 80
            assert "\nExample" in text
            assert ".md" not in text and "docs/" not in text


def test_the_essentials_of_the_logger_fit_two_screens(capsys):
    short, whole = (plugin_help("logsrv", word, capsys) for word in ("--help", "--help-all"))
    assert len(short.splitlines()) < 80 < len(whole.splitlines())
    assert "--help-all shows all" in short and "--listen" in short and "--ship-ca" not in short
    assert "--ship-ca" in whole and "\nAlerts:\n" in whole


def test_no_sentence_names_a_file_that_pip_does_not_install():
    folder = Path(command.__file__).parents[1]
    for path in folder.rglob("*.py"):
        if "template" not in path.parts:
            assert not re.search(r"\bdocs/\w+\.md|\b\w+\.md\b", path.read_text()), path
