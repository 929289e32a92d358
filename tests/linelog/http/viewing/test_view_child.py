"""The process of the live views by itself, with the test in the daemon's place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logsrv.kit.children.child_side import NICE
from logsrv.kit.testing import wait_until
from logsrv.linelog.http.viewing.view_protocol import ViewEvents, decode_events
from logsrv.linelog.store.segments.segment import Position
from tests.kit.children.spawned import read_message, send
from tests.linelog.read.stores import line, make_store

COMMAND = (sys.executable, "-P", "-m", "logsrv.linelog.http.viewing.view_child")


class LiveViews:
    """The process, and what it has handed out."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def join(self, viewer: int, begin: Position) -> None:
        order = json.dumps(["join", viewer, ["", False], str(begin), None]).encode()
        send(self.process, order)

    def next(self) -> ViewEvents:
        assert self.process.stdout is not None
        return decode_events(read_message(self.process.stdout))


@contextmanager
def viewing(directory: Path) -> Iterator[LiveViews]:
    process = subprocess.Popen(
        [*COMMAND, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield LiveViews(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


def test_new_lines_are_sent_to_viewers(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", [[line("before")]])
    with viewing(store) as views:
        views.join(1, Position(1, len(line("before"))))
        assert views.next() == ViewEvents((1,), live=True)
        for message in ("first", "second"):
            with (store / "current.log").open("ab") as file:
                file.write(line(message))
            handed = views.next()
            assert handed.lines == 1 and f'"message":"{message}"'.encode() in handed.data
        assert os.getpriority(os.PRIO_PROCESS, views.process.pid) >= NICE


def test_the_process_of_live_views_ends_with_its_daemon(tmp_path: Path) -> None:
    """Also while it has viewers: nothing but the end of its input is needed."""
    with viewing(make_store(tmp_path / "store", [[]])) as views:
        views.join(1, Position(1, 0))
        assert views.next().live
        assert views.process.stdin is not None
        views.process.stdin.close()
        assert wait_until(lambda: views.process.poll() is not None, "its end")
        assert views.process.returncode == 0


def test_a_store_that_cannot_be_read_ends_the_process_with_a_sentence(tmp_path: Path) -> None:
    """It says why in a sentence and ends."""
    with viewing(tmp_path / "nowhere") as views:
        views.process.wait()
        assert views.process.stderr is not None
        said = views.process.stderr.read().decode()
        assert views.process.returncode == 1
        assert "cannot be read" in said and "Traceback" not in said
