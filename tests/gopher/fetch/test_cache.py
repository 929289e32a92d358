"""What is cached is bounded in bytes and in time."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from logsrv.gopher.fetch.cache import Cache


def test_a_cached_value_expires_after_its_seconds():
    """A page is fetched anew after the time that --cache-time says."""
    clock = Clock()
    cache: Cache[str, str] = Cache(1000, 10, clock.seconds)
    cache.put("a", "menu", 10)
    clock.advance(9)
    assert cache.get("a") == "menu"
    clock.advance(1)
    assert cache.get("a") is None
    assert cache.size == 0


def test_a_value_that_is_stored_again_takes_its_room_once():
    """Two visitors who ask for a page at the same moment both have it fetched and stored."""
    cache: Cache[str, int] = Cache(100, 10, Clock().seconds)
    for number in range(9):
        cache.put("a", number, 40)
    cache.put("b", 9, 60)
    assert (cache.get("a"), cache.get("b"), cache.size) == (8, 9, 100)


def test_the_least_recently_used_value_leaves_the_cache():
    """What has not been asked for the longest makes room; one huge page throws nothing out."""
    cache: Cache[str, int] = Cache(100, 10, Clock().seconds)
    for number, key in enumerate("abcd"):
        cache.put(key, number, 25)
    cache.get("a")
    cache.put("e", 4, 25)
    cache.put("huge", 5, 101)
    assert [key for key in ("a", "b", "c", "d", "e", "huge") if cache.get(key) is not None] == [
        *("a", "c", "d", "e")
    ]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 120), st.integers(0, 5))))
def test_the_cache_never_exceeds_its_bytes(steps):
    """It never holds more than it may."""
    clock = Clock()
    cache: Cache[str, int] = Cache(100, 10, clock.seconds)
    for key, size, seconds in steps:
        clock.advance(seconds)
        cache.put(key, size, size)
        cache.get(key)
        assert 0 <= cache.size <= 100
