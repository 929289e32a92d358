"""A process that imports all modules for its work once, and then forks another process for each order.

To start Python and to import NumPy and Arrow takes 400 ms of CPU time; to fork takes 5. The service makes
the pipes of each forked process, and sends their other ends with the order.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from typing import Any

from twisted.internet.process import ProcessReader

from logsrv.kit.children.child_process import ChildProcess, ChildProcesses, ProcessEnd, Received
from logsrv.kit.children.frames import MessageReader

Ended = Callable[[Any, ProcessEnd], object]
_KILLED = ProcessEnd(None, signal.SIGKILL)


class ForkedProcess:
    """A forked process that was told what to do. It has the methods of `ChildProcess`, except `send`.

    ended: gets this object and how the process ended, once.
    """

    def __init__(self, reactor: Any, answer: int, life: int, ended: Ended) -> None:
        self.received: Received = lambda _: None
        self.over = False
        self._life = life
        self._ended = ended
        self._messages = MessageReader()
        self._open = True
        self._end: ProcessEnd | None = None
        self._reader = ProcessReader(reactor, self, "answer", answer)

    def pause(self) -> None:
        """Stop reading the output of the process; when the pipe is full, the process has to wait."""
        if self._open:
            self._reader.pauseProducing()

    def resume(self) -> None:
        """Read the output of the process again."""
        if self._open:
            self._reader.resumeProducing()

    def kill(self) -> None:
        """Kill the process and all processes that it forked: we close our pipe, and the kernel then kills
        them.
        """
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        self.resume()

    def handle_end(self, end: ProcessEnd) -> None:
        """Note how the process ended. Its last output may still be in the pipe."""
        self._end = self._end or end
        self.kill()
        self._tell_end()

    def childDataReceived(self, _: object, data: bytes) -> None:
        """Take what it has written (Twisted calls this)."""
        for message in self._messages.receive(data):
            self.received(message)

    def childConnectionLost(self, *_: object) -> None:
        """Take the end of what it writes (Twisted calls this)."""
        os.close(self._reader.fd)
        self._open = False
        self._tell_end()

    def _tell_end(self) -> None:
        if self._end is not None and not self._open and not self.over:
            self.over = True
            self._ended(self, self._end)


class ForkingProcess:
    """The process that forks another process for each order. It ends after `end` was called and all that it
    forked have ended.

    processes: of the owner, who is told of its end by `ended`.
    """

    def __init__(
        self, reactor: Any, processes: ChildProcesses, module: str, *arguments: str, ended: Ended
    ) -> None:
        self._reactor = reactor
        self._ended = ended
        self._numbers = count()
        self._forked: dict[int, ForkedProcess] = {}
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._orders.setblocking(False)
        files = {0: theirs.fileno(), 1: "r", 2: "r"}
        with theirs, ExitStack() as undo:
            undo.callback(self._orders.close)
            child = processes.start(
                module,
                *arguments,
                received=self._take_end,
                ended=self._handle_end,
                childFDs=files,
            )
            undo.pop_all()
        child.closed = self._end_forked

    def fork(self, order: bytes, ended: Ended) -> ForkedProcess:
        """Fork a process, and give the order to the forked process. Raises OSError if the order cannot be
        sent now.
        """
        number = next(self._numbers)
        with ExitStack() as theirs, ExitStack() as ours:
            answer, its_answer = os.pipe()
            ours.callback(os.close, answer)
            theirs.callback(os.close, its_answer)
            its_life, life = os.pipe()
            ours.callback(os.close, life)
            theirs.callback(os.close, its_life)
            socket.send_fds(self._orders, [b"%d " % number + order], [its_life, its_answer])
            ours.pop_all()
        self._forked[number] = found = ForkedProcess(self._reactor, answer, life, ended)
        return found

    def end(self) -> None:
        """Let the process end as soon as all processes that it forked have ended."""
        self._orders.close()

    def _end_forked(self) -> None:
        """End those that it has forked: from now on nobody tells how they end."""
        forked, self._forked = self._forked, {}
        for one in forked.values():
            one.handle_end(_KILLED)

    def _handle_end(self, _: ChildProcess, end: ProcessEnd) -> None:
        self.end()
        self._end_forked()
        self._ended(self, end)

    def _take_end(self, message: list[bytes]) -> None:
        number, code = map(int, b"".join(message).split())
        end = ProcessEnd(code) if code >= 0 else ProcessEnd(None, -code)
        self._forked.pop(number).handle_end(end)
