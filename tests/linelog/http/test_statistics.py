"""The totals of a store, by a process that knows what it has counted: one answer for all who ask."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.statistics import FRESH_SECONDS, IDLE_SECONDS, StoreStatistics
from logsrv.linelog.http.statistics_child import StoreCounter, StoreTotals
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.seal import seal
from logsrv.linelog.store.segment import Form, sealed_segments
from tests.parts.child_processes import Spawner, read_message, send
from tests.parts.reactor import logged
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
        [sys.executable, "-P", "-m", "logsrv.linelog.http.statistics_child"],
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


def test_late_lines_are_neither_the_oldest_nor_the_newest_by_their_place(tmp_path):
    """The clock was set back, in a sealed segment and in the active one."""
    texts = [lines(["a", "b"], 10), [*lines(["c"], 20), *lines(["late"], 5), *lines(["d"], 15)]]
    view = view_of(make_store(tmp_path / "store", texts))
    totals = StoreTotals()
    for _ in range(2):
        found = totals.stats_answer(view)
        assert found["oldest"] == "2026-11-20T06:00:05.000000Z"
        assert found["newest"] == "2026-11-20T06:00:20.000000Z"


def test_a_removed_segment_counts_no_more(tmp_path):
    store = make_store(tmp_path / "store", [lines(["a"]), lines(["b"], 5)])
    view = view_of(store)
    totals = StoreTotals()
    assert totals.stats_answer(view)["lines"] == 2
    for path in store.glob("0000000001*"):
        path.unlink()
    view.refresh()
    assert (totals.stats_answer(view)["segments"], totals.stats_answer(view)["lines"]) == (1, 1)


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


def test_an_empty_store_has_no_lines_and_no_times(tmp_path):
    view = view_of(make_store(tmp_path / "store", [[]]))
    found = StoreTotals().stats_answer(view)
    assert (found["lines"], found["oldest"], found["newest"]) == (0, None, None)
    assert found["position"] == "1:0"


class Place:
    """Totals that a test counts, and what those who ask have got."""

    def __init__(self) -> None:
        self.reactor = Spawner()
        self.statistics = StoreStatistics(lambda: "/logs", self.reactor)
        self.got: list[Any] = []

    def ask(self) -> None:
        started = len(self.reactor.processes)
        self.statistics.request_totals().addCallbacks(
            self.got.append, lambda why: self.got.append(why.value)
        )
        if len(self.reactor.processes) > started:
            # It has begun.
            self.reactor.last.say()

    def answer(self, data: bytes) -> None:
        self.reactor.last.say(data)


@pytest.fixture
def place() -> Place:
    return Place()


def test_one_count_for_all_who_ask(place):
    place.ask()
    place.ask()
    assert place.reactor.last.said == [b"/logs"] and not place.got
    place.answer(b'{"lines": 1}\n')
    place.ask()
    assert place.got == [b'{"lines": 1}\n'] * 3
    place.reactor.advance(2 * FRESH_SECONDS)
    place.ask()
    place.answer(b'{"lines": 2}\n')
    assert place.got[3:] == [b'{"lines": 2}\n'] and len(place.reactor.processes) == 1


def test_the_counting_process_ends_when_nobody_asks(place):
    place.ask()
    place.answer(b"{}\n")
    place.reactor.advance(IDLE_SECONDS)
    assert place.reactor.last.closed
    place.ask()
    assert len(place.reactor.processes) == 2


def test_a_store_that_cannot_be_counted_is_a_problem(place):
    """Who asks hears why; the next one finds the store that is there then."""
    place.ask()
    place.answer(b'{"error": "the store was removed"}\n')
    assert [str(one) for one in place.got] == ["the store was removed"]
    assert isinstance(place.got[0], Problem) and place.got[0].status == 503
    place.ask()
    place.answer(b"{}\n")
    assert place.got[-1] == b"{}\n"


def test_a_counting_process_that_dies_is_a_problem(place):
    place.ask()
    with logged() as messages:
        place.reactor.last.end(signal=9)
    assert "the process that counts was ended by SIGKILL" in messages[0]
    assert "the server's log says why" in str(place.got[0])
    place.ask()
    assert len(place.reactor.processes) == 2


def test_stop_ends_the_counting_process(place):
    place.ask()
    assert place.statistics.stop().called and place.reactor.last.killed
    assert "being stopped" in str(place.got[0])
    place.ask()
    assert "being stopped" in str(place.got[1])


def test_a_count_that_takes_long_is_waited_for(place):
    place.ask()
    place.reactor.advance(2 * IDLE_SECONDS)
    place.ask()
    place.answer(b"{}\n")
    assert place.got == [b"{}\n"] * 2 and not place.reactor.last.killed
