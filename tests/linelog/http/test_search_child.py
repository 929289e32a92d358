"""A searching process: one request, one answer, within its limits."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.children.frames import MessageReader, frame_parts
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.http import replies
from logsrv.linelog.http.search_child import answer_request
from logsrv.linelog.http.searching.search_order import SearchOrder
from tests.leaks import killed
from tests.parts.child_processes import read_message, send
from tests.parts.search_orders import order_of, values_of
from tests.parts.stores import lines, make_store

COMMAND = [sys.executable, "-P", "-m", "logsrv.linelog.http.search_child"]
SEARCH = values_of("search")


def request(store: Path, function: str = "search", **values: Any) -> SearchOrder:
    return order_of(store, function, SEARCH | values)


def answered(asked: SearchOrder) -> tuple[int, list[Any]]:
    """The status and the lines of an answer made in this process."""
    sent: list[bytes] = []
    with killed():
        answer_request(asked, sent.append, pytest.fail)
    status, *body = sent
    return int(status), [json.loads(line) for line in b"".join(body).splitlines()]


def test_each_request_has_its_status_and_body(tmp_path):
    store = make_store(tmp_path / "store", [lines(["a", "b"])])
    status, found = answered(request(store))
    assert status == 200 and [line["message"] for line in found] == ["a", "b"]
    assert answered(request(store, q="nothing")) == (200, [])
    status, found = answered(request(store, q="status>="))
    assert status == 400 and found[0]["at"] >= 1
    status, found = answered(request(store, "show", position="1:1", before=0, after=0))
    assert status == 404
    status, found = answered(request(tmp_path / "nowhere"))
    assert status == 503 and "cannot be read" in found[0]["error"]


def test_a_failure_in_the_middle_is_the_last_line(tmp_path, monkeypatch):
    def exhausted(view: object, values: object) -> Iterator[bytes]:
        yield b'{"position": "1:0"}\n'
        raise MemoryError

    monkeypatch.setitem(replies.REPLIES, "search", exhausted)
    status, found = answered(request(make_store(tmp_path / "store", [[]])))
    assert status == 200 and "memory" in found[1]["error"]


def test_the_status_says_which_segments_are_missing(tmp_path):
    store = make_store(tmp_path / "store", [lines([name]) for name in "abc"])
    for path in store.glob("0000000002-*"):
        path.unlink()
    sent: list[bytes] = []
    with killed():
        answer_request(request(store), sent.append, lambda _: None)
    assert sent[0].startswith(b"200 segment 2 is missing, with lines from ")
    assert len(b"".join(sent[1:]).splitlines()) == 2


@pytest.mark.slow
def test_a_searching_process_answers_and_ends(tmp_path):
    """It ends by itself, and imports nothing of the directory it is started in.

    It begins without Twisted, and without NumPy, which takes longer to load than all else.
    """
    store = make_store(tmp_path / "store", [lines(["a"])])
    (tmp_path / "json.py").write_text("raise SystemExit('imported')")
    asked = b"".join(frame_parts(json.dumps(request(store)).encode()))
    done = subprocess.run(COMMAND, input=asked, capture_output=True, cwd=tmp_path, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")
    status, body = map(b"".join, MessageReader().receive(done.stdout))
    assert status == b"200" and body.startswith(b'{"position":"1:0"')
    check = (
        "import logsrv.linelog.http.search_child, sys;"
        " print(*{'twisted', 'numpy'} & {*sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", check], capture_output=True, timeout=PATIENCE)
    assert loaded.stdout == b"\n"


def test_a_process_without_a_request_ends(tmp_path):
    done = subprocess.run(COMMAND, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.slow
def test_a_searching_process_ends_with_its_server(tmp_path):
    """Also while it waits for somebody to read."""
    many = make_store(tmp_path / "store", [lines(["x" * 200] * 5000)])
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        asked = json.dumps(request(many, limit=100_000)).encode()
        send(process, asked)
        assert read_message(process.stdout) == b"200"
        assert os.getpgid(process.pid) == process.pid and os.getpriority(
            os.PRIO_PROCESS, process.pid
        )
        process.stdin.close()
        wait_until(lambda: process.poll() is not None, "its end")
        assert process.returncode == -signal.SIGIO
