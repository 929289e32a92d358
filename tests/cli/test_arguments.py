"""What the commands share on the command line."""

from pathlib import Path

import pytest

from logsrv.cli.arguments import INSTALLED, tell, usual_store
from logsrv.linelog.commands.service_settings import names_configuration, service_settings
from tests.parts.commands import HOSTILE, logsrv

SERVICE = 'directory = "/srv/lines"\n[[listener]]\nlisten = "tcp:1234"\n'


def test_what_is_told_drives_no_terminal(capsys):
    tell("a file named \x1b[2J is there")
    assert capsys.readouterr().err == "a file named \\x1b[2J is there\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOGSRV_DIRECTORY", raising=False)


def configured(tmp_path: Path, text: str = SERVICE) -> str:
    (tmp_path / "logsrv.toml").write_text(text)
    return str(tmp_path / "logsrv.toml")


def test_the_usual_store_is_that_of_the_installed_service(tmp_path):
    assert usual_store(configured(tmp_path)) == "/srv/lines"


def test_the_nearest_store_is_the_usual(tmp_path, monkeypatch):
    (tmp_path / "logs").mkdir()
    assert usual_store(configured(tmp_path)) == "logs"
    monkeypatch.setenv("LOGSRV_DIRECTORY", "/var/log/lines")
    assert usual_store(configured(tmp_path)) == "/var/log/lines"


@pytest.mark.parametrize("text", ["", "directory = 1", 'directory = "lines"', "directory = ["])
def test_a_configuration_without_a_store_is_ignored(text, tmp_path):
    assert usual_store(configured(tmp_path, text)) == "logs"
    assert usual_store(str(tmp_path / "none.toml")) == "logs"


def test_an_unreadable_file_has_a_store(tmp_path, monkeypatch):
    """Then the store is named, and why it cannot be read."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr("builtins.open", refused)
    assert usual_store("/etc/logsrv.toml") == INSTALLED


@pytest.mark.parametrize(
    "words",
    [
        ["doctor"],
        ["doctor", "--repair"],
        ["backup", "DIR", "to"],
        ["backup", "DIR"],
        ["restore", "--from", "DIR", "to"],
        ["restore", "--from", "backup"],
        ["reindex", "--directory"],
        ["search", "word", "--directory"],
        ["tail", "--directory"],
        ["show", "1:0", "--directory"],
        ["sql", "select 1", "--directory"],
        ["ship", "--status", "--directory"],
        ["import", "file", "--directory"],
        ["check", "--config"],
        ["check", "--", "--directory"],
    ],
)
def test_a_path_forges_no_sentence_of_a_command(tmp_path, words):
    """A directory that is no store, or is not there."""
    for directory in (tmp_path / "here" / HOSTILE, tmp_path / "away" / HOSTILE):
        path = str(directory)
        (tmp_path / "here" / HOSTILE).mkdir(parents=True, exist_ok=True)
        given = [word.replace("DIR", path) for word in words]
        done = logsrv(*given, *([] if "DIR" in words else [path]), directory=tmp_path)
        said = (done.stdout + done.stderr).decode()
        assert said.replace("\n", "").isprintable()
        sentences = [one for one in done.stderr.splitlines() if not one.startswith(b"    ")]
        # `check` prints findings; an empty directory has no segment without an index.
        if words[0] not in ("check", "reindex"):
            assert done.returncode and len(sentences) == 1
        assert not [line for line in said.splitlines() if line.startswith("in all: forged")]


def test_the_configuration_of_the_service_of_this_machine(tmp_path, monkeypatch):
    """Unless another is named, by an option or its variable."""
    for name in ("usual", "other"):
        text = f'directory = "/srv/{name}"\n[[listener]]\nlisten = "tcp:1234"\n'
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(
        "logsrv.linelog.commands.service_settings.CONFIGURATION", str(tmp_path / "usual")
    )
    monkeypatch.delenv("LOGSRV_CONFIG", raising=False)
    assert str(service_settings({}).directory) == "/srv/usual"
    assert str(service_settings({"config": [str(tmp_path / "other")]}).directory) == "/srv/other"
    assert not names_configuration({})
    assert (
        str(service_settings({"directory": ["/srv/given"]}, usual=False).directory) == "/srv/given"
    )
    monkeypatch.setenv("LOGSRV_CONFIG", str(tmp_path / "other"))
    assert names_configuration({})
    assert str(service_settings({}).directory) == "/srv/other"
