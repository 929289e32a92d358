"""The server's side of erases: it finishes interrupted ones, and logs what commands have erased."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.fault_state import InReactor
from logsrv.linelog.store.notes.erased import erased_or_none, load_erased, state_of_erasing
from logsrv.linelog.store.sealing.erase_lines import finish_erase

log = Logger()


class EraseWatch:
    """Looks after the erases of a store. Belongs to the thread that seals."""

    def __init__(self, disk: Disk, tell: InReactor) -> None:
        self._disk, self._tell = disk, tell
        self._state = state_of_erasing(disk)
        self._known = erased_or_none(disk).erasures

    def look(self, going: Callable[[], bool]) -> bool:
        """Finish an erase of which the command was killed, or the power failed; log new ones.

        going: returns false to stop. Returns whether lines were erased since the last look: then files have
        other sizes. Raises OSError, ValueError if the note is damaged, StoreError and Interrupted.
        """
        if (finished := finish_erase(self._disk, going)) is not None:
            say = "the erase of {time} was interrupted; it is finished now"
            self._tell(log.warn, say, time=finished.plan.time)
            for number, why in sorted(finished.outcome.damaged.items()):
                say = "segment {number} is not erased whole: {why}; see logsrv doctor"
                self._tell(log.error, say, number=number, why=why)
        state = state_of_erasing(self._disk)
        if state == self._state:
            return False
        self._state, known = state, self._known
        self._known = load_erased(self._disk).erasures
        for one in self._known:
            if one not in known:
                self._tell(log.info, "{what}", what=str(one))
        return True
