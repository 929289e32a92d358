"""A thread for long work. Python changes between it and the reactor every 5 ms, so others are served."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Event, Thread

from logsrv.linelog.framing.long_work import LongWork


class ComputingThread:
    """The thread, which begins when it is first needed; it does one piece of work after the other.

    All listeners of a service share one: with each further one the reactor would get less of the processor.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[LongWork, Event] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def begin(self, work: LongWork) -> Event:
        """Have work done behind all that came before; return what is set when it is."""
        done = Event()
        self._waiting.put((work, done))
        if self._thread is None or not self._thread.is_alive():
            # The end of the process is not to wait for it.
            self._thread = Thread(target=self._run, name="computing", daemon=True)
            self._thread.start()
        return done

    def end(self) -> None:
        """Let the thread end behind all that came before."""
        if self._thread is not None:
            self._waiting.put(None)

    def _run(self) -> None:
        while (wanted := self._waiting.get()) is not None:
            work, done = wanted
            work.do()
            done.set()
            # Lets go of the result before the next work comes.
            del work, done, wanted
