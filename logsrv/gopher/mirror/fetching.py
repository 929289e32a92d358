"""The jobs that are on their way: a few at a time, within limits, each with the sink for its answer."""

from __future__ import annotations

import math

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.settings import Limits, Timeouts
from logsrv.gopher.fetch.transfers.socket_transfer import SocketTransfer
from logsrv.gopher.fetch.transfers.transfers import Transfers
from logsrv.gopher.mirror.disk.folders import Folders
from logsrv.gopher.mirror.disk.sinks import FileSink, MenuSink
from logsrv.gopher.mirror.queue import Job
from logsrv.gopher.wire.errors import Truncated
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.value import Value

# pygopherd, for one, lets no more than five connections wait.
_FEW = 4
_MOST_OF_A_MENU = Limits().menu
_TIME_FOR_A_MENU = Timeouts().whole


class Manners(Value):
    """Limits of a run. connections: at a time, None for a few; delay: seconds from one request to the next;
    items, bytes: of the whole mirror; item_bytes: of one answer.
    """

    connections: int | None = None
    delay: float = 0.0
    items: int = 100_000
    bytes: int = 10 * 1024**3
    item_bytes: int | None = None
    ignore_robots: bool = False


class Fetching:
    """Starts jobs, and hands back those that have ended. connections: how many it may have at a time."""

    def __init__(
        self,
        transfers: Transfers,
        folders: Folders,
        connections: int | None,
        item_bytes: int | None,
    ) -> None:
        """connections: None for a few. item_bytes: the most that one answer may have."""
        self.connections = connections or _FEW
        self._transfers = transfers
        self._folders = folders
        self._item_bytes = item_bytes
        self._jobs: dict[SocketTransfer, Job] = {}

    def has_room(self) -> bool:
        """Return true if a job may be started now."""
        return len(self._jobs) < self.connections

    def start(self, job: Job) -> None:
        """Ask for it. Raises LinkInTheWay, OSError."""
        job.tries += 1
        url = job.url
        kind = item_type(url.item_type).transfer
        sink: MenuSink | FileSink
        most_bytes: int | None
        if kind == "menu":
            sink = MenuSink()
            most_bytes, most_seconds = self._item_bytes or _MOST_OF_A_MENU, _TIME_FOR_A_MENU
        else:
            assert job.path is not None
            path = self._folders.path(job.path)
            sink = FileSink(path, text=kind == "text", known=job.known)
            most_bytes, most_seconds = self._item_bytes, math.inf
        transfer = self._transfers.start(
            url, sink, most_bytes=most_bytes, most_seconds=most_seconds
        )
        self._jobs[transfer] = job

    def wait(self, seconds: float) -> list[Job]:
        """Return what has ended, after at most `seconds`."""
        return self._of(self._transfers.wait(seconds))

    def settle(self, job: Job) -> None:
        """Let the file of a job that has ended appear; should that fail, `error` tells."""
        if job.error is None and isinstance(job.got, FileSink):
            assert job.path is not None
            try:
                self._folders.look_again(job.path)
                if job.got.is_missing:
                    raise Truncated(
                        job.url.address, 0, "nothing came, and there was something before"
                    )
                job.got.store()
            except (LogsrvError, OSError) as error:
                job.got.abort()
                job.error = error

    def ended(self) -> list[Job]:
        """Return what has ended already, for a run that stops before its end."""
        return self._of(self._transfers.ended())

    def _of(self, ended: list[SocketTransfer]) -> list[Job]:
        """Return the jobs that these were for; rules of the server have none."""
        jobs = []
        for transfer in ended:
            job = self._jobs.pop(transfer, None)
            if job is not None:
                job.error, job.got = transfer.error, transfer.sink
                jobs.append(job)
        return jobs
