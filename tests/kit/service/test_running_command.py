"""How a running process was started, by its files in /proc."""

import os
from pathlib import Path

import pytest

from logsrv.kit.service import check_service, running_command


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of process 7."""
    for module in (check_service, running_command):
        monkeypatch.setattr(module, "PROC", tmp_path)
    (tmp_path / "7").mkdir()
    return tmp_path / "7"


def write(proc: Path, command: str, **variables: str) -> None:
    (proc / "cmdline").write_text("".join(f"{word}\0" for word in command.split()))
    pairs = "".join(f"{name}={text}\0" for name, text in variables.items())
    (proc / "environ").write_text(pairs)


def test_its_options_its_folder_and_its_variables(proc, tmp_path):
    write(proc, "python /opt/twistd -n logsrv --config x.toml", LOGSRV_LISTEN="tcp:1=2", HOME="/")
    os.symlink(tmp_path, proc / "cwd")
    found = running_command.running_command(7, "logsrv")
    assert found is not None and found.words == ("--config", "x.toml")
    assert found.environment == {"LISTEN": "tcp:1=2"}
    assert found.config == tmp_path / "x.toml"


def test_a_file_that_a_variable_names(proc):
    """Without the right to see its folder, relative paths start at the root."""
    write(proc, "twist logsrv", LOGSRV_CONFIG="etc/x.toml")
    found = running_command.running_command(7, "logsrv")
    assert found is not None and found.config == Path("/etc/x.toml")


@pytest.mark.parametrize("command", ["", "sleep 9", "twistd -n greet", "vi logsrv.toml logsrv"])
def test_a_process_with_another_command_is_none(proc, command):
    write(proc, command)
    assert running_command.running_command(7, "logsrv") is None
