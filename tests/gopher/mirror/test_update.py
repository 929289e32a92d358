"""An update writes what has changed, and keeps what cannot be had now."""

import time

import pytest

from logsrv.gopher.fetch.local import MIRROR_JOURNAL
from logsrv.gopher.wire.errors import GopherError
from tests.gopher.mirror.site import NOT_THERE, Answers, Site, crawl, files, items

TWO: Answers = {
    b"": b"0A\t/a\t@\r\n1Sub\t/sub\t@\r\n1Other\t/other\t@\r\n.\r\n",
    b"/sub": b"9B\t/sub/b\t@\r\n9C\t/sub/c\t@\r\n",
    b"/other": b"0D\t/other/d\t@\r\n",
    b"/a": b"a",
    b"/sub/b": b"b",
    b"/sub/c": b"c" * 300_000,
    b"/other/d": b"d",
}


def test_an_update_writes_what_has_changed_and_lists_what_is_gone(serve, tmp_path):
    site = Site(serve, TWO)
    crawl(site, tmp_path)
    kept = (tmp_path / "sub/c").stat()
    site.answers = {
        **TWO,
        b"": b"0New\t/new\t@\r\n1Sub\t/sub\t@\r\n.\r\n",
        b"/sub/b": b"another",
        b"/new": b"new",
    }
    tally = crawl(site, tmp_path, update=True).tally
    assert (tally.fetched, tally.changed, tally.same) == (5, 2, 2)
    assert {url.selector for url in tally.unlisted} == {b"/other", b"/a", b"/other/d"}
    assert items(tmp_path) == {
        "a": b"a",
        "new": b"new",
        "other/d": b"d",
        "sub/b": b"another",
        "sub/c": b"c" * 300_000,
    }
    assert (tmp_path / "sub/c").stat().st_mtime_ns == kept.st_mtime_ns
    size = (tmp_path / MIRROR_JOURNAL).stat().st_size
    again = crawl(site, tmp_path, update=True).tally
    assert (again.fetched, again.changed, again.same, len(again.unlisted)) == (5, 0, 5, 3)
    assert (tmp_path / MIRROR_JOURNAL).stat().st_size == size
    site.server.requests.clear()
    assert crawl(site, tmp_path).tally.kept == 5
    assert site.asked == {}


def test_an_update_asks_for_menus_first(serve, tmp_path):
    site = Site(serve, TWO)
    crawl(site, tmp_path, connections=1)
    site.server.requests.clear()
    crawl(site, tmp_path, connections=1, update=True)
    assert {*list(site.asked)[:3]} == {b"", b"/sub", b"/other"}


@pytest.mark.parametrize("update", [True, False])
def test_an_update_that_was_stopped_goes_on(serve, tmp_path, update):
    site = Site(serve, TWO)
    crawl(site, tmp_path)
    site.answers = {**TWO, b"": TWO[b""].replace(b"0A\t/a\t@\r\n", b""), b"/sub/b": b"another"}
    site.server.requests.clear()
    with pytest.raises(KeyboardInterrupt):
        crawl(site, tmp_path, update=True, connections=1, show=lambda: stop_after(site, 4))
    tally = crawl(site, tmp_path, update=update).tally
    assert [url.selector for url in tally.unlisted] == [b"/a"]
    assert items(tmp_path) == {
        "a": b"a",
        "sub/b": b"another",
        "sub/c": b"c" * 300_000,
        "other/d": b"d",
    }
    asked = [site.asked[menu] for menu in (b"", b"/sub", b"/other")]
    assert asked == [1, 1, 1], "what was asked for is not asked for again"


@pytest.mark.parametrize("answer", [b"", b".\r\n", NOT_THERE])
def test_an_update_that_got_nothing_changes_nothing_and_goes_on(serve, tmp_path, answer):
    site = Site(serve, TWO)
    crawl(site, tmp_path)
    before = files(tmp_path)
    site.answers = {**TWO, b"": answer}
    for _ in range(2):
        with pytest.raises(GopherError):
            # An empty answer is asked for again after pauses of some seconds.
            crawl(site, tmp_path, update=True, clock=lambda: 10 * time.monotonic())
        assert files(tmp_path) == before
    site.answers = {**TWO, b"/sub/b": b"another"}
    tally = crawl(site, tmp_path).tally
    assert (tally.fetched, tally.changed, tally.same) == (7, 1, 6)
    assert crawl(site, tmp_path).tally.kept == 7


def stop_after(site: Site, requests: int) -> None:
    if site.asked.total() >= requests:
        raise KeyboardInterrupt


@pytest.mark.parametrize("stopped", [False, True])
def test_an_item_that_becomes_a_menu(serve, tmp_path, stopped):
    site = Site(serve, {b"": b"0A\t/a\t@\r\n", b"/a": b"text"})
    crawl(site, tmp_path)
    site.answers = {b"": b"1A\t/a\t@\r\n", b"/a": b"0B\t/a/b\t@\r\n", b"/a/b": b"b"}
    site.server.requests.clear()
    if stopped:
        with pytest.raises(KeyboardInterrupt):
            crawl(site, tmp_path, update=True, connections=1, show=lambda: stop_after(site, 3))
    else:
        crawl(site, tmp_path, update=True)
    crawl(site, tmp_path, update=True)
    assert b"b" in items(tmp_path).values()
