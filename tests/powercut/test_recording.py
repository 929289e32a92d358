"""The record has all operations of a program below a directory, in order; calls fail as a rule says."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.powercut.history import History
from tests.parts.powercut.models import MODELS, Choice, image
from tests.parts.powercut.recording import Kind, Recording

PROGRAM = """
import os, subprocess, sys
root = os.open(".", os.O_RDONLY)
os.mkdir("deep")
fd = os.open("deep/one", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
os.writev(fd, [b"first ", b"second"])
other = os.open("two", os.O_RDWR | os.O_CREAT, 0o600, dir_fd=root)
os.pwrite(other, b"x" * 5000, 100)
os.ftruncate(other, 3000)
os.fdatasync(other)
os.rename("two", "deep/three", src_dir_fd=root, dst_dir_fd=root)
os.link("deep/three", "four")
os.unlink("deep/one")
subprocess.run([sys.executable, "-c", "open('by a child', 'w').write('hello')"])
subprocess.run([sys.executable, "-c", f"import os; os.write({other}, b'handed over')"], pass_fds=[other])
open("by a child", "a").write(", world")
os.fsync(root)
"""
FAULTS = """
import os
def tell(step):
    try:
        step()
        print("ok")
    except OSError as error:
        print(error.errno)
one = os.open("log", os.O_RDWR | os.O_CREAT, 0o600)
two = os.open("log", os.O_RDWR)
tell(lambda: os.fdatasync(one))
tell(lambda: os.fdatasync(one))
tell(lambda: os.fdatasync(one))
tell(lambda: os.fsync(two))
tell(lambda: os.fsync(two))
tell(lambda: os.fsync(os.open("log", os.O_RDWR)))
tell(lambda: os.link("log", "second"))
tell(lambda: os.write(one, b"x"))
tell(lambda: os.write(one, b"y"))
tell(lambda: os.fdatasync(one))
"""


@pytest.fixture
def recording(tmp_path: Path, shim: Path) -> Recording:
    (tmp_path / "root").mkdir()
    return Recording(tmp_path / "root", shim, sync_takes=0)


def run(recording: Recording, program: str) -> list[str]:
    environment = {**os.environ, **recording.environment}
    words = [sys.executable, "-c", program]
    done = subprocess.run(
        words,
        check=True,
        env=environment,
        cwd=recording.root,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
    )
    return done.stdout.split()


def there(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def replayed(history: History) -> dict[str, bytes]:
    """Return the files that result from the record if nothing is lost."""
    made = image(MODELS["alice"], history, Choice(history.length, frozenset(), "all"))
    return {path: made.texts[node] for path, node in made.entries.items() if node in made.texts}


def test_a_replayed_record_gives_the_files_on_the_disk(recording):
    run(recording, PROGRAM)
    assert replayed(History(recording.operations())) == there(recording.root)
    assert len(there(recording.root)) == 3


def test_a_sync_makes_certain_what_was_done_before_it_began(recording):
    run(recording, PROGRAM)
    history = History(recording.operations())
    (file,) = [file for file in history.files.values() if file.syncs]
    (sync,) = file.syncs
    assert file.certain(sync.end) == ()
    assert file.with_changes(file.certain(sync.end + 1)) == bytes(100) + b"x" * 2900
    assert history.folders[""][0].good


def test_errors_are_reported_as_linux_reports_them(recording):
    """Each open file description gets a failed write-back once; other errors come from the call itself."""
    log = "*/log"
    recording.fail(Kind.SYNC, log, errno.EIO, skip=1, place=0)
    recording.fail(Kind.LINK, log, errno.ENOSPC, place=1)
    recording.fail(Kind.WRITE, log, errno.ENOSPC, place=2)
    recording.fail(Kind.WRITE, log, errno.EIO, late=True, place=3)
    told = run(recording, FAULTS)
    eio, full = str(errno.EIO), str(errno.ENOSPC)
    assert told == ["ok", eio, "ok", eio, "ok", "ok", full, full, "ok", eio]


def test_changes_before_a_failed_sync_never_become_certain(recording):
    program = """
import os
fd = os.open("log", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
os.write(fd, b"lost")
try:
    os.fdatasync(fd)
except OSError:
    os.write(fd, b"kept")
    os.fdatasync(fd)
"""
    recording.fail(Kind.SYNC, "*/log", errno.EIO)
    run(recording, program)
    history = History(recording.operations())
    (file,) = history.files.values()
    assert file.with_changes(file.certain(history.length)) == bytes(4) + b"kept"
