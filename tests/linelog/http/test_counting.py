"""A store that is counted again and again, by a process that knows what it has counted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.http.counting import StoreCounter
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segments.segment import Form, sealed_segments
from tests.kit.children.spawned import read_message, send
from tests.linelog.read.stores import line, lines, make_store, note_listings


def test_what_is_written_rotated_sealed_and_removed_meanwhile(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", [lines(["a"]), lines(["b", "c"], 5), []], packed=1)
    counter = StoreCounter(lambda _: None)

    def counted() -> Any:
        return json.loads(counter.answer(str(store)))

    assert (counted()["segments"], counted()["lines"], counted()["position"]) == (3, 3, "3:0")
    (store / "current.log").write_bytes(line("d", 9))
    assert counted()["lines"] == 4 and counted()["position"] == f"3:{len(line('d'))}"
    before = counted()["compressed"]
    disk = Disk().enter(store)
    [plain] = [one for one in sealed_segments(disk) if one.form is Form.PLAIN]
    seal(plain, disk)
    disk.leave()
    assert counted()["compressed"] > before and counted()["lines"] == 4
    for path in store.glob("0000000001*"):
        path.unlink()
    assert (counted()["segments"], counted()["lines"]) == (2, 3)


def test_a_store_in_which_nothing_has_another_name_is_not_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(tmp_path / "store", [lines(["a"]), lines(["b"], 5)])
    os.utime(store, (1, 1))
    counter = StoreCounter(lambda _: None)
    counter.answer(str(store))
    listed = note_listings(monkeypatch)
    for _ in range(3):
        counter.answer(str(store))
    assert not listed
    (store / "new").touch()
    counter.answer(str(store))
    assert listed


def test_the_process(tmp_path: Path) -> None:
    """A message for each question; a store that is gone is an answer, too."""
    store = make_store(tmp_path / "store", [lines(["a"])])
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "logsrv.linelog.http.counting"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert read_message(process.stdout) == b""
        send(process, os.fsencode(store))
        assert json.loads(read_message(process.stdout))["lines"] == 1
        shutil.rmtree(store)
        send(process, os.fsencode(store))
        assert json.loads(read_message(process.stdout)) == {"error": "the store was removed"}
        process.stdin.close()
        assert process.wait() == 0


def test_a_store_that_cannot_be_read(tmp_path: Path) -> None:
    counter = StoreCounter(lambda _: None)
    found = json.loads(counter.answer(str(tmp_path / "nowhere")))
    assert "nowhere cannot be read" in found["error"]
