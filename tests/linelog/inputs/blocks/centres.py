"""A centre for tests: a store on this disk, which gives out what it has without a network."""

from collections.abc import Callable
from pathlib import Path

from logsrv.linelog.inputs.blocks.client import CentreClient, GoneError
from logsrv.linelog.inputs.blocks.copy_source import (
    read_centre_state,
    read_file_piece,
    read_text_piece,
)
from logsrv.linelog.inputs.blocks.state import CentreState, decode_state, encode_state
from logsrv.linelog.store.origins.notes import BlockNote, Snapshot
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import Position, active_number
from tests.parts.archived_stores import STORE

EDGE = 32 * "e"
PIECE = 50_000


class NearCentre(CentreClient):
    """A centre whose origin EDGE is at the end of its text. before: called before each piece."""

    def __init__(self, directory: Path) -> None:
        self.disk = Disk().open_directory(directory)
        self.before: Callable[[str], object] = lambda name: None
        self.asked: list[str] = []

    def fetch_state(self) -> CentreState:
        self.asked.append("state")
        size = self.disk.stat("current.log").st_size
        end = Position(active_number(self.disk), size)
        start = Position(end.segment, max(0, size - 10))
        notes = (BlockNote(start, EDGE, Position(7, 0), Position(7, size - start.offset), 1),)
        return decode_state(
            encode_state(read_centre_state(self.disk, STORE, Snapshot(end, notes if size else ())))
        )

    def fetch_piece(self, name: str, begin: int, end: int) -> bytes:
        self.asked.append(name)
        self.before(name)
        end = min(end, begin + PIECE)
        if name.isdigit():
            found = read_text_piece(self.disk, int(name), begin, end)
        else:
            found = read_file_piece(self.disk, name, begin, end)
        if not found:
            raise GoneError("it is gone")
        return found
