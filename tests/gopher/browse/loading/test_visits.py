"""Going back and forward, and the memory that pages may take."""

from __future__ import annotations

from logsrv.gopher.browse.content.page import Page
from logsrv.gopher.browse.loading.visits import History, Own, PageCache, Place
from logsrv.gopher.local.fileurl import FileURL, ItemURL
from logsrv.gopher.wire.errors import ServerError
from logsrv.gopher.wire.url import GopherURL

A, B, C = (GopherURL("h", selector=name) for name in (b"a", b"b", b"c"))


def go(history: History, *places: Place) -> None:
    for place in places:
        history.arrive(place)


def test_a_new_visit_forgets_what_was_forward() -> None:
    history = History()
    go(history, A, B)
    history.arrive(A, -1)
    current = history.neighbour(0)
    assert current is not None and current.place == A
    go(history, C)
    assert history.neighbour(1) is None
    back = history.neighbour(-1)
    assert back is not None and back.place == A and history.neighbour(-2) is None


def test_addresses_are_offered_once_with_the_newest_last() -> None:
    history = History()
    go(history, A, B, Own.START, A)
    assert history.addresses() == [str(B), str(A)]


def test_history_is_bounded() -> None:
    history = History(most=3)
    go(history, A, B, C, A, B)
    assert history.neighbour(-2) is not None and history.neighbour(-3) is None


def page(url: ItemURL, size: int) -> Page:
    return Page(url, None, received=size)


def test_the_page_unused_for_longest_makes_room() -> None:
    cache = PageCache(most_bytes=100)
    cache.put(page(A, 40))
    cache.put(page(B, 40))
    assert cache.get(A) is not None
    cache.put(page(C, 40))
    assert (cache.get(A), cache.get(B)) == (page(A, 40), None)


def test_a_page_larger_than_everything_is_not_kept_and_costs_no_other() -> None:
    cache = PageCache(most_bytes=100)
    cache.put(page(A, 40))
    cache.put(page(B, 101))
    assert cache.get(A) is not None and cache.get(B) is None


def test_errors_are_asked_for_again() -> None:
    cache = PageCache()
    cache.put(page(A, 1))
    cache.put(Page(A, None, ServerError("no")))
    assert cache.get(A) is None


def test_local_files_are_read_anew() -> None:
    """Who looks at them may edit them."""
    cache = PageCache()
    cache.put(page(FileURL(b"/srv"), 1))
    assert cache.get(FileURL(b"/srv")) is None
