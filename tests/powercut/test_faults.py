"""When a sync fails, lines that were not synced are not acknowledged, whichever thread gets the error."""

import contextlib
import errno
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.powercut.history import History
from tests.parts.powercut.models import MODELS, Choice, image
from tests.parts.powercut.recording import Kind, Recording
from tests.powercut.seen import ID
from tests.powercut.trying import lines_of
from tests.powercut.workloads import STORE, Stage, line

pytestmark = pytest.mark.slow

ACTIVE, ROTATED = f"*/{STORE}/current.log", f"*/{STORE}/current.log (deleted)"
OPEN = b"1 open 30 relp_version=0\ncommands=syslog\n"


@pytest.fixture
def stage(tmp_path: Path, shim: Path) -> Iterator[Stage]:
    (tmp_path / "root").mkdir()
    # Long enough that two threads of the store sync at the same time.
    with Stage(Recording(tmp_path / "root", shim, sync_takes=0.1), tmp_path) as stage:
        stage.make_directory()
        yield stage


def acknowledged(stage: Stage, number: int) -> bool:
    """Send a line over a connection of its own; return whether it is acknowledged."""
    assert stage.server is not None
    with socket.create_connection(("127.0.0.1", stage.server.port()), PATIENCE) as connection:
        text = line(number, 100)
        connection.sendall(OPEN + b"2 syslog %d %b\n3 close 0\n" % (len(text), text))
        answers = b""
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(65536):
                answers += data
    return b"2 rsp 6 200 OK\n" in answers


def certain_ids(stage: Stage) -> set[int]:
    """Return the ids of the lines that are on the medium after the worst cut."""
    history = History(stage.recording.operations())
    made = image(MODELS["alice"], history, Choice(history.length, frozenset(), "none"))
    return {int(one[1]) for one in map(ID.search, lines_of(made)) if one}


def test_no_line_is_acknowledged_if_its_sync_failed_beside_a_rotated_segment(stage):
    """The thread that syncs rotated segments must not get the error in place of the writer."""
    stage.start("--sync", "always", "--rotate-size", "2KiB")
    stage.recording.fail(Kind.SYNC, ROTATED, errno.EIO, times=2)
    before = [number for number in range(1, 12) if acknowledged(stage, number * 100)]
    assert len(before) == 11
    # From here on every write is lost, and the next sync gets the error.
    stage.recording.fail(Kind.WRITE, ACTIVE, errno.EIO, late=True, times=1000, place=1)
    lost = [number for number in range(12, 32) if acknowledged(stage, number * 100)]
    stage.recording.fail(Kind.WRITE, ACTIVE, errno.EIO, times=0, place=1)
    assert not lost, f"{len(lost)} of 20 lines were acknowledged, and are on no disk"
    assert stage.server is not None
    stage.server.wait_for_log("can be synced again")
    assert acknowledged(stage, 40 * 100)
    stage.server.stop(signal.SIGKILL)
    assert {number * 100 for number in [*before, 40]} <= certain_ids(stage)


@pytest.mark.parametrize("kind", [Kind.LINK, Kind.RENAME, Kind.CREATE, Kind.SYNC])
def test_a_rotation_that_fails_once_loses_nothing(stage, kind):
    """It holds for each step: no space for a name, no new file, a failed sync of the directory."""
    stage.start("--sync", "always", "--rotate-size", "1KiB")
    pattern = f"*/{STORE}" if kind is Kind.SYNC else f"*/{STORE}/current.log*"
    stage.recording.fail(kind, pattern, errno.EIO if kind is Kind.SYNC else errno.ENOSPC)
    sent = [number for number in range(1, 13) if acknowledged(stage, number)]
    assert len(sent) > 5
    stage.server.stop(signal.SIGKILL)  # type: ignore[union-attr]
    assert set(sent) <= certain_ids(stage)
