"""One poll for all viewers; each begins where it wants to, without a gap, and at a bounded rate."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.errors import StoreError
from logsrv.linelog.http.views import catch_up, hub, polls, watched_query
from logsrv.linelog.http.views.hub import BURST, POLL_EVERY, RATE, REST_FOR_EACH, Hub
from logsrv.linelog.http.views.view_protocol import LiveQuery, ViewEvents
from logsrv.linelog.http.views.watched_query import PIECE
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.records import limits
from logsrv.linelog.read.records.line_documents import LineDocuments
from logsrv.linelog.store.segment import Position, parse_position
from tests.leaks import killed
from tests.parts.examples import more
from tests.parts.stores import line, make_store, remove_segment, view_of

SIZE = len(line("0"))


def one_line_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "STEP", SIZE)
    monkeypatch.setattr(catch_up, "PIECE", 1)


class WatchedStore:
    """A store with one line, and a hub; what each viewer was handed, by its number."""

    def __init__(self, directory: Path) -> None:
        self.store = make_store(directory / "store", [[line("0")]])
        self.view = view_of(self.store)
        self.now = 0.0
        self.handed: list[ViewEvents] = []
        # Seconds of a processor that are used whenever somebody asks for them.
        self.tick = self.used = 0.0
        # Seconds that go by whenever somebody asks for the time.
        self.lag = 0.0
        self.hub = Hub(self.view, self.handed.append, self._time, self._time_used)

    def _time(self) -> float:
        self.now += self.lag
        return self.now

    def _time_used(self) -> float:
        self.used += self.tick
        return self.used

    def write(self, *messages: str) -> None:
        with (self.store / "current.log").open("ab") as file:
            file.writelines(map(line, messages))

    def attach(
        self,
        viewer: int,
        query: str = "",
        begin: Position | None = None,
        *,
        of_records: bool = False,
    ) -> None:
        """Let a viewer watch from a position on; without one it is live at the end of the store."""
        end = end_of_store(self.view)
        self.hub.attach(viewer, LiveQuery(query, of_records), begin or end, end)
        self.steps()
        if begin is None:
            self.poll()

    def more(self, viewer: int) -> None:
        self.hub.queue_step(viewer)
        self.steps()

    def poll(self, *messages: str) -> None:
        """Look, once these are written."""
        if messages:
            self.write(*messages)
        self.hub.poll()
        self.steps()

    def steps(self) -> None:
        while self.hub.step_wanted:
            self.hub.serve_step()

    def events(self, viewer: int) -> list[object]:
        """The messages of the lines that a viewer got, in their order, and what else it was told."""
        return [event for one in self.handed if viewer in one.viewers for event in _events(one)]

    def live(self, viewer: int) -> bool:
        return any(one.live for one in self.handed if viewer in one.viewers)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _events(handed: ViewEvents) -> Iterator[object]:
    if handed.missed:
        yield handed.missed
    lines = 0
    for event in handed.data.decode().split("\n\n")[:-1]:
        found = json.loads(event.partition("data: ")[2])
        lines += "message" in found
        yield found.get("message", found)
    assert lines == handed.lines


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[WatchedStore]:
    # The process of live views ends with its hub.
    with killed():
        yield WatchedStore(tmp_path)


def test_each_viewer_gets_the_matches_of_its_query(watched):
    watched.attach(1)
    watched.attach(2, "good")
    watched.poll("good 1", "bad 2")
    watched.attach(3, "good")
    watched.poll("good 3")
    assert watched.events(1) == ["good 1", "bad 2", "good 3"]
    assert watched.events(2) == ["good 1", "good 3"] and watched.events(3) == ["good 3"]
    # Those of one query share what they get.
    assert watched.handed[-1].viewers == (2, 3)


@pytest.mark.slow
def test_lines_of_a_record_name_its_first_line(watched):
    """Also one that began before anybody watched; none across a gap, none by a filter of lines."""
    watched.attach(2, "at")
    watched.attach(4, "at", of_records=True)
    watched.poll("first", " at 1")
    watched.attach(1)
    watched.poll()
    watched.poll(" at 2", "new", " at 3")
    watched.attach(3, begin=Position(1, SIZE))
    watched.poll()
    new = SIZE + sum(len(line(text)) for text in ("first", " at 1", " at 2"))
    assert [one.get("continues") for one in objects(watched, 1)] == [f"1:{SIZE}", None, f"1:{new}"]
    found = [one.get("continues") for one in objects(watched, 3)]
    assert found == [None, f"1:{SIZE}", f"1:{SIZE}", None, f"1:{new}"]
    assert [one.get("continues") for one in objects(watched, 4)] == found
    assert [one.get("continues") for one in objects(watched, 2)] == [None] * 3
    watched.poll(*(str(number) for number in range(5 * RATE)), " at 4")
    watched.now += 1
    watched.poll(*(f" at {number}" for number in range(5 * RATE)))
    last = objects(watched, 1)[-2:]
    assert last[0]["continues"] == last[1]["continues"] != f"1:{new}"
    assert any(one["position"] == last[0]["continues"] for one in objects(watched, 1))


def test_viewers_that_miss_no_line_read_none_before_them(watched, monkeypatch):
    """A thousand that come at once would take ten seconds of the process otherwise."""
    read: list[Position] = []
    monkeypatch.setattr(LineDocuments, "read_before", lambda lines, view, at, only: read.append(at))
    for number in range(5):
        watched.attach(number)
    assert read == [Position(1, SIZE)] and all(map(watched.live, range(5)))


ERROR = ["ERROR failed", "\tat a.B", "Caused by: a.BoomError: 1", "\tat c.D"]


def shown(watched: WatchedStore, viewer: int) -> list[tuple[str, bool, bool]]:
    """The messages that a viewer got, whether each goes on with a record, and whether it came late."""
    return [(one["message"], "continues" in one, "late" in one) for one in objects(watched, viewer)]


def test_a_query_is_asked_of_the_lines_of_a_record_so_far(watched):
    watched.attach(1, "level>=error BoomError", of_records=True)
    watched.attach(2, "failed -BoomError", of_records=True)
    watched.poll(*ERROR[:2])
    assert shown(watched, 1) == []
    watched.poll("BoomError alone", *ERROR[2:3])
    assert shown(watched, 1) == []
    assert shown(watched, 2) == [(ERROR[0], False, False), (ERROR[1], True, False)]

    watched.poll(*ERROR[:2])
    for text in [*ERROR[2:], "INFO BoomError"]:
        watched.poll(text)
    record = [
        (ERROR[0], False, True),
        (ERROR[1], True, True),
        (ERROR[2], True, False),
        (ERROR[3], True, False),
    ]
    assert shown(watched, 1) == record
    first = objects(watched, 1)[0]["position"]
    assert [one["continues"] for one in objects(watched, 1)[1:]] == [first] * 3
    # A client that connects again goes on behind the last id, and then gets the late lines again.
    ids = [
        event.split("\n")[0].startswith("id: ")
        for one in watched.handed
        if 1 in one.viewers
        for event in one.data.decode().split("\n\n")[:-1]
    ]
    assert ids == [False, False, True, True]
    # Nobody watches for a while.
    watched.hub.leave(1)
    watched.hub.leave(2)
    watched.poll(*ERROR[:2])
    watched.attach(3, "level>=error BoomError", of_records=True)
    watched.poll(*ERROR[2:])
    assert shown(watched, 3) == [*[(text, bool(n), True) for n, text in enumerate(ERROR[:2])],
                               (ERROR[2], True, False), (ERROR[3], True, False)]  # fmt: skip


def test_a_viewer_that_begins_inside_of_a_record_has_what_matched_before(watched, monkeypatch):
    monkeypatch.setattr(catch_up, "STEP", SIZE)
    watched.attach(9)
    watched.poll(*ERROR)
    places = [parse_position(one["position"]) for one in objects(watched, 9)]
    for number in range(4):
        watched.attach(number, "level=error BoomError", places[number], of_records=True)
        watched.poll()
    whole = [(text, bool(n), False) for n, text in enumerate(ERROR)]
    late = [(text, further, True) for text, further, _ in whole]
    assert shown(watched, 0) == shown(watched, 1) == shown(watched, 2) == [*late[:2], *whole[2:]]
    assert shown(watched, 3) == whole[3:]
    watched.poll("\tat e.F")
    for number in range(4):
        assert shown(watched, number)[-1] == ("\tat e.F", True, False)


def test_more_lines_than_can_be_joined_are_asked_one_by_one(watched, monkeypatch):
    monkeypatch.setattr(hub, "MOST_JOINED", 2)
    watched.attach(1, "failed", of_records=True)
    watched.poll(*ERROR)
    assert shown(watched, 1) == [(ERROR[0], False, False)]
    # Then they are joined again; what came before is known, and counts as shown.
    watched.poll("\tat e.F")
    assert shown(watched, 1)[1:] == [("\tat e.F", True, False)]


@pytest.mark.parametrize("catches_up", [False, True])
def test_a_record_goes_on_after_more_text_than_is_kept(watched, monkeypatch, catches_up):
    monkeypatch.setattr(limits, "MOST_KEPT", 1)
    monkeypatch.setattr(catch_up, "STEP", SIZE)
    begin = end_of_store(watched.view)
    if not catches_up:
        watched.attach(1, "failed", of_records=True)
    for text in ERROR:
        watched.write(text)
        if not catches_up:
            watched.poll()
    if catches_up:
        watched.attach(1, "failed", begin, of_records=True)
        watched.poll()
    assert shown(watched, 1) == [(text, number > 0, False) for number, text in enumerate(ERROR)]


def test_lines_are_read_again_once_for_all_the_text_that_is_kept(watched, monkeypatch):
    """A look back takes longer than a poll: busy viewers would be late from the first one on."""
    read: list[Position] = []

    def look_back(_: object, position: Position) -> list[Hit]:
        read.append(position)
        return []

    monkeypatch.setattr(watched_query, "lines_read_back", look_back)
    monkeypatch.setattr(limits, "MOST_KEPT", 5 * SIZE)
    watched.attach(1, "failed", of_records=True)
    polls = 30
    for number in range(polls):
        watched.poll(f"{number % 10}")
    assert 1 < len(read) <= polls // 5


def test_records_that_could_not_be_joined_count_as_missed(watched, monkeypatch):
    """Conditions that are true for different lines of a record find no single line."""
    monkeypatch.setattr(hub, "MOST_JOINED", 2)
    watched.attach(1, "ERROR BoomError", of_records=True)
    watched.attach(2, "ERROR", of_records=True)
    watched.attach(3, "ERROR BoomError")
    watched.poll(*ERROR)
    assert shown(watched, 1) == shown(watched, 3) == []
    assert shown(watched, 2) == [(ERROR[0], False, False)]
    assert [missed(watched, viewer) for viewer in (1, 2, 3)] == [1, 0, 0]


def missed(watched: WatchedStore, viewer: int) -> int:
    return sum(one.missed for one in watched.handed if viewer in one.viewers)


def objects(watched: WatchedStore, viewer: int) -> list[dict[str, str]]:
    data = b"".join(one.data for one in watched.handed if viewer in one.viewers)
    texts = data.decode().split("\n\n")[:-1]
    return [
        found for one in texts if "message" in (found := json.loads(one.partition("data: ")[2]))
    ]


def test_nothing_is_done_while_nobody_watches(watched):
    assert not watched.hub.has_viewers
    watched.attach(1)
    assert watched.hub.has_viewers
    watched.hub.leave(1)
    watched.hub.leave(1)
    assert not watched.hub.has_viewers
    watched.poll("unseen")
    watched.attach(2)
    watched.poll("seen")
    assert watched.events(1) == [] and watched.events(2) == ["seen"]


def test_viewers_that_begin_at_the_end_are_live_without_a_step(watched, monkeypatch):
    """However much is written meanwhile: a client that does not read asks for no step, and misses lines."""
    one_line_a_step(monkeypatch)
    for number in range(2):
        watched.attach(number, begin=end_of_store(watched.view))
        watched.write(f"{number} a", f"{number} b")
    watched.hub.poll()
    assert watched.live(0) and watched.live(1)
    assert watched.events(0) == ["0 a", "0 b", "1 a", "1 b"] and watched.events(1) == ["1 a", "1 b"]


def test_a_query_whose_last_viewer_has_left_is_asked_no_more(watched):
    """The others would wait for its matches, and the daemon would get them for nobody."""
    watched.attach(1)
    watched.attach(2, "good")
    watched.poll("good 1")
    watched.hub.leave(2)
    watched.handed.clear()
    watched.poll("good 2")
    assert [one.viewers for one in watched.handed] == [(1,)]
    assert watched.events(1) == ["good 2"]


def test_no_file_stays_open_of_viewers_that_leave_while_they_catch_up(watched, monkeypatch):
    """Nor of those that leave before their first step, or have become live; those that stay go on."""
    one_line_a_step(monkeypatch)
    watched.attach(0)
    watched.poll(*"12345678")
    files = open_files()
    for viewer in range(1, 12):
        watched.attach(viewer, begin=Position(1, 0))
    watched.hub.leave(1)
    watched.poll()
    assert open_files() == files + 10
    for viewer in range(2, 12):
        for _ in range(viewer - 2):
            watched.more(viewer)
    assert watched.live(11) and not watched.live(9)
    for viewer in range(2, 11):
        watched.hub.leave(viewer)
    assert open_files() == files
    watched.hub.leave(11)
    watched.poll("9")
    assert watched.events(0) == [*"123456789"]


def test_a_viewer_gets_all_that_was_written_before_it_was_attached_even_where_others_miss_lines(
    watched, monkeypatch
):
    monkeypatch.setattr(hub, "RATE_OF_ALL", 2)
    begin = end_of_store(watched.view)
    watched.attach(1, begin=begin)
    watched.write("1", "2", "3")
    watched.attach(2, begin=begin)
    watched.poll()
    assert watched.events(1) == [2, "3"] and watched.events(2) == ["1", "2", "3"]


# The second viewer is ahead of the first one.
@example([("attach", 0), ("poll", 0), ("write", 2), ("attach", 9 * SIZE)])
@more(4)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(1, 3)),
            st.tuples(st.just("attach"), st.sampled_from([0, SIZE - 1, SIZE, SIZE + 1, 9 * SIZE])),
            st.tuples(st.sampled_from(["more", "leave"]), st.integers(0, 5)),
            st.just(("poll", 0)),
        ),
        max_size=30,
    )
)
def test_each_viewer_gets_every_line_from_its_place_on_once(tmp_path_factory, steps):
    """It has one line for each time it asks, until it is one of those that get lines with a poll."""
    watched = WatchedStore(tmp_path_factory.mktemp("hub"))
    written, begins, left = 1, list[int](), dict[int, list[object]]()
    with pytest.MonkeyPatch.context() as monkeypatch:
        one_line_a_step(monkeypatch)
        monkeypatch.setattr(hub, "MOST_STOPS", 1)
        for what, number in steps:
            if what == "write":
                watched.write(*(chr(ord("1") + written + n) for n in range(number)))
                written += number
            elif what == "attach":
                begins.append(min(number, written * SIZE))
                watched.attach(len(begins) - 1, begin=Position(1, begins[-1]))
            elif what == "poll":
                watched.poll()
            elif number < len(begins):
                before = len(watched.events(number))
                watched.more(number) if what == "more" else watched.hub.leave(number)
                assert len(watched.events(number)) <= before + (what == "more")
                if what == "leave":
                    left.setdefault(number, watched.events(number))
        for _ in range(written + 2):
            watched.poll()
            for number in range(len(begins)):
                watched.more(number)
    messages = ["0", *(chr(ord("1") + n) for n in range(1, written))]
    for number, begin in enumerate(begins):
        wanted, found = messages[-(-begin // SIZE) :], watched.events(number)
        assert found == left.get(number, wanted) == wanted[: len(found)]
        assert watched.live(number) or number in left
    assert watched.hub.has_viewers == (len(left) < len(begins))
    for number in range(len(begins)):
        watched.hub.leave(number)
    watched.view.close()


@pytest.mark.parametrize("what", ["lines", "bytes"])
def test_a_slow_viewer_skips_lines(watched, monkeypatch, what):
    """In the end it goes on with the others, and is told how much it did not have."""
    one_line_a_step(monkeypatch)
    if what == "lines":
        monkeypatch.setattr(hub, "RATE", 2 / BURST)
    else:
        monkeypatch.setattr(catch_up, "MOST_BEHIND", SIZE + 1)
    watched.write("1")
    watched.attach(1, begin=Position(1, SIZE))
    watched.poll("2", "3", "4", "5", "6")
    for _ in range(3):
        assert not watched.live(1)
        watched.more(1)
    assert watched.events(1) == ["1", "2", "3", 3] and watched.live(1)
    watched.now += BURST
    watched.poll("7")
    assert watched.events(1)[-1] == "7"


def test_a_flood_shows_the_newest_lines(watched, monkeypatch):
    """The newest are shown, and the others counted; later there is room again."""
    monkeypatch.setattr(hub, "RATE", 2)
    watched.attach(1, "line")
    watched.poll(*(f"line {number}" for number in range(2 * BURST + 3)))
    assert watched.events(1) == [3, *(f"line {number}" for number in range(3, 2 * BURST + 3))]
    watched.poll("line x", "line y", "none")
    watched.now += 1
    watched.poll("line a", "line b", "line c")
    assert watched.events(1)[-4:] == [2, 1, "line b", "line c"]


def test_many_viewers_share_what_the_daemon_may_write(watched, monkeypatch):
    monkeypatch.setattr(hub, "RATE_OF_ALL", 2)
    for number in range(1, 3):
        watched.attach(number)
    watched.poll("a", "b")
    assert watched.events(1) == [1, "b"]
    # Later too a poll has no more lines than all may have in a second.
    watched.now += BURST
    watched.poll("c", "d")
    assert watched.events(1) == [1, "b", 1, "d"] and watched.handed[-1].viewers == (1, 2)


def test_the_next_look_comes_later_where_much_was_handed_out(watched):
    for number in range(1, 1001):
        watched.attach(number, "good")
    watched.poll()
    assert watched.hub.seconds_to_next_poll == POLL_EVERY
    watched.poll("good")
    assert watched.hub.seconds_to_next_poll == 1000 * REST_FOR_EACH
    watched.poll("bad")
    assert watched.hub.seconds_to_next_poll == POLL_EVERY


def test_slow_queries_get_newest_lines(watched, monkeypatch):
    """Each has the newest lines for which there was time, and hears of the others; all in turn."""
    monkeypatch.setattr(polls, "PIECE", SIZE)
    for number, query in enumerate(("a", "b", "c"), 1):
        watched.attach(number, query)
    watched.poll()
    # Whoever asks for the time used, it is more by a little more than an eighth of what a poll has.
    watched.tick = hub.MATCHING * 0.126
    watched.poll(*["a b c"] * 9)
    assert watched.events(1) == [6, *["a b c"] * 3]
    assert watched.events(2) == [7, *["a b c"] * 2]
    assert watched.events(3) == [9]
    watched.poll("a b c")
    assert watched.events(3) == [9, "a b c"]


def test_lines_are_late_and_not_missed_while_other_programs_have_the_processors(
    watched, monkeypatch
):
    """Time goes by, and the process has had none of it."""
    monkeypatch.setattr(polls, "PIECE", SIZE)
    for number, query in enumerate(("a", "b", "c"), 1):
        watched.attach(number, query)
    watched.poll()
    watched.lag = 10 * hub.MATCHING
    watched.poll(*["a b c"] * 9)
    assert [watched.events(number) for number in (1, 2, 3)] == [["a b c"] * 9] * 3


def test_events_are_handed_out_in_bounded_pieces(watched):
    """Each is about as much as a client that does not read may have in its buffers."""
    watched.attach(1)
    messages = [f"{number} {'x' * 500}" for number in range(50)]
    watched.poll(*messages)
    assert watched.events(1) == messages and len(messages) < RATE
    assert len(watched.handed) > 3
    assert all(len(one.data) < PIECE + 2000 for one in watched.handed)


def test_lines_that_are_left_out_before_events_in_several_pieces_are_counted_once(
    watched, monkeypatch
):
    monkeypatch.setattr(hub, "RATE", 40 / BURST)
    watched.attach(1)
    messages = [f"{number} {'x' * 500}" for number in range(50)]
    watched.poll(*messages)
    assert len([one for one in watched.handed if one.data]) > 3
    assert missed(watched, 1) == 10 and watched.events(1) == [10, *messages[10:]]


@killed()
def test_lines_removed_by_retention_are_reported_to_viewers(tmp_path):
    """Retention that is faster than a viewer is told, to who is live and who is not yet."""
    store = make_store(tmp_path / "store", [[line("a")], [line("b")], [line("c")]])
    view = view_of(store)
    handed: list[ViewEvents] = []
    hub = Hub(view, handed.append, lambda: 0.0, lambda: 0.0)
    end = Position(3, len(line("c")))
    hub.attach(1, LiveQuery(""), end, end)
    hub.poll()
    hub.serve_step()
    for path in store.glob("0000000001*"):
        path.unlink()
    hub.attach(2, LiveQuery(""), Position(1, 0), end)
    while hub.step_wanted:
        hub.serve_step()
    assert [event for one in handed if 2 in one.viewers for event in _events(one)] == [
        {"lines": None, "from": "2:0"},
        "b",
        "c",
    ]
    view.close()


def test_a_line_after_removed_ones_goes_on_with_no_record_before_them(tmp_path):
    """Whoever catches up would else see it in a record that it does not belong to."""
    texts = [ERROR[0]], ["INFO fine"], [ERROR[1]]
    store = make_store(tmp_path / "store", [[line(one) for one in text] for text in texts])
    handed: list[ViewEvents] = []
    with contextlib.closing(view_of(store)) as view:
        hub = Hub(view, handed.append, lambda: 0.0, lambda: 0.0)
        query = LiveQuery("failed", of_records=True)
        hub.attach(1, query, Position(1, 0), end_of_store(view))
        hub.poll()
        remove_segment(store, 2, len(line("INFO fine")), 1)
        while hub.step_wanted:
            hub.serve_step()
        hub.leave(1)
    events = [event for one in handed for event in _events(one)]
    assert events == [ERROR[0], {"lines": None, "from": "3:0"}]


def test_a_store_that_was_removed_ends_it_behind_its_last_line(watched):
    """Viewers come back to the store that is at its path then; else they would wait for ever."""
    watched.attach(1)
    watched.poll("one")
    end = end_of_store(watched.view)
    watched.hub.attach(2, LiveQuery(""), end, end)
    watched.write("last")
    shutil.rmtree(watched.store)
    watched.poll()
    assert watched.events(1) == ["one", "last"] and watched.events(2) == ["last"]
    with pytest.raises(StoreError, match="was removed"):
        watched.hub.poll()
