"""A continuation line has the level and the header of its record, whatever way it is read."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import pytest

from logsrv.cli.main import main
from logsrv.linelog.alerts.episodes import find_past_episodes
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.fields.continuations.joiner import MOST_LINES
from logsrv.linelog.http.replies import record as record_reply
from logsrv.linelog.query.many import ManyQueries
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.answers import sources
from logsrv.linelog.read.continuations import Continuations
from logsrv.linelog.read.follow import Follower
from logsrv.linelog.read.patterns.pattern_query import patterns_document
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.texts import PackedFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index.segment_index import decode_index
from logsrv.linelog.store.segment import Position, sealed_segments
from tests.parts.archived_stores import archive_all, remove_texts
from tests.parts.made_columns import make_columns
from tests.parts.sql_answers import rows as sql_rows
from tests.parts.stores import make_store, remove_segment, small_frames, view_of

MOMENT = 1_795_154_400.0
HEADS = {
    "a word": b"2026-11-20 06:00:00,123 ERROR [main] cannot post",
    "a syslog header": b"<11>1 2026-11-20T06:00:00Z web1 shop 7 - - cannot post",
    "an old header": b"<11>Nov 20 06:00:00 web1 shop[7]: cannot post",
    "a header without priority": b"Nov 20 06:00:00 web1 shop[7]: ERROR cannot post",
    "a JSON object": b'{"level":"error","host":"web1","app":"shop","pid":7,"msg":"cannot post"}',
}
INSIDE = [b"java.lang.FooException: no", *[b"\tat x.Y.z(Y.java:%d)" % n for n in range(20)]]


def stored(message: bytes, source: bytes = b"tcp:10.0.0.1:5", at: int = 0) -> bytes:
    return b"2026-11-20T06:00:%02d.000000Z %b %b\n" % (at, source, message)


def record_lines(head: bytes) -> list[bytes]:
    """A record of 22 lines, with those of another sender in between, and lines before and behind."""
    lines = [stored(b"INFO before"), stored(head)]
    for number, message in enumerate(INSIDE):
        lines += [stored(message, at=number // 8), stored(b"DEBUG x", b"udp:[::1]:9", number // 8)]
    return [*lines, stored(b"INFO behind", at=3)]


@pytest.fixture(scope="module", params=HEADS)
def head(request: pytest.FixtureRequest) -> bytes:
    return HEADS[request.param]


@pytest.fixture(autouse=True)
def columns_of_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "WITHOUT_COLUMNS", 0)


@pytest.fixture(scope="module", params=["active", "sealed", "columns", "cut"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, head: bytes
) -> Path:
    """A store with the record: in one text; over frames; with columns; over frames and segments."""
    lines = record_lines(head)
    cuts = {"active": [], "sealed": [len(lines)], "columns": [len(lines)], "cut": [8, 20, 30]}
    bounds = [0, *cuts[request.param], len(lines)]
    parts = [lines[a:b] for a, b in pairwise(bounds)]
    with small_frames(700):
        made = make_store(tmp_path_factory.mktemp("record") / "logs", parts)
    if request.param in ("columns", "cut"):
        with Disk().open_directory(made) as disk:
            for segment in sealed_segments(disk):
                make_columns(segment, disk)
    return made


def search(capsysbinary: Any, store: Path, *words: str) -> list[Any]:
    main(["search", f"--directory={store}", "--utc", "--output=json", *words])
    return [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]


Way = Callable[[Any, Path], Any]
WAYS: dict[str, tuple[Way, Any]] = {
    "-c": (lambda cap, d: search(cap, d, "-c", "level>=error FooException")[0], 1),
    "| count": (
        lambda cap, d: search(cap, d, "level>=error FooException | count")[0],
        {"count": 1},
    ),
    "lines": (lambda cap, d: len(search(cap, d, "level=error")), 22),
    "NOT": (lambda cap, d: len(search(cap, d, "NOT level=error Y.java")), 0),
    "--top": (
        lambda cap, d: {v["value"]: v["count"] for v in search(cap, d, "--top=level")},
        {"error": 22, "debug": 21, "info": 2},
    ),
    "by level": (
        lambda cap, d: search(cap, d, "FooException | count by level"),
        [{"level": "error", "count": 1}],
    ),
    "bars": (
        lambda cap, d: sum(
            one["levels"].get("error", 0) for one in search(cap, d, "--histogram", "--every=1s")
        ),
        22,
    ),
    "as JSON": (
        lambda cap, d: [one["level"] for one in search(cap, d, "FooException")],
        ["error"],
    ),
    "with neighbours": (
        lambda cap, d: {one["level"] for one in search(cap, d, "-C2", '"Y.java:9"')},
        {"error", "debug"},
    ),
    "sorted": (
        lambda cap, d: {
            one["level"] for one in search(cap, d, 'level=error | extract "Y.java:<n>)" | sort n')
        },
        {"error"},
    ),
    "with many neighbours": (
        lambda cap, d: [one["level"] for one in search(cap, d, "-C12", '"Y.java:9"')].count(
            "error"
        ),
        13,
    ),
    "without index": (
        lambda cap, d: search(cap, d, "--no-index", "-c", "level=error")[0],
        22,
    ),
    "SQL": (
        lambda cap, d: sql_rows(view_of(d), "select count(*) as n from logs where level = 'error'"),
        [{"n": 22}],
    ),
    "an alert": (
        lambda cap, d: len(
            find_past_episodes(
                view_of(d),
                parse_alert("level>=error FooException | count >= 1 in 10s"),
                MOMENT - 60,
                MOMENT + 60,
            ).episodes
        ),
        1,
    ),
    "a figure of an alert with its own query": (
        lambda cap, d: [
            one.values
            for one in find_past_episodes(
                view_of(d),
                parse_alert("Foo | count, count if (level>=error) as e in 10s | where e >= 1"),
                MOMENT - 60,
                MOMENT + 60,
            ).episodes
        ],
        [(1, 1)],
    ),
    "patterns": (
        lambda cap, d: {one["level"] for one in search(cap, d, "Y.java", "--patterns")},
        {"error"},
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_level_is_that_of_the_record(way, capsysbinary, store):
    ask, wanted = WAYS[way]
    assert ask(capsysbinary, store) == wanted


OF_HEADER = {
    "hostname": "hostname=web1 FooException",
    "app": "app=shop FooException",
    "pid": "pid=7 FooException",
    "contains": 'hostname:web "Y.java:19"',
    "there": 'app=* "Y.java:19"',
}


@pytest.mark.parametrize("query", OF_HEADER.values(), ids=OF_HEADER)
def test_the_header_is_that_of_the_record(query, capsysbinary, store, head):
    wanted = b"web1" in head
    for more in ([], ["--no-index"]):
        assert search(capsysbinary, store, "-c", *more, query)[0] == wanted
    assert (search(capsysbinary, store, f"{query} | count by hostname") == []) != wanted
    view = view_of(store)
    queries = [make_matcher(parse(one)) for one in (*OF_HEADER.values(), *["app=x"] * 9)]
    follower, found = Follower(view, Position(1, 0)), 0
    while news := follower.read(500):
        for number, lines in ManyQueries(queries).find(
            news.text, news.position, news.first_lines()
        ):
            found += len(lines) * (queries[number].node == parse(query))
    assert found == wanted


def test_the_query_of_a_pattern_finds_its_lines(capsysbinary, store):
    asked = Search(view_of(store), make_matcher(parse("Y.java")), Scope())
    queries = [one["query"] for one in patterns_document(asked, "", 9, "", ())["patterns"]]
    assert queries and all(queries)
    assert all(search(capsysbinary, store, "-c", one)[0] for one in queries)


def test_each_line_of_a_record_that_is_asked_for_has_the_header(store, head):
    position = f"1:{len(record_lines(head)[0])}"
    asked = json.loads(b"".join(record_reply(view_of(store), {"position": position})))
    inside = asked["lines"][1:]
    assert len(inside) == 21 and {one["level"] for one in inside} == {"error"}
    wanted = "web1" if b"web1" in head else None
    assert {one["fields"].get("hostname") for one in inside} == {wanted}


def test_patterns_have_the_app_of_the_record(capsysbinary, store, head):
    found = search(capsysbinary, store, "Y.java", "--patterns")
    assert {one["app"] or "" for one in found} == ({"shop"} if b"web1" in head else {""})


def test_a_stamp_is_read_once_more_if_the_record_begins_before_the_text(tmp_path):
    """A viewer that begins in the middle of a record gets its level."""
    lines = record_lines(HEADS["a word"])
    view = view_of(make_store(tmp_path / "logs", [lines]))
    start = len(b"".join(lines[:12]))
    found = Continuations(view).first_lines(Position(1, start), b"".join(lines[12:14]))
    assert found == {0: lines[1][:-1]}


LONGEST = [stored(b"ERROR failed"), *[stored(b"\tat x.Y.z(Y.java:7)")] * (MOST_LINES - 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lines", "each"),
    [(record_lines(HEADS["a word"]), 4), (LONGEST, 100)],
    ids=["mixed", "longest"],
)
def test_each_text_has_its_first_lines_in_whatever_order_texts_are_asked_for(lines, each, tmp_path):
    """A viewer goes back, or on behind a gap, asks for more, and mostly reads the next text."""
    view = view_of(make_store(tmp_path / "logs", [lines]))
    bounds = [len(b"".join(lines[:at])) for at in (*range(0, len(lines), each), len(lines))]
    whole, random, number = b"".join(lines), Random(1), 0
    wanted: dict[tuple[int, int], Any] = {}
    asked = Continuations(view)
    for _ in range(200):
        if number + 1 == len(bounds) or random.random() < 0.3:
            number = random.randrange(len(bounds) - 1)
        for end in {number + 1, random.randint(number + 1, min(number + 3, len(bounds) - 1))}:
            position, text = Position(1, bounds[number]), whole[bounds[number] : bounds[end]]
            if (number, end) not in wanted:
                wanted[number, end] = Continuations(view).first_lines(position, text)
            assert asked.first_lines(position, text) == wanted[number, end]
        number = end
    assert sum(map(len, wanted.values())) > len(lines)


PANIC = b"<11>1 2026-11-20T06:00:00Z web1 shop 7 - - thread 'main' panicked at src/main.rs:2:5:"
COLOURED = [
    b"\\x1b[31mjava.lang.FooException: T1\\x1b[0m", b"\\x1b[31m\tat T1.Y.z(Y.java:3)\\x1b[0m",
    b"\tat T1.Y.z(Y.java:4)",
]  # fmt: skip
OWN_RECORDS = {
    "coloured lines": ([HEADS["a syslog header"], *COLOURED], "T1", 3),
    "coloured exception of Python": (
        [HEADS["a syslog header"], b"\\x1b[1mTraceback (most recent call last):\\x1b[0m",
            b'  File \\x1b[35m"T1.py"\\x1b[0m, line 1',
            b"\\x1b[1;35mValueError\\x1b[0m: \\x1b[35mT1\\x1b[0m"],
        "T1", 2,
    ),
    "the message of a panic": ([PANIC, b"T1 out of bounds"], "T1", 1),
    "a panic behind a header that was escaped": (
        [b'{"level":"error","app":"shop","host":"web1","pid":7,"msg":"\\u0070anic: x"}', b"\tat T0",
            b"main.T1()"],
        "T1", 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("of_others", [0, 3], ids=["alone", "beside others"])
@pytest.mark.parametrize(
    "cut", [None, 0, 1, 2], ids=["active", "cut before", "cut behind", "cut within"]
)
@pytest.mark.parametrize("record", OWN_RECORDS)
def test_each_reader_knows_the_lines_of_a_record(record, cut, of_others, capsysbinary, tmp_path):
    """Wherever segments are cut, and whatever else is in the text."""
    messages, word, wanted = OWN_RECORDS[record]
    before = [
        stored(b"<11>1 2026-11-20T06:00:00Z web9 other 1 - - x"),
        stored(b"\tat a.B.c(B.java:1)"),
    ]
    lines = [*before[:of_others], *map(stored, messages)]
    cuts = [
        0,
        *([] if cut is None else [min(len(before[:of_others]) + cut, len(lines) - 1)]),
        len(lines),
    ]
    parts = [lines[a:b] for a, b in pairwise(cuts) if a < b]
    made = make_store(tmp_path / "logs", [*parts, []] if cut is not None else parts)
    for query in (f"level>=error {word}", f"app=shop {word}", f"hostname=web1 pid=7 {word}"):
        assert search(capsysbinary, made, query, "-c") == [wanted]
        [counted] = search(capsysbinary, made, f"{query} | count")
        assert counted["count"] == wanted
        assert len(search(capsysbinary, made, query)) == wanted


RUNS_ON = [
    stored(HEADS["a syslog header"]),
    *[stored(b"\tat T1.Y.z(Y.java:%d)" % n) for n in range(60)],
]
"""A record over many frames of 400 bytes, and over two segments."""


def sealed_record(directory: Path) -> Path:
    with small_frames(400):
        return make_store(directory / "logs", [RUNS_ON[:10], RUNS_ON[10:], []])


def has_app(store: Path, capsysbinary: Any, *options: str) -> tuple[int, int]:
    """How many lines with T1 a search for the app finds, and how many of those it shows with it."""
    found = search(capsysbinary, store, "app=shop T1", *options)
    return len(found), sum(one["fields"].get("app") == "shop" for one in found)


@pytest.mark.parametrize("most", [["-n", "3"], []], ids=["few", "all"])
def test_a_line_is_shown_with_its_record_although_retention_removed_the_first_line(
    most, capsysbinary, tmp_path
):
    store = sealed_record(tmp_path)
    wanted = 3 if most else 51
    assert has_app(store, capsysbinary, *most) == (3 if most else 60,) * 2
    remove_segment(store, 1, len(b"".join(RUNS_ON[:10])), 10)
    assert has_app(store, capsysbinary, *most) == (wanted, wanted)


@pytest.mark.parametrize("processes", [1, 2])
def test_lines_of_an_archive_have_their_records(processes, tmp_path):
    """Although most texts of a search are read by processes that do not ask the archive."""
    store = sealed_record(tmp_path)
    archive_all(store, tmp_path / "archive")
    remove_texts(store)
    with View(str(store), print, away=True) as view:
        found = Search(view, make_matcher(parse("app=shop T1")), Scope(), processes=processes)
        assert sum(hit.first_line == RUNS_ON[0][:-1] for hit in found.hits()) == 60
        found.close()


def test_no_record_goes_on_over_a_damaged_frame(capsysbinary, tmp_path):
    """The text behind it is looked at without an index, as by the page and alerts."""
    store = sealed_record(tmp_path)
    view = view_of(store)
    frames = view.open_segment(2)
    assert isinstance(frames, PackedFrames)
    with frames:
        at, size = frames.index.packed_extent(3)
        begin, end = frames.frame_bounds(4)
        [(_, text)] = frames.lines_between(begin, end)
    ours = Continuations(view)
    assert ours.first_line(Position(2, begin), text, 0, text.index(b"\n")) == RUNS_ON[0][:-1]
    [path] = store.glob("*2-*.zst")
    data = bytearray(path.read_bytes())
    data[at : at + size] = bytes(size)
    path.write_bytes(data)
    ours = Continuations(view_of(store))
    assert ours.first_line(Position(2, begin), text, 0, text.index(b"\n")) is None


def test_an_index_by_other_rules_does_not_tell_which_frames_go_on(tmp_path):
    with Disk().open_directory(sealed_record(tmp_path)) as disk:
        [segment, _] = sealed_segments(disk)
        data = disk.read(segment.index)
    assert not decode_index(data).frames[0].goes_on
    head, _, body = data.partition(b"\n")
    other = json.dumps(json.loads(head[:-9]) | {"rules": 1}, separators=(",", ":")).encode()
    made = decode_index(b"%b %08x\n%b" % (other, crc32(other), body))
    assert all(one.goes_on for one in made.frames)


def test_only_frames_with_records_of_an_app_are_read(tmp_path):
    """Each of three programs writes a record over several frames; the index has their first lines."""
    apps = ("alpha", "beta", "gamma")
    lines = [
        stored(message)
        for app in apps
        for message in [b"<11>1 2026-11-20T06:00:00Z web1 %b 7 - - failed" % app.encode(), *INSIDE]
    ]
    with small_frames(400):
        view = view_of(make_store(tmp_path / "logs", [lines, []]))
    read, frames = 0, 0
    for app in apps:
        search = Search(view, make_matcher(parse(f"app={app}")), Scope())
        assert len([*search.hits()]) == 1 + len(INSIDE)
        read += search.stats.frames
        frames = search.stats.frames + search.stats.skipped_frames
    # A frame in which one record ends and the next one begins is read for both.
    assert frames > 3 * len(apps)
    assert read <= frames + len(apps)
