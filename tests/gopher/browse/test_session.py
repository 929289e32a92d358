"""What one run of the browser keeps, and whom it trusts."""

from pathlib import Path

import pytest

from logsrv.gopher.browse.page import Page
from logsrv.gopher.browse.session import (
    BrowsingSession,
    Destination,
    History,
    InternalPage,
)
from logsrv.gopher.wire.errors import ServerError
from logsrv.gopher.wire.fileurl import FileURL, ItemURL
from logsrv.gopher.wire.url import GopherURL

pytestmark = pytest.mark.slow


def test_files_are_where_xdg_says(tmp_path):
    session = BrowsingSession({"XDG_DATA_HOME": str(tmp_path), "XDG_DOWNLOAD_DIR": "/d"})
    assert session.bookmarks.path == tmp_path / "logsrv" / "gopher-bookmarks"
    assert session.downloads.directory == Path("/d")


def test_the_character_set_is_that_of_the_command_line(tmp_path):
    session = BrowsingSession({"XDG_DATA_HOME": str(tmp_path)}, charset="cp437")
    assert session.charset == "cp437"


A, B, C = (GopherURL("h", selector=name) for name in (b"a", b"b", b"c"))


def go(history: History, *places: Destination) -> None:
    for place in places:
        history.record_arrival(place)


def test_a_new_visit_forgets_what_was_forward():
    history = History()
    go(history, A, B)
    history.record_arrival(A, -1)
    current = history.visit_at_step(0)
    assert current is not None and current.destination == A
    go(history, C)
    assert history.visit_at_step(1) is None
    back = history.visit_at_step(-1)
    assert back is not None and back.destination == A and history.visit_at_step(-2) is None


def test_addresses_are_offered_once_with_the_newest_last():
    history = History()
    go(history, A, B, InternalPage.START, A)
    assert history.visited_urls() == [str(B), str(A)]


def test_history_is_bounded():
    history = History(most=3)
    go(history, A, B, C, A, B)
    assert history.visit_at_step(-2) is not None and history.visit_at_step(-3) is None


def page(url: ItemURL, size: int) -> Page:
    return Page(url, None, received=size)


def test_errors_are_asked_for_again():
    """A page that was kept goes, too."""
    session = BrowsingSession({"HOME": "/nowhere"})
    session.keep_page(page(A, 1))
    assert session.cache.get(A) == page(A, 1)
    session.keep_page(Page(A, None, ServerError("no")))
    assert session.cache.get(A) is None


def test_local_files_are_read_anew():
    """Who looks at them may edit them."""
    session = BrowsingSession({"HOME": "/nowhere"})
    session.keep_page(page(FileURL(b"/srv"), 1))
    assert session.cache.get(FileURL(b"/srv")) is None
