"""Panels of boards whose answers take a while: how much is read, and what there is so far."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.http.counted_replies import steps_of_rows
from logsrv.linelog.steps.steps import Steps
from tests.linelog.http.page.answers import answer
from tests.linelog.http.page.boards import SETTLED, open_board, save_board
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import serious
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
BAR = "document.querySelector('.read-bar')"
NOTE = ".board-panel .note"


class Slow:
    """Lines that the server sends before its answer, and whether that may come."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.more, self.whole = threading.Event(), threading.Event()

    def send(self, handler: BaseHTTPRequestHandler, value: object) -> None:
        """Send some lines, others when `more` is set, and the whole answer when `whole` is."""
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        first, others = self.lines[:1], self.lines[1:]
        for some, event in ((first, self.more), (others, self.whole), ([{"answer": value}], None)):
            for one in some:
                handler.wfile.write(json.dumps(one).encode() + b"\n")
            assert event is None or event.wait(PATIENCE)


@pytest.fixture
def slow(logs: Logs) -> Iterator[Slow]:
    found = Slow()
    logs.told = found.send
    yield found
    found.more.set()
    found.whole.set()


def line(read: int, since: str, found: dict[str, Any] | None = None) -> dict[str, Any]:
    about = {"read": read, "of": 200} | ({"since": since} if found else {})
    return {"progress": about} | ({"answer": found} if found else {})


def test_a_table_is_shown_so_far_and_replaced_by_the_whole_one(logs: Logs, visit: Any, slow: Slow):
    save_board(logs, "| count by app", shape="table")
    logs.table = answer(["count"], [("a", 7), ("b", 3)], ("app",), None)
    part = answer(["count"], [("a", 2)], ("app",), None)
    slow.lines = [line(20, ""), line(77, "2026-11-20T14:05:09Z", part)]
    page: Page = visit("board?name=shop", ready=f"{BAR} && !{BAR}.hidden")
    assert page.text(NOTE).endswith("counting … 10 %")
    assert page.run(f"{BAR}.role") == "progressbar" and page.run(f"{BAR}.ariaValueNow") == "10"
    slow.more.set()
    page.wait("document.querySelectorAll('.board-panel tbody tr').length === 1")
    assert page.texts(".board-panel td.number") == ["2"]
    assert page.text(NOTE).endswith("counted since 20 Nov 14:05:09, 38 %")
    assert page.run(f"{BAR}.ariaValueText").endswith("38 %") and page.run(SETTLED)
    assert serious(page) == []
    slow.whole.set()
    page.wait("document.querySelectorAll('.board-panel tbody tr').length === 2")
    assert "counted at" in page.text(NOTE) and page.run(f"{BAR}.hidden")


def test_nothing_partial_is_shown_if_the_answer_comes_within_a_second(logs, visit, slow):
    save_board(logs, "| count by app", shape="table")
    logs.table = answer(["count"], [("a", 7)], ("app",), None)
    slow.lines = [line(77, "2026-11-20T14:05:09Z", answer(["count"], [("x", 2)], ("app",), None))]
    slow.more.set()
    slow.whole.set()
    page = open_board(visit, 1)
    assert page.texts(".board-panel td.number") == ["7"] and page.run(f"{BAR}.hidden")


def test_bars_have_none_where_nothing_is_counted_yet(logs, visit, slow):
    save_board(logs, "| count every 10m", shape="lines")
    logs.table = answer(["count"], [(step, 5) for step in range(6)])
    part = logs.table | {"rows": logs.table["rows"][4:]}
    part["steps"] = steps_of_rows(Steps(600), logs.table["rows"], "", "")
    slow.lines = [line(100, logs.table["rows"][4][0], part)]
    page: Page = visit("board?name=shop", ready="document.querySelector('.board-panel .curve')")
    points = "document.querySelector('.board-panel .curve').getAttribute('d').match(/[ML]/g).length"
    dots = "document.querySelectorAll('.board-panel circle').length"
    found = page.run(f"[{dots}, {points}]")
    slow.more.set()
    slow.whole.set()
    page.wait(f"{dots} > {found[0]}")
    assert found[0] == 2


