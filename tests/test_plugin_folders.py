"""Which folders of plugins are put on Python's path, and which are refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv import plugin_folders
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.users import as_root

ROOT = Path(__file__).parent.parent
OURS = {"logsrv", "logsrv.first_process", "logsrv.plugin_folders"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place with the folders `one` and `two`, beside a file."""
    monkeypatch.setattr(sys, "path", ["first"])
    monkeypatch.setattr(plugin_folders, "refused", {})
    for folder in (tmp_path, tmp_path / "two", tmp_path / "one"):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    (tmp_path / "file").touch()
    return tmp_path


@as_root
def test_folders_come_last_in_the_order_of_their_names(place):
    plugin_folders.add(str(place))
    assert sys.path == ["first", f"{place}/one", f"{place}/two"]
    assert plugin_folders.refused == {}


@as_root
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o700])
def test_a_folder_that_others_may_change_or_not_read_is_left_out(place, mode):
    (place / "one").chmod(mode)
    plugin_folders.add(str(place))
    assert sys.path == ["first", f"{place}/two"]
    [(folder, why)] = plugin_folders.refused.items()
    assert folder == f"{place}/one"
    assert f"chown -R root:root {folder}; chmod -R u=rwX,go=rX {folder}" in why


@as_root
def test_folders_of_another_user_or_in_a_writable_place_are_left_out(place):
    os.chown(place / "two", 65534, 65534)
    plugin_folders.add(str(place))
    assert sys.path == ["first", f"{place}/one"]
    assert list(plugin_folders.refused) == [f"{place}/two"]
    place.chmod(0o777)
    sys.path.remove(f"{place}/one")
    plugin_folders.add(str(place))
    assert sys.path == ["first"]


def test_a_missing_place_adds_no_folder(place):
    plugin_folders.add(f"{place}/nowhere")
    assert sys.path == ["first"]


def test_the_packaged_file_loads_nothing_else():
    """It is read whenever Python starts, also for a search."""
    lines = (ROOT / "packaging/logsrv.pth").read_text()
    seen = f"import sys; before = set(sys.modules)\n{lines}print(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", seen], capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE
    )
    assert set(done.stdout.split()) <= OURS, done.stderr
