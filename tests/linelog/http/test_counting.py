"""A store that is counted again and again, by a process that knows what it has counted."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

from logsrv.linelog.http.counting import StoreCounter, StoreTotals
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import Form, sealed_segments
from tests.parts.child_processes import read_message, send
from tests.parts.stores import line, lines, make_store, note_listings, view_of


def test_totals_follow_writing_rotation_sealing_and_removal(tmp_path):
    store = make_store(tmp_path / "store", [lines(["a"]), lines(["b", "c"], 5), []], packed=1)
    counter = StoreCounter(lambda _: None)

    def counted() -> Any:
        return json.loads(counter.count_as_json(str(store)))

    assert (counted()["segments"], counted()["lines"], counted()["position"]) == (3, 3, "3:0")
    (store / "current.log").write_bytes(line("d", 9))
    assert counted()["lines"] == 4 and counted()["position"] == f"3:{len(line('d'))}"
    before = counted()["compressed"]
    disk = Disk().open_directory(store)
    [plain] = [one for one in sealed_segments(disk) if one.form is Form.PLAIN]
    seal(plain, disk)
    disk.close()
    assert counted()["compressed"] > before and counted()["lines"] == 4
    for path in store.glob("0000000001*"):
        path.unlink()
    assert (counted()["segments"], counted()["lines"]) == (2, 3)


def test_a_store_in_which_nothing_has_another_name_is_not_listed_again(tmp_path, monkeypatch):
    store = make_store(tmp_path / "store", [lines(["a"]), lines(["b"], 5)])
    os.utime(store, (1, 1))
    counter = StoreCounter(lambda _: None)
    counter.count_as_json(str(store))
    listed = note_listings(monkeypatch)
    for _ in range(3):
        counter.count_as_json(str(store))
    assert not listed
    (store / "new").touch()
    counter.count_as_json(str(store))
    assert listed


def test_the_counting_process_answers_each_message(tmp_path):
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


def test_a_store_that_cannot_be_counted_is_an_error_object(tmp_path):
    counter = StoreCounter(lambda _: None)
    found = json.loads(counter.count_as_json(str(tmp_path / "nowhere")))
    assert "nowhere cannot be read" in found["error"]


def test_segments_of_all_forms_are_counted(tmp_path):
    texts = [lines(["a", "b", "c"], 0), lines(["d"], 10), lines(["e", "f"], 20)]
    store = make_store(tmp_path / "store", texts, packed=1)
    view = view_of(store)
    totals = StoreTotals()
    found = totals.stats_answer(view)
    assert (found["segments"], found["lines"]) == (3, 6)
    assert found["bytes"] == sum(len(line) for text in texts for line in text)
    assert found["compressed"] == next(store.glob("*.zst")).stat().st_size
    assert found["oldest"] == "2026-11-20T06:00:00.000000Z"
    assert found["newest"] == "2026-11-20T06:00:21.000000Z"
    assert found["position"] == f"3:{sum(map(len, texts[2]))}"
    with (store / "current.log").open("ab") as file:
        file.writelines(lines(["g"], 30))
    assert totals.stats_answer(view)["lines"] == 7
    assert totals.stats_answer(view)["newest"] == "2026-11-20T06:00:30.000000Z"
    view.close()


def test_late_lines_are_neither_the_oldest_nor_the_newest_by_their_place(tmp_path):
    """The clock was set back, in a sealed segment and in the active one."""
    texts = [lines(["a", "b"], 10), [*lines(["c"], 20), *lines(["late"], 5), *lines(["d"], 15)]]
    view = view_of(make_store(tmp_path / "store", texts))
    totals = StoreTotals()
    for _ in range(2):
        found = totals.stats_answer(view)
        assert found["oldest"] == "2026-11-20T06:00:05.000000Z"
        assert found["newest"] == "2026-11-20T06:00:20.000000Z"
    view.close()


def test_a_removed_segment_counts_no_more(tmp_path):
    store = make_store(tmp_path / "store", [lines(["a"]), lines(["b"], 5)])
    view = view_of(store)
    totals = StoreTotals()
    assert totals.stats_answer(view)["lines"] == 2
    for path in store.glob("0000000001*"):
        path.unlink()
    view.refresh()
    assert (totals.stats_answer(view)["segments"], totals.stats_answer(view)["lines"]) == (1, 1)
    view.close()


def test_a_text_that_was_cut_is_counted_anew(tmp_path):
    texts = lines(["a", "b", "c"], 0)
    store = make_store(tmp_path / "store", [texts])
    view = view_of(store)
    totals = StoreTotals()
    assert totals.stats_answer(view)["lines"] == 3
    with (store / "current.log").open("ab") as file:
        file.truncate(len(texts[0]))
    found = totals.stats_answer(view)
    assert (found["lines"], found["newest"]) == (1, "2026-11-20T06:00:00.000000Z")
    view.close()


def test_an_empty_store_has_no_lines_and_no_times(tmp_path):
    view = view_of(make_store(tmp_path / "store", [[]]))
    found = StoreTotals().stats_answer(view)
    assert (found["lines"], found["oldest"], found["newest"]) == (0, None, None)
    assert found["position"] == "1:0"
    view.close()
