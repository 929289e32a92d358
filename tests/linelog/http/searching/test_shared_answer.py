"""One answer for several readers, each at its own pace."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching import shared_answer
from logsrv.linelog.http.searching.shared_answer import (
    LONGEST_LINE,
    MOST_READERS,
    MOST_UNREAD,
    TOO_SLOW,
    AnswerReader,
    SharedAnswer,
    UnreadBytes,
)
from logsrv.reactor import Timer
from tests.parts.kept import kept
from tests.parts.web_requests import SearchSink


class Search:
    """A search that notes whether it is paused, and whether it was killed."""

    def __init__(self) -> None:
        self.paused = self.killed = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def kill(self) -> None:
        self.killed = True


class Shared:
    """An answer of a search, and the clients that no longer wait for it."""

    def __init__(self, unread: UnreadBytes | None = None) -> None:
        self.gone: list[str] = []
        self.unread = unread or UnreadBytes()
        self.clock = Clock()
        self.search = Search()
        self.answer = SharedAnswer(self.unread, lambda _, client: self.gone.append(client))
        self.answer.search = self.search  # type: ignore[assignment]

    def read(self, sink: SearchSink, client: str = "a") -> AnswerReader:
        return self.answer.add_reader(sink, client, Timer(self.clock))


@pytest.fixture
def shared() -> Shared:
    return Shared()


class ToldSink(SearchSink):
    """A sink that keeps each of the sentences about what is missing."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def receive_missing(self, missing: str) -> None:
        self.told.append(missing)


class ActingSink(SearchSink):
    """A sink that does something at each piece, as a transport does that is full or lost."""

    act: Callable[[], object]

    def receive_data(self, data: bytes) -> None:
        super().receive_data(data)
        self.act()


def test_all_readers_get_the_same_bytes_and_the_same_end(shared):
    sinks = [SearchSink(), SearchSink(), SearchSink()]
    for sink in sinks:
        shared.read(sink)
    shared.answer.receive_missing("segment 2 is missing")
    shared.answer.receive_data(b"one ")
    shared.answer.receive_data(b"two")
    shared.answer.receive_end(None)
    for sink in sinks:
        assert (sink.text, sink.missing, sink.done.result) == (
            *(b"one two", "segment 2 is missing"),
            None,
        )
    assert shared.unread.total == 0 and shared.gone == ["a"]


def test_a_problem_is_the_end_of_each(shared):
    sinks = [SearchSink(), SearchSink()]
    for sink in sinks:
        shared.read(sink)
    problem = Problem(503, "broken")
    shared.answer.receive_end(problem)
    assert [sink.done.result for sink in sinks] == [problem, problem]


def test_nobody_joins_an_answer_that_has_begun_or_has_enough_readers(shared):
    assert shared.answer.is_open
    for _ in range(MOST_READERS):
        shared.read(SearchSink())
    assert not shared.answer.is_open
    begun, missing, ended = Shared(), Shared(), Shared()
    begun.answer.receive_data(b"x")
    missing.answer.receive_missing("x")
    ended.answer.receive_end(None)
    assert not any(one.answer.is_open for one in (begun, missing, ended))


def test_a_slow_reader_holds_up_no_other_and_gets_all_later(shared):
    slow, fast = SearchSink(), SearchSink()
    reader, _ = shared.read(slow), shared.read(fast)
    shared.answer.receive_data(b"one ")
    reader.pause()
    assert not shared.search.paused
    shared.answer.receive_data(b"two ")
    shared.answer.receive_data(b"three")
    shared.answer.receive_end(None)
    assert fast.text == b"one two three" and fast.done.called
    assert slow.text == b"one " and not slow.done.called and shared.unread.total == 9
    reader.resume()
    assert slow.text == fast.text and slow.done.result is None and shared.unread.total == 0


def test_the_search_pauses_when_all_have_paused(shared):
    one, other = shared.read(SearchSink()), shared.read(SearchSink())
    one.pause()
    assert not shared.search.paused
    other.pause()
    assert shared.search.paused
    one.resume()
    assert not shared.search.paused
    one.kill()
    assert shared.search.paused, "the one that is left has paused"
    other.resume()
    assert not shared.search.paused


def test_the_search_goes_on_for_one_who_joins_while_all_others_have_paused(shared):
    shared.read(SearchSink()).pause()
    assert shared.search.paused
    joined = shared.read(SearchSink())
    assert not shared.search.paused
    joined.kill()
    assert shared.search.paused


def test_a_single_reader_that_pauses_pauses_its_search_and_loses_nothing(shared):
    """Pieces that were read together still come: they wait, however many they are."""
    sink = SearchSink()
    reader = shared.read(sink)
    reader.pause()
    assert shared.search.paused
    shared.answer.receive_data(b"x" * (MOST_UNREAD + 1))
    assert sink.text == b"" and not sink.done.called
    reader.resume()
    assert len(sink.text) == MOST_UNREAD + 1 and not shared.search.paused


