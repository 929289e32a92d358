"""The thread for long work: one piece after the other, and whatever it raises."""

from __future__ import annotations

import threading

from logsrv.linelog.framing.long_work import LongWork
from logsrv.linelog.inputs.intake.computing import ComputingThread

SECONDS = 60


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "computing"]


def test_one_piece_after_the_other_in_another_thread() -> None:
    computing, done, before = ComputingThread(), list[str](), threads()
    begin = threading.Event()
    works = [
        LongWork(lambda: done.append(f"{begin.wait(SECONDS)} {threading.get_ident()}")),
        LongWork(lambda: [][1]),
        LongWork(lambda: done.append("last")),
    ]
    waiting = [computing.begin(work) for work in works]
    assert not waiting[2].is_set()
    begin.set()
    assert all(one.wait(SECONDS) for one in waiting)
    first, last = done
    assert first.startswith("True ") and str(threading.get_ident()) not in first
    assert last == "last"
    [thread] = set(threads()) - set(before)
    computing.end()
    thread.join(SECONDS)
    assert not thread.is_alive()
