"""What `logsrv plugins` prints."""

import pytest

from tests.parts.commands import logsrv
from tests.parts.plugin_files import PLUGIN

pytestmark = pytest.mark.slow


def test_plugins_are_listed_as_a_table():
    """A line for each, with where it listens."""
    shown = logsrv("plugins")
    assert shown.returncode == 0
    rows = {line.split()[0]: line.split() for line in shown.stdout.decode().splitlines() if line}
    assert rows["PLUGIN"] == ["PLUGIN", "VERSION", "LISTENS", "AT", "PACKAGE", "FILE"]
    assert rows["logsrv"][2:4] == ["tcp:1234", "logsrv"]
    assert rows["lines"][3] == "logsrv"


def test_broken_plugins_are_listed_below_with_status_1(tmp_path):
    """And the status says so to scripts."""
    folder = tmp_path / "twisted" / "plugins"
    folder.mkdir(parents=True)
    (folder / "wrong.py").write_text("raise ValueError('\\x1b[2J')")
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(PLUGIN.format(name="same"))
    shown = logsrv("plugins", environment={"PYTHONPATH": str(tmp_path)})
    assert shown.returncode == 1
    text = shown.stdout.decode()
    assert f"broken: {folder}/wrong.py: ValueError: \\x1b[2J ({folder}/wrong.py:1)\n" in text
    assert "warning: same exists twice" in text
    assert "logsrv " in text


def test_a_plugin_that_does_not_listen_is_listed(tmp_path):
    folder = tmp_path / "twisted" / "plugins"
    folder.mkdir(parents=True)
    (folder / "job.py").write_text(
        "from logsrv.kit import protocol_plugin\n"
        "job = protocol_plugin('job', listen=(), state='somewhere.jobs:Job')\n"
    )
    shown = logsrv("plugins", environment={"PYTHONPATH": str(tmp_path)})
    assert b"\njob " in shown.stdout, shown.stderr.decode()


def test_a_plugin_here_that_is_not_on_the_path_is_told(tmp_path):
    folder = tmp_path / "twisted" / "plugins"
    folder.mkdir(parents=True)
    (folder / "one.py").write_text(PLUGIN.format(name="one"))
    shown = logsrv("plugins", directory=tmp_path)
    assert b"\none " not in shown.stdout
    assert (
        b"twisted/plugins in this directory is not on Python's path: try PYTHONPATH=$PWD"
        in shown.stderr
    )
    checked = logsrv("check", "--plugin", "one", directory=tmp_path)
    assert checked.returncode == 2
    assert b"one is no plugin of twistd; logsrv plugins lists them; twisted/plu" in checked.stderr
    assert b"try PYTHONPATH=$PWD" in checked.stderr
    shown = logsrv("plugins", directory=tmp_path, environment={"PYTHONPATH": str(tmp_path)})
    assert b"\none " in shown.stdout
    assert shown.stderr == b""
