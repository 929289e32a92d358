"""A backup of a store, taken."""

from pathlib import Path

from logsrv.linelog.backup.backup import Backup
from logsrv.linelog.store.disk import Disk
from tests.parts.examined_stores import at


def take(store: Path, to: Path, *, delete: bool = False, disk: Disk | None = None) -> Backup:
    to.mkdir(exist_ok=True)
    made = Backup(at(store), disk or at(to), "backup", lambda: "2026-11-20T06:00:00Z")
    for _ in made.copy_segments(delete=delete):
        pass
    return made
