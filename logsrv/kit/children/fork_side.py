"""The code inside a process of `forking.py`, which forks another process for each order. It imports no
Twisted.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress

from logsrv.kit.children.frames import MessageReader, frame_parts
from logsrv.kit.children.starting import fork

_LONGEST = 1 << 20


def fork_for_orders(
    work: Callable[[bytes], Iterable[bytes]], keep: Callable[[bytes], object]
) -> None:
    """Fork a process for each order of the service, and call `work` in this process, until the service
    closes the socket.

    The order comes through standard input, with the pipes of the process. In the process, standard input is
    the pipe by which the service ends it, and `work` writes its answer to standard output. It returns
    notes: `keep` gets each of them here, so that processes forked later have what it keeps.
    """
    numbers: dict[int, bytes] = {}
    # By the pipes from which notes come.
    readers: dict[int, MessageReader] = {}
    ended, wake = _wake_by_ends()
    with socket.socket(fileno=os.dup(0)) as orders:
        while True:
            ready, _, _ = select.select([ended, orders.fileno(), *readers], [], [])
            if ended in ready:
                # One byte stands for many ends: all that have come are looked for.
                os.read(ended, _LONGEST)
                _report_ends(numbers)
            for pipe in readers.keys() & ready:
                _take_notes(pipe, readers, keep)
            if orders.fileno() not in ready:
                continue
            order, pipes, _, _ = socket.recv_fds(orders, _LONGEST, 2)
            if not order:
                break
            number, _, order = order.partition(b" ")
            ends: tuple[int, ...] = ()
            try:
                ends = notes, its_notes = os.pipe()
                process = fork()
            except OSError as error:
                print(f"a process cannot be forked: {error.strerror}", file=sys.stderr, flush=True)
                _report_end(number, 1 << 8)
                pipes += ends
            else:
                if not process:
                    _forget_ends()
                    for pipe in (ended, wake, orders.fileno(), *readers, notes):
                        os.close(pipe)
                    _do_work(work, order, its_notes, *pipes)
                numbers[process] = number
                readers[notes] = MessageReader()
                pipes.append(its_notes)
            for pipe in pipes:
                os.close(pipe)
        # Nobody reads these any more, and a full pipe would keep its process.
        for pipe in readers:
            os.close(pipe)
    while numbers:
        process, status = os.wait()
        _report_end(numbers.pop(process), status)


def _wake_by_ends() -> tuple[int, int]:
    """Return the ends of a pipe whose first can be read after a process has ended.

    The handler does nothing: Python runs it between any two steps, inside itself too, when several end.
    """
    ended, wake = os.pipe()
    for pipe in (ended, wake):
        os.set_blocking(pipe, False)
    # A full pipe has woken us already.
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return ended, wake


def _forget_ends() -> None:
    """Let a forked process have nothing of that."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # In Python 3.12 asyncio, if it is imported, has done so at the fork.
    signal.set_wakeup_fd(-1)


def _report_ends(numbers: dict[int, bytes]) -> None:
    while numbers:
        process, status = os.waitpid(-1, os.WNOHANG)
        if not process:
            return
        _report_end(numbers.pop(process), status)


def _report_end(number: bytes, status: int) -> None:
    code = os.waitstatus_to_exitcode(status)
    os.write(1, b"".join(frame_parts(b"%s %d" % (number, code))))


def _take_notes(
    pipe: int, readers: dict[int, MessageReader], keep: Callable[[bytes], object]
) -> None:
    data = os.read(pipe, _LONGEST)
    for pieces in readers[pipe].receive(data):
        keep(b"".join(pieces))
    if not data:
        del readers[pipe]
        os.close(pipe)


def _do_work(
    work: Callable[[bytes], Iterable[bytes]], order: bytes, notes: int, life: int, answer: int
) -> None:
    status = 1
    try:
        os.setpgid(0, 0)
        for number, pipe in enumerate((life, answer)):
            os.dup2(pipe, number)
            os.close(pipe)
        end_with_input()
        # It may have been closed before.
        if not select.select([0], [], [], 0)[0]:
            found = work(order)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            with suppress(BrokenPipeError), open(notes, "wb") as file:
                for note in found:
                    file.writelines(frame_parts(note))
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def end_with_input() -> None:
    """Let the kernel end this process group as soon as the other end of the pipe at standard input is
    closed.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
