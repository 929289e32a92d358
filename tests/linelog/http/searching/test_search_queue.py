"""The queue of searches: whose turn it is, and who has left."""

from logsrv.linelog.http.searching.search_queue import SearchQueue
from tests.parts.kept import kept


def turns(queue: SearchQueue[str], running: list[str]) -> list[str]:
    """All searches in their order; each runs on beside those that run already."""
    found = []
    while queue:
        client, search = queue.pop(running)
        running.append(client)
        found.append(search)
    return found


def filled(**lanes: str) -> SearchQueue[str]:
    """A queue with a search for each word of a client, in the order of the clients."""
    queue: SearchQueue[str] = SearchQueue()
    for client, searches in lanes.items():
        for search in searches.split():
            queue.add(client, search)
    return queue


def test_clients_take_turns_and_each_is_served_in_its_order():
    queue = filled(a="a1 a2 a3 a4", b="b1 b2", c="c1")
    assert turns(queue, []) == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


def test_the_client_with_the_fewest_running_searches_is_next():
    """One question beside a board whose panels have all the places."""
    queue = filled(board="p9 p10 p11 p12", reader="one")
    assert turns(queue, ["board"] * 8)[0] == "one"


def test_a_client_whose_search_has_just_begun_lets_another_one_go_first():
    """Also if that search never waited."""
    queue = filled(board="p2 p3", reader="one")
    queue.note_turn("board")
    assert queue.pop([]) == ("reader", "one")


def test_turns_go_on_after_a_search_has_ended():
    queue = filled(a="a1 a2 a3", b="b1 b2 b3")
    assert [queue.pop([])[1] for _ in range(6)] == ["a1", "b1", "a2", "b2", "a3", "b3"]


def test_a_search_that_two_wait_for_begins_in_the_first_turn_of_either():
    """It waits behind the board of neither, and begins once."""
    queue = filled(board="p1 p2 both", reader="both")
    assert len(queue) == 3 and queue.length("reader") == 1
    assert turns(queue, []) == ["p1", "both", "p2"]


def test_a_search_stays_while_one_client_waits_for_it():
    queue = filled(a="both a2", b="both")
    queue.leave("a", "both")
    assert "both" in queue and queue.pop([]) == ("a", "a2") and queue.pop([]) == ("b", "both")


def test_nothing_is_kept_of_those_that_have_left():
    queue = filled()
    before = kept(queue)
    for number in range(100):
        queue.add(f"client {number % 7}", "shared")
        queue.add(f"client {number % 7}", f"own {number}")
    for number in range(100):
        queue.leave(f"client {number % 7}", f"own {number}")
        queue.leave(f"client {number % 7}", f"own {number}")
    queue.remove("shared")
    queue.remove("shared")
    assert kept(queue) == before and not queue
