"""Viewers of several stores: each gets every line once, wherever it begins, and whatever comes or goes."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import StoreError
from logsrv.linelog.http.views.hub import POLL_EVERY, REST_FOR_EACH
from logsrv.linelog.http.views.stores_hub import LOOK_FOR_STORES_EVERY
from logsrv.linelog.store.cursor import Cursor, parse_place, widened
from logsrv.linelog.store.segment import Position, number_of_store
from tests.leaks import killed
from tests.linelog.http.views.watched_stores import WatchedStores


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[WatchedStores]:
    # The process of live views ends with its files open.
    with killed():
        yield WatchedStores(tmp_path / "store", "audit", "fw")


def test_viewers_get_the_lines_of_all_stores(stores):
    stores.attach(1)
    stores.attach(2, '"a="')
    stores.poll()
    for name, message in (("audit", "a=1"), ("", "b=2"), ("fw", "a=3"), ("audit", "a=4")):
        stores.write(name, message)
    stores.poll()
    assert sorted(stores.messages[1]) == ["a=1", "a=3", "a=4", "b=2"]
    assert sorted(stores.messages[2]) == ["a=1", "a=3", "a=4"]
    assert parse_place(stores.last[1]) == parse_place(stores.last[2]) == stores.end
    assert stores.live == {1, 2}


def test_the_next_look_comes_later_where_much_was_handed_out_and_then_sooner_again(stores):
    for viewer in range(1000):
        stores.attach(viewer, '"a="')
    stores.poll()
    for _ in range(2):
        assert stores.hub.seconds_to_next_poll == POLL_EVERY
        stores.write("audit", "a=1")
        stores.poll()
        assert stores.hub.seconds_to_next_poll == 1000 * REST_FOR_EACH
        stores.poll()


@given(st.lists(st.sampled_from(("", "audit", "fw", "poll", "again", "other")), max_size=25))
def test_each_line_comes_once_however_a_viewer_comes_and_goes(tmp_path_factory, steps):
    """Viewers connect again by their last id, at any moment."""
    wrote: list[str] = []
    with killed():
        stores = WatchedStores(tmp_path_factory.mktemp("stores") / "store", "audit", "fw")
        stores.attach(1)
        stores.last[1] = str(stores.end)
        for step in steps:
            if step == "poll":
                stores.poll()
            elif step == "again":
                stores.hub.leave(1)
                stores.live.discard(1)
                stores.attach(1, begin=parse_place(stores.last[1]))
            elif step == "other":
                stores.hub.leave(2)
                stores.live.discard(2)
                stores.attach(2)
            else:
                wrote.append(f"n={len(wrote)}")
                stores.write(step, wrote[-1])
        stores.poll()
        stores.poll()
    assert sorted(stores.messages[1]) == sorted(wrote)
    assert not stores.missed


def test_a_store_that_comes_later_is_followed_and_one_that_goes_is_left(tmp_path):
    with killed():
        assert_stores_come_and_go(tmp_path)


def assert_stores_come_and_go(tmp_path: Path) -> None:
    stores = WatchedStores(tmp_path / "store")
    stores.attach(1)
    stores.attach(2, begin=Position(1, 0))
    stores.poll()
    stores.write("", "n=1")
    stores.poll()
    assert stores.last[1] == str(Position(1, 0))
    stores.attach(3)
    stores.add("audit")
    stores.write("audit", "n=2")
    stores.write("", "n=3")
    stores.poll(LOOK_FOR_STORES_EVERY)
    stores.add("fw")
    stores.write("fw", "n=4")
    stores.attach(4, begin=widened(parse_place("audit/1:0,fw/1:0"), stores.end))
    stores.poll(LOOK_FOR_STORES_EVERY)
    assert [sorted(stores.messages[one]) for one in (1, 2, 3)] == [
        ["n=1", "n=2", "n=3", "n=4"],
        ["n=1", "n=2", "n=3", "n=4"],
        ["n=2", "n=3", "n=4"],
    ]
    assert sorted(stores.messages[4]) == ["n=1", "n=2", "n=3", "n=4"]
    shutil.rmtree(stores.top / "stores" / "audit")
    stores.ends.pop(number_of_store("audit"))
    stores.write("fw", "n=5")
    stores.poll()
    stores.poll()
    stores.write("", "n=6")
    stores.poll()
    assert stores.messages[1][4:] == ["n=5", "n=6"]
    assert parse_place(stores.last[1]) == stores.end
    os.rename(stores.top, tmp_path / "away")
    shutil.rmtree(tmp_path / "away")
    with pytest.raises(StoreError, match="the store was removed"):
        stores.poll(0)


def test_a_cursor_names_a_position_in_each_store():
    assert str(parse_place("17:5,audit/3:99")) == "17:5,audit/3:99"
    found = parse_place("17:5,audit/3:99")
    assert isinstance(found, Cursor) and {*found.positions} == {0, number_of_store("audit")}
    assert parse_place("audit/3:99") == Position(3, 99).in_store(number_of_store("audit"))
    for wrong in ("1:2,1:3", "1:2,", "1:2,x", ",", "", "Audit/1:2,1:2"):
        with pytest.raises(ValueError, match="position"):
            parse_place(wrong)
