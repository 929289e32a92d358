"""Watches at one place of the store go on together, and each still counts what it would by itself."""

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from logsrv.linelog.alerts.alert_protocol import AlertReport, AlertTask
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.shared_scan import FEW, SharedScans
from logsrv.linelog.alerts.watch import Watch
from logsrv.linelog.read.follow import AppendedLines, Follower
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line, make_store, watched_stores

BEGIN = Position(1, 0)
LINE = len(line("oops 000"))


class Seen(Watch):
    """A watch that says which lines it was given."""

    def __init__(self, query: str, until: Position | None = None) -> None:
        alert = AlertSettings(alert=query, alert_command=("x",))
        self.reports: list[AlertReport] = []
        self.lines: list[bytes] = []
        super().__init__(
            AlertTask(query, "command", alert, BEGIN, until),
            None,
            deliver=lambda *_: Deferred(),
            now=lambda: 0.0,
            report=self.reports.append,
        )

    def count_matches(self, news: AppendedLines, lines: Sequence[tuple[int, int]]) -> None:
        self.lines += [news.text[begin:end].split(b" ", 2)[2] for begin, end in lines]
        super().count_matches(news, lines)


class Store:
    """A store of lines `oops 000`, `oops 001` and so on; `reads` are the bytes of each reading."""

    def __init__(self, directory: Path, *segments: int, piece: int = 1 << 20) -> None:
        self.numbers = iter(range(1000))
        self.directory = make_store(directory / "store", [self.lines(size) for size in segments])
        self.stores = watched_stores(self.directory)
        self.clock = Clock()
        self.scans = SharedScans(self.stores, self.clock.seconds, piece)
        self.reads: list[int] = []

    def lines(self, count: int) -> list[bytes]:
        return [line(f"oops {next(self.numbers):03}") for _ in range(count)]

    def watch(self, *new: tuple[Seen, Position]) -> None:
        self.scans.replace_watches([watch for watch, _ in new], dict(new))

    def poll(self, times: int = 1) -> None:
        read = Follower.read

        def reading(
            follower: Follower, *args: int, **more: Position | None
        ) -> AppendedLines | None:
            news = read(follower, *args, **more)  # type: ignore[arg-type]
            if news is not None:
                self.reads.append(len(news.text) // LINE)
            return news

        with patch.object(Follower, "read", reading):
            for _ in range(times):
                self.scans.search_next_pieces()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, 20)


def messages(*numbers: int) -> list[bytes]:
    return [b"oops %03d" % number for number in numbers]


def test_a_hundred_watches_at_one_place_read_the_text_once(store):
    watches = [Seen(f"{number:03}") for number in range(100)]
    store.watch(*((watch, BEGIN) for watch in watches))
    store.poll(3)
    assert store.reads == [20]
    assert [watch.lines for watch in watches[:22]] == [
        *([one] for one in messages(*range(20))),
        [],
        [],
    ]
    # Other queries in their place, or the same ones in another order, are those that are looked for.
    others = [Seen(f"{number:03}") for number in range(99, -1, -1)]
    store.watch(*((watch, BEGIN) for watch in others))
    store.poll(3)
    assert [watch.lines for watch in others[-20:]] == [
        [one] for one in messages(*range(19, -1, -1))
    ]


def test_a_watch_further_back_joins_the_others_when_it_reaches_them(store):
    back, ahead = Seen("oops"), Seen("/oops/")
    store.watch((ahead, Position(1, 15 * LINE)), (back, BEGIN))
    store.poll()
    assert store.reads == [15, 5] and back.follower is ahead.follower
    assert (back.lines, ahead.lines) == (messages(*range(20)), messages(*range(15, 20)))


def test_a_removed_watch_ends_at_its_place_and_the_others_go_on(store):
    out, other = Seen("oops", Position(1, 3 * LINE)), Seen("/oops/")
    store.watch((out, BEGIN), (other, BEGIN))
    store.poll(2)
    assert store.reads == [3, 17] and out.searched_all
    assert (out.lines, other.lines) == (messages(*range(3)), messages(*range(20)))


def test_a_removed_watch_ends_at_its_place_in_a_later_segment(tmp_path):
    store = Store(tmp_path, 4, 4)
    out = Seen("oops", Position(2, 1 * LINE))
    store.watch((out, BEGIN))
    store.poll(4)
    assert out.lines == messages(*range(5)) and store.reads == [4, 1]


def test_each_watch_is_told_of_its_own_gap_only(tmp_path):
    store = Store(tmp_path, 2, 2, 2)
    next(store.directory.glob("0000000001-*.zst")).unlink()
    one, two, none = Seen("oops"), Seen("/oops/"), Seen("oop")
    store.watch((one, BEGIN), (two, BEGIN), (none, Position(2, 0)))
    store.poll(3)
    told = [
        [(report.kind, report.number) for report in seen.reports if report.kind != "lines"]
        for seen in (one, two, none)
    ]
    assert told == [[("missed", 1)], [("missed", 1)], []]
    assert one.lines == two.lines == none.lines == messages(2, 3, 4, 5)


QUERIES = ["oops", "00", "01", "5", "NOT 5", "/0[12]/", "oops 3 OR 4", "", "7 1", "nothing"]


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from(QUERIES), st.integers(1, 3), st.integers(0, 8)),
        min_size=1,
        max_size=3 * FEW,
    ),
    st.integers(1, 9),
)
def test_each_line_is_counted_once_wherever_watches_begin(tmp_path_factory, begins, piece):
    """They come in pieces of a few lines, over segments."""
    store = Store(tmp_path_factory.mktemp("begins"), 8, 8, 8, piece=piece * LINE)
    watches = [(Seen(query), Position(segment, number * LINE)) for query, segment, number in begins]
    store.watch(*watches)
    store.poll(60)
    for watch, begin in watches:
        same = Seen(watch.task.alert.alert)
        alone = SharedScans(store.stores, store.clock.seconds)
        alone.replace_watches([same], {same: begin})
        for _ in range(6):
            alone.search_next_pieces()
        assert watch.lines == same.lines
        assert watch.progress.position == same.progress.position or watch.lines
        alone.close()
    assert len({watch.follower for watch, _ in watches}) == 1
    # Not when the garbage is collected: until then these were hundreds of open files.
    store.scans.close()
    store.stores.close()


def test_pieces_become_smaller_while_they_take_long(tmp_path):
    """Many alerts: the process has other events to handle, such as the answers to messages."""
    store = Store(tmp_path, 900, piece=1000 * LINE)
    seen = Seen("oops")
    slow = iter((2.0, 0.3))

    def take_time(*_: object) -> None:
        store.clock.rightNow += next(slow, 0.0)

    seen.end_text = take_time  # type: ignore
    store.watch((seen, Position(1, 0)))
    with (store.directory / "current.log").open("ab") as file:
        file.write(b"".join(line(f"oops {number}") for number in range(1000, 3000)))
    store.poll(8)
    first, second, third, fourth, *_ = store.reads
    assert first > 800 and 400 < second < 600 and second - 9 < third < second + 9 and fourth > 800
    assert len(seen.lines) == 2900
