"""Searches that wait for their turn or share an answer; a test speaks for their processes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching import searches as searches_module
from logsrv.linelog.http.searching.searches import LONGEST_WAIT, Searches
from tests.parts.child_processes import Spawned, Spawner
from tests.parts.reactor import logged
from tests.parts.stores import lines, make_store
from tests.parts.web_requests import SearchSink, asked


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "store", [lines(["a"])])


class Spoken:
    """Searches in processes for which a test speaks."""

    def __init__(self, store: Path, at_once: int = 1) -> None:
        self.reactor = Spawner()
        self.joined = 0
        self.searches = Searches(
            lambda: str(store), self.reactor, at_once=at_once, seconds=9.0, joined=self._count
        )

    def _count(self) -> None:
        self.joined += 1

    def ask(self, text: str = "x", client: str = "a", *, joins: bool = True) -> "Reader":
        return Reader(self, text, client, joins)

    def turn(self) -> None:
        """Give each search that may run its process."""
        for _ in range(20):
            self.reactor.advance(0)

    @property
    def processes(self) -> list[Spawned]:
        """Those of searches, the first one first."""
        return [one for one in self.reactor.processes if "--fork" not in one.command]

    @property
    def running(self) -> list[str]:
        """What the searches ask for, in the order in which they began."""
        return [json.loads(one.said[0])["values"]["q"] for one in self.processes]


class Reader(SearchSink):
    """One who asks for a word."""

    def __init__(self, spoken: Spoken, text: str, client: str, joins: bool) -> None:
        super().__init__()
        question = ("/api/table", text.encode()) if joins else None
        self.search = spoken.searches.start_search(
            asked(q=text), self, client=client, question=question
        )

    @property
    def problem(self) -> Any:
        return self.done.result if self.done.called else None


@pytest.fixture
def spoken(store: Path) -> Iterator[Spoken]:
    found = Spoken(store)
    yield found
    found.searches.stop()
    assert not found.searches.waiting_count and not found.searches.running_count


def answer(process: Spawned, text: bytes = b"answer") -> None:
    """Let a process answer, and end."""
    process.say(b"200")
    process.say(text)
    process.end()


def test_a_reader_waits_for_one_search_not_for_the_rest_of_anothers_board(spoken):
    board = [spoken.ask(f"panel {number}", "a") for number in range(12)]
    one = spoken.ask("one", "b")
    answer(spoken.processes[0])
    spoken.turn()
    assert spoken.running == ["panel 0", "one"] and not one.done.called
    for number in range(1, 13):
        answer(spoken.processes[number])
        spoken.turn()
    assert all(reader.text == b"answer" for reader in (*board, one))


def test_searches_in_the_background_come_after_those_that_clients_wait_for(spoken):
    running, background = spoken.ask("first"), SearchSink()
    spoken.searches.queue_search(asked(q="background"), background)
    waiting = [spoken.ask("second", "b"), spoken.ask("third", "c")]
    for number in range(4):
        spoken.turn()
        answer(spoken.processes[number])
    assert spoken.running == ["first", "second", "third", "background"]
    assert all(one.done.called for one in (running, *waiting, background))


def test_the_time_of_a_search_begins_when_it_runs(spoken):
    spoken.ask("first")
    late = spoken.ask("late")
    spoken.reactor.advance(8.5)
    answer(spoken.processes[0])
    spoken.turn()
    spoken.reactor.advance(8.5)
    assert not late.done.called
    spoken.reactor.advance(1)
    assert late.problem.status == 503 and "9 s" in str(late.problem)


def test_a_search_that_waits_too_long_is_refused_and_the_next_has_its_turn(store):
    spoken = Spoken(store)
    spoken.searches.set_limits(at_once=1, seconds=1000.0)
    spoken.ask("first")
    late = spoken.ask("late", "b")
    spoken.reactor.advance(LONGEST_WAIT - 1)
    patient = spoken.ask("patient", "b")
    spoken.reactor.advance(1)
    assert late.problem.status == 429 and late.problem.headers["Retry-After"] == "2"
    assert "has waited 30 s" in str(late.problem) and spoken.searches.waiting_count == 1
    answer(spoken.processes[0])
    spoken.turn()
    assert spoken.running == ["first", "patient"] and not patient.done.called
    spoken.reactor.advance(LONGEST_WAIT)
    assert not patient.done.called, "it runs, so it waits no longer"
    spoken.searches.stop()


def test_each_client_that_waits_for_a_shared_search_has_its_own_patience(spoken):
    spoken.searches.set_limits(at_once=1, seconds=1000.0)
    spoken.ask("first")
    one = spoken.ask("same", "b")
    spoken.reactor.advance(LONGEST_WAIT - 1)
    other = spoken.ask("same", "c")
    spoken.reactor.advance(1)
    assert one.problem.status == 429 and not other.done.called
    answer(spoken.processes[0])
    spoken.turn()
    answer(spoken.processes[1])
    assert other.text == b"answer"


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [("MOST_OF_CLIENT", "2 searches of your address wait"), ("MOST_WAITING", "2 searches wait")],
)
def test_only_so_many_searches_wait(spoken, monkeypatch, limit, sentence):
    monkeypatch.setattr(searches_module, limit, 2)
    spoken.ask("first")
    waiting = [spoken.ask("second"), spoken.ask("third")]
    with pytest.raises(Problem, match=sentence) as caught:
        spoken.ask("fourth")
    assert caught.value.status == 429 and "Retry-After" in caught.value.headers
    spoken.ask("third")
    assert spoken.searches.waiting_count == 2, "one that joins is no further search"
    if limit == "MOST_OF_CLIENT":
        spoken.ask("fourth", "b")
    waiting[0].search.kill()
    spoken.ask("fourth")


def test_a_client_that_leaves_while_it_waits_leaves_the_queue(spoken):
    spoken.ask("first")
    gone, stays = spoken.ask("second"), spoken.ask("third")
    gone.search.kill()
    gone.search.kill()
    assert spoken.searches.waiting_count == 1
    answer(spoken.processes[0])
    spoken.turn()
    assert spoken.running == ["first", "third"] and not gone.done.called
    answer(spoken.processes[1])
    assert stays.text == b"answer"


def test_stop_ends_those_that_wait_and_those_that_read(spoken):
    readers = [
        spoken.ask("first"),
        spoken.ask("first", "b"),
        spoken.ask("second"),
        spoken.ask("third"),
    ]
    readers[0].search.pause()
    spoken.processes[0].say(b"200")
    spoken.processes[0].say(b"half")
    spoken.searches.stop()
    assert [one.problem.status for one in readers] == [503] * 4
    assert spoken.processes[0].killed and readers[1].text == b"half"
    spoken.turn()
    assert spoken.running == ["first"]
    with pytest.raises(Problem, match="being stopped"):
        spoken.ask("first")


def test_a_limit_that_is_raised_lets_those_begin_that_wait(spoken):
    for number in range(6):
        spoken.ask(str(number))
    spoken.turn()
    spoken.searches.set_limits(at_once=3, seconds=9.0)
    spoken.turn()
    assert spoken.running == ["0", "1", "2"]
    spoken.searches.set_limits(at_once=1, seconds=9.0)
    for number in range(2):
        answer(spoken.processes[number])
        spoken.turn()
    assert spoken.running == ["0", "1", "2"], "as many run as may now"
    answer(spoken.processes[2])
    spoken.turn()
    assert spoken.running == ["0", "1", "2", "3"]


def test_clients_that_ask_the_same_get_one_answer(spoken):
    """While the first waits, and while it runs; a client may ask twice."""
    first = spoken.ask("first")
    same = [spoken.ask("same", client) for client in "abcc"]
    answer(spoken.processes[0])
    spoken.turn()
    same += [spoken.ask("same", client) for client in "ad"]
    answer(spoken.processes[1], b"for all")
    assert [one.text for one in same] == [b"for all"] * 6 and first.text == b"answer"
    assert len(spoken.processes) == 2 and spoken.joined == 5


def test_another_question_and_one_that_is_not_shared_are_not_joined(store):
    spoken = Spoken(store, at_once=9)
    for text, joins in (("a", True), ("b", True), ("a", False), ("c", False), ("c", False)):
        spoken.ask(text, joins=joins)
    assert len(spoken.processes) == 5 and spoken.joined == 0
    spoken.searches.stop()


def test_an_answer_that_has_begun_or_ended_is_not_joined(store):
    spoken = Spoken(store, at_once=9)
    first = spoken.ask("same")
    spoken.processes[0].say(b"200")
    spoken.processes[0].say(b"half")
    second, third = spoken.ask("same"), spoken.ask("same")
    assert len(spoken.processes) == 2 and spoken.joined == 1
    spoken.processes[0].end()
    answer(spoken.processes[1])
    assert (first.text, second.text, third.text) == (b"half", b"answer", b"answer")
    spoken.ask("same")
    assert len(spoken.processes) == 3
    spoken.searches.stop()


def test_another_store_is_another_question(store):
    spoken = Spoken(store, at_once=9)
    directories = [str(store)]
    spoken.searches = Searches(lambda: directories[-1], spoken.reactor, at_once=9, seconds=9.0)
    spoken.ask("same")
    directories.append(str(store.parent))
    spoken.ask("same")
    assert len(spoken.processes) == 2
    spoken.searches.stop()


def test_a_shared_search_ends_with_the_last_of_its_clients(store):
    spoken = Spoken(store, at_once=9)
    readers = [spoken.ask("same", client) for client in "abc"]
    readers[0].search.kill()
    readers[1].search.kill()
    assert not spoken.processes[0].killed
    readers[2].search.kill()
    assert spoken.processes[0].killed and spoken.searches.running_count == 0
    again = spoken.ask("same")
    answer(spoken.processes[1])
    assert again.text == b"answer" and not any(one.done.called for one in readers)
    spoken.searches.stop()


def test_the_first_client_may_leave_a_search_that_others_wait_for(spoken):
    """While it waits, and while it runs."""
    spoken.ask("first")
    readers = [spoken.ask("same", client) for client in "abc"]
    readers[0].search.kill()
    answer(spoken.processes[0])
    spoken.turn()
    readers[1].search.kill()
    answer(spoken.processes[1])
    assert [one.text for one in readers] == [b"", b"", b"answer"]


@pytest.mark.parametrize("said", [[], [b"200"], [b"200", b"half"]])
def test_a_process_that_dies_with_three_clients_is_a_problem_for_each(spoken, said):
    readers = [spoken.ask("same", client) for client in "abc"]
    for message in said:
        spoken.processes[0].say(message)
    with logged() as messages:
        spoken.processes[0].end(signal=9)
    for reader in readers:
        assert reader.problem.status == 503 and "broke off" in str(reader.problem)
        assert reader.text == b"".join(said[1:])
    assert messages == ["the process of a search was ended by SIGKILL"]


def test_a_wrong_question_is_wrong_for_each_that_asks_it(spoken):
    readers = [spoken.ask("same", client) for client in "ab"]
    spoken.processes[0].say(b"400")
    spoken.processes[0].say(Problem(400, "no such field", at=3).body)
    spoken.processes[0].end()
    assert [(one.problem.status, one.problem.at) for one in readers] == [(400, 3)] * 2


def test_a_client_that_reads_nothing_holds_up_none_of_the_others(spoken):
    """Its part waits in memory, and its search no longer counts as running."""
    slow, fast = spoken.ask("same"), spoken.ask("same", "b")
    next_one = spoken.ask("next")
    slow.search.pause()
    answer(spoken.processes[0], b"x" * 1000)
    assert len(fast.text) == 1000 and fast.done.called and not slow.text
    spoken.turn()
    answer(spoken.processes[1])
    assert next_one.text == b"answer"
    slow.search.resume()
    assert len(slow.text) == 1000 and slow.done.called


def test_without_room_for_a_process_each_that_waits_for_it_is_told(spoken):
    spoken.ask("first")
    readers = [spoken.ask("same", client) for client in "ab"]
    spoken.reactor.full = True
    answer(spoken.processes[0])
    spoken.turn()
    assert [one.problem.status for one in readers] == [503, 503]
    with pytest.raises(Problem, match="cannot be started"):
        spoken.ask("same")
    spoken.reactor.full = False
    again = spoken.ask("same")
    answer(spoken.processes[1])
    assert again.text == b"answer"