def test_a_reader_too_far_behind_is_cut_and_the_others_read_on(shared):
    slow, slower, fast = SearchSink(), SearchSink(), SearchSink()
    readers = [
        shared.read(sink, client) for sink, client in ((slow, "s"), (slower, "t"), (fast, "f"))
    ]
    readers[1].pause()
    shared.answer.receive_data(b"x" * 1000)
    readers[0].pause()
    shared.answer.receive_data(b"x" * (MOST_UNREAD - 1000))
    assert not slower.done.called
    shared.answer.receive_data(b"x")
    assert slower.done.result is TOO_SLOW and not slow.done.called and shared.gone == ["t"]
    assert len(fast.text) == MOST_UNREAD + 1
    readers[0].resume()
    assert slow.text == fast.text


def test_the_memory_of_all_answers_together_has_a_bound(monkeypatch):
    monkeypatch.setattr(shared_answer, "MOST_UNREAD_IN_ALL", 1000)
    unread = UnreadBytes()
    sinks = []
    for _ in range(3):
        shared = Shared(unread)
        sinks.append(SearchSink())
        shared.read(sinks[-1]).pause()
        shared.read(SearchSink())
        shared.answer.receive_data(b"x" * 400)
    assert [sink.done.called for sink in sinks] == [False, False, True]
    assert unread.total == 800


def test_the_search_ends_with_its_last_reader(shared):
    one, other = shared.read(SearchSink(), "a"), shared.read(SearchSink(), "b")
    one.kill()
    one.kill()
    assert shared.gone == ["a"] and not shared.search.killed
    other.kill()
    assert shared.gone == ["a", "b"] and shared.search.killed


def test_a_client_is_gone_with_the_last_of_its_readers(shared):
    one, other = shared.read(SearchSink(), "a"), shared.read(SearchSink(), "a")
    one.kill()
    assert shared.gone == []
    other.kill()
    assert shared.gone == ["a"]


@pytest.mark.parametrize("act", ["pause", "kill"])
def test_a_reader_may_pause_or_leave_while_it_gets_a_piece(shared, act):
    """Also if others come after it: each gets each piece once."""
    acting, other = ActingSink(), SearchSink()
    reader: Any = shared.read(acting)
    acting.act = getattr(reader, act)
    shared.read(other)
    shared.answer.receive_data(b"one ")
    shared.answer.receive_data(b"two")
    assert acting.text == b"one " and other.text == b"one two"
    acting.act = lambda: None
    reader.resume()
    assert acting.text == (b"one two" if act == "pause" else b"one ")


def test_a_reader_may_pause_and_go_on_while_it_gets_a_piece(shared):
    acting = ActingSink()
    reader = shared.read(acting)

    def flicker() -> None:
        reader.pause()
        reader.resume()

    acting.act = flicker
    reader.pause()
    for piece in (b"one ", b"two ", b"three"):
        shared.answer.receive_data(piece)
    shared.answer.receive_end(None)
    reader.resume()
    assert acting.text == b"one two three" and acting.done.called


def test_one_that_leaves_takes_others_along_while_a_piece_is_given(shared):
    """As the connections of one client that all end at once."""
    acting, other = ActingSink(), SearchSink()
    shared.read(acting)
    reader = shared.read(other)
    acting.act = reader.kill
    shared.answer.receive_data(b"one ")
    shared.answer.receive_end(None)
    assert acting.text == b"one " and other.text == b"" and not other.done.called


def test_a_reader_that_waits_too_long_is_told_and_one_that_has_left_is_not(shared):
    expired: list[AnswerReader] = []
    late, gone, served = (shared.read(SearchSink()) for _ in range(3))
    for reader in (late, gone, served):
        reader.wait_at_most(30, expired.append)
    gone.kill()
    served.stop_waiting()
    shared.clock.advance(31)
    assert expired == [late]


def test_one_that_leaves_while_it_is_slow_does_not_pause_the_search_of_those_who_stay(shared):
    slow = shared.read(SearchSink())
    sink = SearchSink()
    stays = shared.read(sink)
    slow.pause()
    slow.kill()
    assert not shared.search.paused
    stays.pause()
    assert shared.search.paused
    stays.resume()
    assert not shared.search.paused
    shared.answer.receive_data(b"one")
    assert sink.text == b"one"


def test_nothing_is_kept_of_readers_that_have_left(shared):
    sink = SearchSink()
    stays = shared.read(sink)
    before = kept(shared.answer, shared.unread)
    for number in range(100):
        readers = [shared.read(SearchSink(), f"{number}.{one}") for one in range(3)]
        stays.pause()
        readers[0].pause()
        for reader in readers:
            reader.kill()
        stays.resume()
    assert kept(shared.answer, shared.unread) == before and not shared.search.paused
    readers = [shared.read(SearchSink()) for _ in range(30)]
    for reader in readers[::2]:
        reader.pause()
    shared.answer.receive_data(b"some text")
    for reader in readers:
        reader.kill()
    assert shared.unread.total == 0 and sink.text == b"some text"


def partial() -> Shared:
    """An answer with its progress: each line replaces the one before."""
    made = Shared()
    made.answer.in_lines = True
    return made


