"""An answer with its progress: the newest lines first, and at the end the answer of any other search."""

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from logsrv.linelog.http import progress_lines, search_child
from logsrv.linelog.http.endpoints import BY_PATH
from logsrv.linelog.http.progress_lines import ProgressLines
from logsrv.linelog.read import progress
from logsrv.linelog.read.figures import newest_first
from logsrv.linelog.read.remembered import RememberedParts
from tests.leaks import killed
from tests.parts.archived_stores import archive_all, remove_texts, sealed_store
from tests.parts.search_orders import order_of, values_of
from tests.parts.stores import BEGIN, add_columns, lines, make_store, small_frames

LINES = 170
END = BEGIN + 4 * LINES
TABLES = {
    "index": "| count",
    "groups": "| count by app",
    "figures": "| avg ms, sum ms, p95 ms, first n, last n, min time by app",
    "conditions": "| count, count if (level=error), avg ms if (level=error) by app",
    "steps": "| count by app every 1m",
    "rate": "| rate 1m by app",
    "stages": "error | count_distinct n by app | let half=count_distinct_n/2 | limit 2",
}


@pytest.fixture(autouse=True)
def always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell the progress after each task."""
    for name in ("FIRST", "EVERY", "COST"):
        monkeypatch.setattr(progress, name, 0)
    monkeypatch.setattr(progress, "BYTES_PER_SECOND", 1e12)


def messages(count: int) -> Iterator[str]:
    chosen = random.Random(3)
    for number in range(count):
        level, app = chosen.choice(["info", "error", "warn"]), chosen.choice(["a", "b", "c"])
        yield f"level={level} ms={chosen.random() * 100:.3f} app={app} n={number}"


@pytest.fixture(scope="module", params=["text", "columns"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four segments with some frames each, the last of which is the active one."""
    found = [*messages(4 * LINES)]
    parts = [lines(found[begin : begin + LINES], begin) for begin in range(0, len(found), LINES)]
    with small_frames(2500):
        made = make_store(tmp_path_factory.mktemp("progress") / "store", parts)
        return add_columns(made) if request.param == "columns" else made


def ask(
    store: Path, path: str, remembered: RememberedParts | None = None, **parameters: Any
) -> tuple[bytes, bytes]:
    """Return the head and the body of an answer."""
    query = "&".join(f"{name}={quote(str(value))}" for name, value in parameters.items())
    name, sent = BY_PATH[path].name, list[bytes]()
    order = order_of(store, name, values_of(name, query, END + 1000))
    with killed():
        search_child.answer_request(order, sent.append, lambda _: None, remembered)
    return sent[0], b"".join(sent[1:])


def told(store: Path, path: str, **parameters: Any) -> tuple[list[dict[str, Any]], bytes]:
    """Return the lines of progress, and the last line."""
    status, body = ask(store, path, progress=1, **parameters)
    assert status.split()[0] == b"200" and body.endswith(b"\n")
    *before, last = body.splitlines(keepends=True)
    return [json.loads(line) for line in before], last


def rounded(rows: list[list[Any]]) -> list[list[Any]]:
    """Rows whose sums of decimals may be of other parts of the same lines."""
    return [[round(cell, 9) if isinstance(cell, float) else cell for cell in row] for row in rows]


def whole(answer: bytes) -> bytes:
    return b'{"answer": %s}\n' % answer.rstrip()


