"""What a start cuts off after a crash is told once: neither that start nor the next calls it lost."""

import os
from pathlib import Path

import attrs
import pytest
from twisted.logger import capturedLogs

from logsrv.linelog.store import recover
from logsrv.linelog.store.segments.segment import ACTIVE, SYNCED, Position, note_synced, save_number
from tests.linelog.store.origins.test_origins import TEXTS, two, written
from tests.parts.disks import at, stored

LINE = stored(b"one of the lines")
STAMP = LINE[: LINE.index(b"one of")]
LEFT = len(TEXTS[0]) // 2
BOTH = LINE + TEXTS[0] + TEXTS[1]


@attrs.frozen
class Crash:
    """What a crash left. text: of the active segment. synced: its bytes that were on the medium.

    blocks: whether the notes of two blocks, behind LINE, are there. lost: the bytes that are really lost.
    """

    text: bytes
    synced: int
    blocks: bool = False
    lost: int = 0


CRASHES = {
    "nothing": Crash(LINE, len(LINE)),
    "a torn line": Crash(LINE + LINE[:-5], 2 * len(LINE) - 5),
    "a part of a block": Crash(LINE + TEXTS[0][:LEFT], len(LINE) + LEFT, blocks=True),
    "a part that was partly synced": Crash(LINE + TEXTS[0][:LEFT], len(LINE) + 3, blocks=True),
    "a part of the second block": Crash(BOTH[:-9], len(BOTH) - 9, blocks=True),
    "two whole blocks": Crash(BOTH, len(BOTH), blocks=True),
    "a block that never began": Crash(LINE, len(LINE), blocks=True),
    "a block whose data never came": Crash(
        LINE + bytes(len(TEXTS[0])), len(LINE) + len(TEXTS[0]), blocks=True
    ),
    "a stamp without a message": Crash(LINE + STAMP, len(LINE + STAMP)),
    "half a stamp": Crash(LINE + STAMP[:11], len(LINE) + 11),
    "NULs at the end": Crash(LINE + bytes(512), len(LINE) + 512),
    "cut by somebody": Crash(LINE, len(LINE) + 70, lost=70),
    "cut by somebody in a block": Crash(
        LINE + TEXTS[0][:LEFT], len(LINE) + LEFT + 70, blocks=True, lost=70
    ),
    "all gone": Crash(b"", len(LINE), lost=len(LINE)),
}


def lost_bytes(directory: Path) -> list[int]:
    """Start a store after a kill; return the bytes that the log calls lost."""
    with capturedLogs() as events, at(directory) as disk:
        state = recover.repair_and_open(disk, crashed=True)
        os.close(state.opened.fd)
        os.close(state.opened.beside)
    said = [event for event in events if "the rest is lost" in event["log_format"]]
    return [event["synced"] - event["whole"] for event in said]


@pytest.mark.parametrize("name", CRASHES)
@pytest.mark.parametrize("sealed", [False, True])
def test_what_a_start_cuts_off_is_not_called_lost(name, sealed, tmp_path):
    """The next start finds the segment as it was left, or behind a rotation that it did not survive."""
    crash = CRASHES[name]
    (tmp_path / ACTIVE).write_bytes(crash.text)
    with at(tmp_path) as disk:
        save_number(5, disk)
        (tmp_path / SYNCED).write_bytes(b"")
        note_synced(Position(5, crash.synced), disk)
        if crash.blocks:
            written(disk, *two(5, len(LINE)))
    assert lost_bytes(tmp_path) == [crash.lost] * bool(crash.lost)
    if sealed:
        os.rename(tmp_path / ACTIVE, tmp_path / "0000000005-20261120T061842Z.log")
        with at(tmp_path) as disk:
            save_number(6, disk)
    assert lost_bytes(tmp_path) == []