def test_an_answer_that_is_there_is_not_replaced_by_a_part_of_the_next_one(logs, visit, slow):
    logs.send("x")
    save_board(logs, "| count by app", shape="table")
    logs.table = answer(["count"], [("a", 7)], ("app",), None)
    slow.more.set()
    slow.whole.set()
    page = open_board(visit, 1)
    slow.whole.clear()
    slow.lines = [line(9, ""), line(77, "2026-11-20T14:05:09Z", logs.table | {"rows": []})]
    asked = len(logs.asked)
    page.run("void (globalThis.now_ = performance.now(), performance.now = () => now_ + 30_000)")
    logs.send("more")
    wait_until(lambda: any("/api/table" in one for one in logs.asked[asked:]), "a request")
    page.run("new Promise((resolve) => setTimeout(resolve, 0))")
    assert page.texts(".board-panel td.number") == ["7"] and page.run(f"{BAR}.hidden")


def test_an_error_after_a_part_is_shown_and_the_bar_is_gone(logs, visit, slow):
    save_board(logs, "| count by app", shape="table")
    part = answer(["count"], [("a", 2)], ("app",), None)
    slow.lines = [
        line(77, "2026-11-20T14:05:09Z", part),
        {"error": "the search has taken 60 s and was ended"},
    ]
    page: Page = visit(
        "board?name=shop",
        ready="document.querySelectorAll('.board-panel tbody tr').length === 1",
    )
    slow.more.set()
    page.wait("document.querySelector('.board-panel > .alarm')")
    assert page.text(".board-panel > .alarm") == "the search has taken 60 s and was ended"
    assert page.run(f"{BAR}.hidden")


def test_a_number_is_shown_so_far_too(logs: Logs, visit: Any, slow: Slow):
    save_board(logs, "| count", shape="number")
    logs.saved[0].update(q="| count", last="all")  # type: ignore[index]
    logs.table = answer(["count"], [(7,)], (), None)
    part = answer(["count"], [(2,)], (), None)
    slow.lines = [line(20, ""), line(77, "2026-11-20T14:05:09Z", part)]
    page: Page = visit("board?name=shop", ready=f"{BAR} && !{BAR}.hidden")
    assert page.text(NOTE).endswith("counting … 10 %")
    slow.more.set()
    page.wait("document.querySelector('.number-value')?.textContent === '2'")
    assert page.text(NOTE).endswith("counted since 20 Nov 14:05:09, 38 %")
    assert serious(page) == []
    slow.whole.set()
    page.wait("document.querySelector('.number-value').textContent === '7'")
    assert "of all time" in page.text(NOTE) and page.run(f"{BAR}.hidden")


def test_figures_of_the_live_page_are_shown_so_far_too(logs: Logs, visit: Any, slow: Slow):
    logs.table = answer(["count"], [("a", 7), ("b", 3)], ("app",), None)
    part = answer(["count"], [("a", 2)], ("app",), None)
    slow.lines = [line(20, ""), line(77, "2026-11-20T14:05:09Z", part)]
    page: Page = visit("?q=%7C+count+by+app", ready="!!document.querySelector('#progress-words')")
    page.wait("document.querySelector('#progress-words').textContent.startsWith('counting … 10 %')")
    slow.more.set()
    page.wait("document.querySelectorAll('#table tbody tr').length === 1")
    sentence = "document.querySelector('#table-sentence').textContent"
    assert page.run(sentence).endswith("So far: counted since 20 Nov 14:05:09, 38 %.")
    assert page.run("document.querySelector('#table .read-bar').ariaValueNow") == "38"
    assert serious(page) == []
    slow.whole.set()
    page.wait("document.querySelectorAll('#table tbody tr').length === 2")
    assert "not live" in page.run(sentence)
    assert page.run("document.querySelector('#table .read-bar').hidden")


def test_figures_that_are_cancelled_stay_as_far_as_they_are(logs: Logs, visit: Any, slow: Slow):
    logs.table = answer(["count"], [("a", 7), ("b", 3)], ("app",), None)
    part = answer(["count"], [("a", 2)], ("app",), None)
    slow.lines = [line(77, "2026-11-20T14:05:09Z", part)]
    page: Page = visit("?q=%7C+count+by+app", ready="document.querySelector('#table tbody tr')")
    page.wait("document.querySelector('#progress-words button')")
    asked = sum(one.startswith("/api/table") for one in logs.asked)
    page.click("#progress-words button")
    page.wait("document.querySelector('#progress').hidden")
    said = page.text("#table-sentence")
    assert said.endswith("Cancelled: counted since 20 Nov 14:05:09, 38 %.")
    assert page.texts("#table td.number") == ["2"]
    assert sum(one.startswith("/api/table") for one in logs.asked) == asked
    assert not page.run("document.querySelector('#table').classList.contains('stale')")
