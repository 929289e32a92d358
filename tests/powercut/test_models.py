"""Each model finds the defect of a program that forgets a sync, and none in a program that does not.

The program keeps one number in a file, and replaces the file by another; a mark says when a number must
last.
"""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.powercut.history import History
from tests.parts.powercut.models import MODELS, Model, image
from tests.parts.powercut.recording import Recording
from tests.powercut.trying import choices

PROGRAM = """
import ctypes, os, sys
root, forgets = sys.argv[1:]
shim = ctypes.CDLL(None)
folder = os.open(root, os.O_RDONLY)
for number in range(1, 9):
    fd = os.open("new", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=folder)
    os.write(fd, b"%d " % number * 3000 + b"end")
    if forgets != "file":
        os.fdatasync(fd)
    os.close(fd)
    os.rename("new", "kept", src_dir_fd=folder, dst_dir_fd=folder)
    if forgets != "folder":
        os.fsync(folder)
    shim.powercut_mark(b"kept %d" % number)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def recorded(root: Path, shim: Path, forgets: str) -> History:
    recording = Recording(root, shim, sync_takes=0)
    words = [sys.executable, "-c", PROGRAM, str(root), forgets]
    subprocess.run(
        words, check=True, env={**os.environ, **recording.environment}, timeout=5 * PATIENCE
    )
    history = History(recording.operations())
    recording.close()
    return history


def wrong_states(history: History, model: str) -> int:
    """Return in how many of 500 states the file has neither the last promised number nor a newer one."""
    found = 0
    for choice in itertools.islice(choices(MODELS[model], history, 1), 500):
        made = image(MODELS[model], history, choice)
        promised = [int(mark[5:]) for mark, at in history.marks.items() if at < choice.cut]
        text = made.texts.get(made.entries.get("kept", -1), b"0 ")
        number = int(text.split()[0]) if text[:1].isdigit() else -1
        whole = not number or text == b"%d " % number * 3000 + b"end"
        found += number < max(promised, default=0) or not whole
    return found


@pytest.mark.parametrize("model", MODELS)
def test_a_program_that_syncs_all_passes(root, shim, model):
    assert not wrong_states(recorded(root, shim, "nothing"), model)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("forgets", ["file", "folder"])
def test_a_program_that_forgets_a_sync_is_caught(root, shim, model, forgets):
    assert wrong_states(recorded(root, shim, forgets), model)


def test_ext4_writes_the_data_of_a_file_renamed_over_another(root, shim):
    """Its auto_da_alloc protects a program that XFS does not protect."""
    history = recorded(root, shim, "file")
    assert wrong_states(history, "ext4") < wrong_states(history, "xfs") / 3


def test_the_same_seed_gives_the_same_states(root, shim):
    history = recorded(root, shim, "folder")

    def some(model: Model) -> list[bytes]:
        first = itertools.islice(choices(model, history, 5), 100)
        return [image(model, history, one).digest() for one in first]

    for model in MODELS.values():
        once = some(model)
        assert once == some(model) and len(set(once)) > 10
