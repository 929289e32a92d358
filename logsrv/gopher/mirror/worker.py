"""A second process that fetches files: answers that come at once keep one processor busy, and there are
more.

    fetching ── jobs ──► worker      NUMBER TAB KNOWN TAB URL-TO-SELECTOR TAB SELECTOR TAB PATH LF
             ◄─ ended ──             NUMBER TAB SIZE TAB CHANGED LF, NUMBER LF,
                                     NUMBER TAB PHASE TAB SECONDS LF, + RECEIVED LF

It decides nothing and explains nothing: a job that fails in it is handed back, to be asked for again by
who has the words for what went wrong; but nobody is waited for twice. It ends when the pipe of its jobs
does, and so with the process that began it, however that one ends.
"""

from __future__ import annotations

import _thread
import os
from io import FileIO

from logsrv.gopher.mirror.scope import is_menu
from logsrv.gopher.mirror.sinks import Stored
from logsrv.gopher.wire.errors import TimedOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable

    from logsrv.gopher.mirror.queue import Job
    from logsrv.gopher.wire.errors import Phase
else:
    # As in `command.main`.
    import _signal as signal

# What may wait in it: enough to be busy until more comes, few enough to be done when all else is.
_MOST_JOBS = 128
_CHUNK = 64 * 1024


class HandedBack(Exception):
    """The worker did not bring it about."""


def can_work() -> bool:
    """Return true if there is a processor for a second process, and it is safe to begin one by forking:
    no other thread can hold a lock.
    """
    if not hasattr(os, "fork") or _thread._count():
        return False
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) > 1
    return (os.cpu_count() or 1) > 1


class Worker:
    """The process, seen from the one that began it.

    process: its number. results: the descriptor that is readable when `ended` has something to tell.
    gone: it has ended.
    """

    def __init__(self, work: Callable[[int, int], None]) -> None:
        """work: called in the new process, with the descriptors that jobs come from and go to.

        Raises OSError if there may be no other process, or no more files.
        """
        self.gone = False
        self._jobs: dict[int, Job] = {}
        self._number = 0
        self._unsent = bytearray()
        self._torn = b""
        self._most = _MOST_JOBS
        self._is_short = True
        ends: list[int] = []
        own = os.getpid()
        try:
            for _ in range(2):
                ends += os.pipe()
            jobs, to_worker, self.results, from_worker = ends
            self.process = os.fork()
            if not self.process:
                for number in (signal.SIGINT, signal.SIGTERM):
                    # The other process hears of it as well, and stops this one.
                    signal.signal(number, signal.SIG_IGN)
                os.close(to_worker)
                os.close(self.results)
                work(jobs, from_worker)
                os._exit(0)
        except OSError:
            for end in ends:
                os.close(end)
            raise
        finally:
            # Whatever goes wrong, this is never a second one of what goes on in the first.
            if os.getpid() != own:
                os._exit(1)
        os.close(jobs)
        os.close(from_worker)
        self._to_worker = FileIO(to_worker, "wb")
        os.set_blocking(to_worker, False)
        os.set_blocking(self.results, False)

    def takes(self, job: Job) -> bool:
        """Return true if `job` may be given to it now: many together, as that takes less time for each."""
        if job.here or is_menu(job.url) or self._to_worker.closed:
            return False
        if len(self._jobs) <= self._most // 2:
            self._is_short = True
        if len(self._jobs) >= self._most:
            self._is_short = False
        return self._is_short

    def share(self, waiting: int) -> None:
        """Take no more than half of what waits: at the end nobody should wait for the other, nor for
        this process to end.
        """
        self._most = min(_MOST_JOBS, waiting // 2)
        if not waiting and not self._jobs:
            self._to_worker.close()

    def give(self, job: Job) -> None:
        """Let it be fetched with the next `send`."""
        self._number += 1
        self._jobs[self._number] = job
        url = job.url
        assert job.path is not None
        self._unsent += b"%d\t%d\t%s\t%s\t%s\n" % (
            self._number,
            job.known,
            url.until_selector.encode(),
            url.selector,
            "/".join(job.path).encode("utf-8", "surrogateescape"),
        )

    def send(self) -> None:
        """Send what was given, as far as the pipe takes it."""
        if self._unsent:
            try:
                # None if it has enough to do.
                del self._unsent[: self._to_worker.write(self._unsent) or 0]
            except BrokenPipeError:
                # It has ended, as is seen where it is read from.
                pass

    def ended(self) -> tuple[int, list[Job]]:
        """Return how many bytes have come, and the jobs that have ended: all, if it has ended itself."""
        try:
            data = os.read(self.results, _CHUNK)
        except BlockingIOError:
            return 0, []
        received = 0
        ended = []
        *lines, self._torn = (self._torn + data).split(b"\n")
        for line in lines:
            if line[:1] == b"+":
                received += int(line)
                continue
            number, *found = line.split(b"\t")
            job = self._jobs.pop(int(number))
            if not found:
                job.error = HandedBack()
            elif found[0].isdigit():
                job.got = Stored(int(found[0]), found[1] == b"1")
            else:
                phase: Phase = found[0].decode()  # type: ignore[assignment]
                job.error = TimedOut(job.url.address, phase, float(found[1]))
            ended.append(job)
        if not data:
            self.gone = True
            for job in self._jobs.values():
                job.error = HandedBack()
            ended += self._jobs.values()
            self._jobs.clear()
        return received, ended

    def stop(self) -> tuple[int, list[Job]]:
        """Return the same as `ended`, of all that it will ever have done."""
        self._to_worker.close()
        os.set_blocking(self.results, True)
        received = 0
        ended = []
        while not self.gone:
            more, jobs = self.ended()
            received += more
            ended += jobs
        return received, ended

    def close(self) -> None:
        """Let go of one that is gone."""
        self._to_worker.close()
        os.close(self.results)
        os.waitpid(self.process, 0)