def test_who_joins_an_answer_with_progress_gets_the_latest_line_and_goes_on():
    shared, first, late = partial(), SearchSink(), SearchSink()
    shared.read(first)
    shared.answer.receive_missing("segment 2 is missing")
    shared.answer.receive_data(b"one\n")
    shared.answer.receive_data(b"tw")
    assert not shared.answer.is_open
    shared.answer.receive_data(b"o\n")
    assert shared.answer.is_open
    shared.read(late)
    assert late.text == b""
    shared.clock.advance(0)
    assert (late.text, late.missing) == (b"two\n", "segment 2 is missing")
    shared.answer.receive_data(b"all\n")
    shared.answer.receive_end(None)
    assert first.text == b"one\ntwo\nall\n" and late.text == b"two\nall\n"
    assert first.done.called and late.done.called and shared.unread.total == 0


def test_who_joins_an_answer_with_progress_is_told_once_what_is_missing():
    shared, first, late = partial(), SearchSink(), ToldSink()
    shared.read(first)
    shared.answer.receive_missing("segment 2 is missing")
    shared.answer.receive_data(b"1\n")
    shared.read(late)
    shared.clock.advance(0)
    for line in (b"2\n", b"3\n"):
        shared.answer.receive_data(line)
    assert late.text == b"1\n2\n3\n" and late.told == ["segment 2 is missing"]


def test_who_joins_just_before_the_next_line_or_the_end_gets_that():
    shared, first, late, last = partial(), SearchSink(), SearchSink(), SearchSink()
    shared.read(first)
    shared.answer.receive_missing("segment 2 is missing")
    shared.answer.receive_data(b"one\n")
    shared.read(late)
    shared.answer.receive_data(b"all\n")
    assert (late.text, late.missing) == (b"all\n", "segment 2 is missing")
    shared.read(last)
    shared.answer.receive_end(None)
    assert last.text == b"all\n" and last.done.called and last.missing == late.missing
    assert not shared.answer.is_open and shared.unread.total == 0


def test_a_slow_reader_misses_the_lines_that_were_replaced_and_has_no_cut_line():
    shared, slow, fast = partial(), SearchSink(), SearchSink()
    reader, _ = shared.read(slow), shared.read(fast)
    shared.answer.receive_data(b"o")
    reader.pause()
    for data in (b"ne\n", b"two\n", b"three\n", b"fo"):
        shared.answer.receive_data(data)
    reader.resume()
    assert slow.text == b"one\nthree\nfo"
    reader.pause()
    shared.answer.receive_data(b"ur\n")
    shared.answer.receive_data(b"all\n")
    shared.answer.receive_end(None)
    assert fast.done.called and shared.unread.total == len(b"ur\nall\n")
    reader.resume()
    assert slow.text == b"one\nthree\nfour\nall\n" and slow.done.called
    assert shared.unread.total == 0


def test_a_paused_reader_keeps_only_the_latest_line_in_memory_and_is_not_cut_off():
    shared, slow = partial(), SearchSink()
    reader = shared.read(slow)
    shared.read(SearchSink(), "b")
    reader.pause()
    for number in range(100):
        shared.answer.receive_data(b"%d" % (number % 10) * 100_000 + b"\n")
    assert shared.unread.total == 100_001 and not slow.done.called
    reader.kill()
    assert shared.unread.total == 100_001


def test_nobody_joins_behind_a_large_line_which_does_not_stay_in_memory():
    shared = partial()
    shared.read(SearchSink())
    shared.answer.receive_data(b"one\n")
    shared.answer.receive_data(b"x" * LONGEST_LINE)
    assert shared.unread.total == 0
    shared.answer.receive_data(b"\n")
    assert not shared.answer.is_open and shared.unread.total == 0
    shared.answer.receive_data(b"small\n")
    assert shared.answer.is_open


def test_a_reader_who_has_not_begun_a_large_line_misses_none_of_it():
    shared, slow = partial(), SearchSink()
    reader, _ = shared.read(slow), shared.read(SearchSink(), "b")
    shared.answer.receive_data(b"one\n")
    reader.pause()
    shared.answer.receive_data(b"x" * LONGEST_LINE)
    shared.answer.receive_data(b"\n")
    shared.answer.receive_end(None)
    reader.resume()
    assert slow.text == b"one\n" + b"x" * LONGEST_LINE + b"\n" and slow.done.called


def test_the_last_reader_who_leaves_ends_the_search_and_nothing_stays_in_memory():
    shared, late = partial(), SearchSink()
    first = shared.read(SearchSink())
    shared.answer.receive_data(b"one\n")
    joined = shared.read(late, "b")
    first.kill()
    assert not shared.search.killed and shared.gone == ["a"]
    joined.kill()
    shared.clock.advance(0)
    assert shared.search.killed and late.text == b"" and shared.unread.total == 0


def test_a_joined_reader_gets_the_problem_of_an_answer_that_breaks_off():
    shared, first, late = partial(), SearchSink(), SearchSink()
    shared.read(first)
    shared.answer.receive_data(b"one\n")
    shared.read(late)
    problem = Problem(503, "broken")
    shared.answer.receive_end(problem)
    assert late.text == b"one\n" and late.done.result is first.done.result is problem