@pytest.mark.parametrize("query", TABLES.values(), ids=TABLES)
def test_a_table_so_far_is_that_of_its_time_and_the_whole_one_that_of_any_other_search(
    store, query
):
    about: dict[str, Any] = {"q": query, "until": f"@{END + 10}"}
    before, last = told(store, "/api/table", **about)
    assert last == whole(ask(store, "/api/table", **about)[1])
    assert json.loads(last)["answer"]["rows"]
    shown = [one for one in before if "answer" in one]
    times = [one["progress"]["since"] for one in shown]
    assert len(shown) > 2 and times == sorted(times, reverse=True)
    for one in (shown[0], shown[len(shown) // 2], shown[-1]):
        _, since = ask(store, "/api/table", since=one["progress"]["since"], **about)
        assert rounded(one["answer"]["rows"]) == rounded(json.loads(since)["rows"])
        assert one["answer"].keys() == json.loads(since).keys()


@pytest.mark.parametrize("by", ["", "app"])
def test_bars_so_far_are_those_of_their_time(store, by):
    before, last = told(store, "/api/histogram", q="error", by=by, buckets=20)
    assert last == whole(ask(store, "/api/histogram", q="error", by=by, buckets=20)[1])
    all_bars = json.loads(last)["answer"]["buckets"]
    shown = [one for one in before if "answer" in one]
    assert len(shown) > 2
    for one in shown:
        bars = one["answer"]["buckets"]
        known = [bar for bar in all_bars if bar["time"] >= one["progress"]["since"]]
        assert len(bars) == len(all_bars) and bars[len(bars) - len(known) :] == known


def test_what_is_read_grows_up_to_all_that_there_is(store):
    for query in TABLES.values():
        before, _ = told(store, "/api/table", q=query)
        read = [one["progress"]["read"] for one in before]
        assert read == sorted(read) and {one["progress"]["of"] for one in before} == {
            before[0]["progress"]["of"]
        }
        assert read[-1] <= before[0]["progress"]["of"]


def test_a_compared_table_shows_the_present_and_knows_nothing_earlier_yet(store):
    asked: dict[str, Any] = {
        "q": "| count by app compare 5m",
        "since": f"@{END - 200}",
        "until": f"@{END}",
    }
    before, last = told(store, "/api/table", **asked)
    assert last == whole(ask(store, "/api/table", **asked)[1])
    shown = [one["answer"] for one in before if "answer" in one]
    assert shown and all(row[2:] == [None, None] for one in shown for row in one["rows"])
    now = {row[0]: row[1] for row in json.loads(last)["answer"]["rows"]}
    assert {row[0]: row[1] for row in shown[-1]["rows"]} == now
    parts = [one["progress"]["read"] / one["progress"]["of"] for one in before]
    assert parts == sorted(parts)


def test_patterns_tell_their_progress_alone(store):
    before, last = told(store, "/api/patterns", q="error")
    assert last == whole(ask(store, "/api/patterns", q="error")[1])
    assert before and all(one.keys() == {"progress"} for one in before)


@pytest.mark.parametrize("query", ["| count", "| avg ms, first n, last n by app"])
def test_when_enough_is_kept_the_rest_is_read_in_its_order_to_the_same_answer(
    store, query, monkeypatch
):
    _, plain = ask(store, "/api/table", q=query)
    monkeypatch.setattr(newest_first, "MOST_KEPT", 1)
    before, last = told(store, "/api/table", q=query)
    assert last == whole(plain)
    shown = [one for one in before if "answer" in one]
    assert not shown or shown[-1]["progress"]["since"][:19] > "2026-11-20T06:05"


def test_a_fault_after_some_lines_is_the_last_line(store, monkeypatch):
    def fail(document: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(
        progress_lines.ProgressLines, "send_whole", lambda _, answer: fail(list(answer))
    )
    before, last = told(store, "/api/table", q="| count by app")
    assert before and json.loads(last) == {"error": search_child.NO_MEMORY}


def test_an_answer_that_is_soon_there_tells_nothing_before(store, monkeypatch):
    monkeypatch.setattr(progress, "FIRST", 60)
    before, last = told(store, "/api/table", q="| count by app")
    assert before == [] and last.startswith(b'{"answer": {')


def test_segments_that_were_removed_after_the_first_line_are_told_in_the_last():
    missing, sent = ["the first"], list[bytes]()
    answer = ProgressLines(sent.append, missing)
    answer.progress.of = 10
    answer.progress.tell()
    missing.append("another")
    answer.progress.tell()
    missing.append("a third")
    answer.send_whole([b'{"rows": []}\n'])
    assert [json.loads(line) for line in sent] == [
        {"progress": {"read": 0, "of": 10}},
        {"progress": {"read": 0, "of": 10}},
        {"answer": {"rows": []}, "missing": "another; a third"},
    ]


def test_all_is_told_in_the_head_of_an_answer_without_a_line_before():
    sent = list[bytes]()
    progress_lines.ProgressLines(sent.append, ["one"]).send_whole([b"{}\n"])
    assert sent == [b'{"answer": {}}\n']


def test_of_an_archive_only_the_progress_is_told(tmp_path):
    store = sealed_store(tmp_path / "store")
    archive_all(store, tmp_path / "archive")
    remove_texts(store)
    before, last = told(store, "/api/table", q="| count by level")
    assert last == whole(ask(store, "/api/table", q="| count by level")[1])
    assert json.loads(last)["answer"]["lines"] == 6001
    assert before and all(one.keys() == {"progress"} for one in before)
    assert before[-1]["progress"]["read"] == before[-1]["progress"]["of"] > 0


def test_damaged_columns_are_replaced_by_the_text_in_any_order(store, tmp_path):
    damaged = shutil.copytree(store, tmp_path / "damaged")
    for columns in sorted(damaged.glob("*.parquet"))[1:]:
        data = bytearray(columns.read_bytes())
        data[len(data) // 4 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 4)
        columns.write_bytes(data)
    query = "| avg ms, first n, last n by app"
    before, last = told(damaged, "/api/table", q=query)
    assert last == whole(ask(damaged, "/api/table", q=query)[1])
    assert json.loads(last)["answer"]["lines"] == 4 * LINES
    times = [one["progress"]["since"] for one in before if "answer" in one]
    assert times == sorted(times, reverse=True)


def test_parts_are_remembered_whatever_their_order(store):
    query: dict[str, Any] = {"q": "| avg ms, last n by app"}
    memory = RememberedParts()
    plain = ask(store, "/api/table", remembered=memory, **query)[1]
    notes = [*memory.take_notes()]
    for note in notes:
        memory.keep(note)
    _, last = told(store, "/api/table", remembered=memory, **query)
    assert last == whole(plain)
    # Of a known part there is only the key.
    assert notes and all(len(note) == 16 for note in memory.take_notes())


def test_of_equally_large_groups_the_same_ones_are_left_out_in_any_order(tmp_path):
    apps = [f"app={name} n=1" for name in "cabfed"]
    parts = [lines(apps[begin:] + apps[:begin], begin * 100, 10) for begin in range(4)]
    store = make_store(tmp_path / "store", parts)
    about: dict[str, Any] = {"q": "| count by app every 1m", "whole": 1, "limit": 12}
    _, last = told(store, "/api/table", **about)
    assert last == whole(ask(store, "/api/table", **about)[1])
    answer = json.loads(last)["answer"]
    assert answer["cut"] and {row[1] for row in answer["rows"]} == {"a", "b", "c"}
