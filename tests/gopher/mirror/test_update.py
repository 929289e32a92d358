"""An update writes what has changed, and keeps what cannot be had now."""

from collections import Counter
from pathlib import Path

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


def test_an_update_writes_what_has_changed_and_removes_what_is_gone_if_that_is_wanted(
    serve, tmp_path
):
    site = Site(serve, TWO)
    crawl(site, tmp_path)
    kept = (tmp_path / "sub/c").stat()
    site.answers = {
        **TWO,
        b"": b"0New\t/new\t@\r\n1Sub\t/sub\t@\r\n.\r\n",
        b"/sub/b": b"another",
        b"/new": b"new",
    }
    tally = crawl(site, tmp_path, update=True, delete=True).tally
    assert (tally.fetched, tally.changed, tally.same, len(tally.removed)) == (5, 2, 2, 3)
    assert items(tmp_path) == {"new": b"new", "sub/b": b"another", "sub/c": b"c" * 300_000}
    assert (tmp_path / "sub/c").stat().st_mtime_ns == kept.st_mtime_ns
    assert not (tmp_path / "other").exists()
    size = (tmp_path / MIRROR_JOURNAL).stat().st_size
    again = crawl(site, tmp_path, update=True).tally
    assert (again.fetched, again.changed, again.same, again.removed) == (5, 0, 5, [])
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
    assert (tmp_path / "a").exists(), "nothing is removed before all has been asked for"
    tally = crawl(site, tmp_path, update=update, delete=update).tally
    assert [url.selector for url in tally.removed + tally.unlisted] == [b"/a"]
    unlisted = {} if update else {"a": b"a"}
    assert items(tmp_path) == {
        **unlisted,
        "sub/b": b"another",
        "sub/c": b"c" * 300_000,
        "other/d": b"d",
    }
    asked = [site.asked[menu] for menu in (b"", b"/sub", b"/other")]
    assert asked == [1, 1, 1], "what was asked for is not asked for again"


@pytest.mark.slow
@pytest.mark.parametrize("answer", [b"", b".\r\n", NOT_THERE])
def test_an_update_that_got_nothing_leaves_no_trace(serve, tmp_path, answer):
    site = Site(serve, TWO)
    crawl(site, tmp_path)
    before = everything(tmp_path)
    site.answers = {**TWO, b"": answer}
    for _ in range(2):
        with pytest.raises(GopherError):
            crawl(site, tmp_path, update=True)
        assert everything(tmp_path) == before
    site.answers = {**TWO, b"/sub/b": b"another"}
    (tmp_path / "a").unlink()
    tally = crawl(site, tmp_path).tally
    assert (tally.kept, tally.fetched, tally.changed, tally.same) == (6, 1, 0, 0)
    tally = crawl(site, tmp_path, update=True).tally
    assert (tally.fetched, tally.changed, tally.same) == (7, 1, 6)


def test_an_update_that_was_stopped_before_it_got_anything_leaves_no_trace(serve, tmp_path):
    site = Site(serve, TWO)
    crawl(site, tmp_path)
    before = everything(tmp_path)
    site.failing = Counter({b"": 100})
    with pytest.raises(KeyboardInterrupt):
        crawl(site, tmp_path, update=True, show=lambda: stop_after(site, 0))
    assert everything(tmp_path) == before
    assert crawl(site, tmp_path).tally.kept == 7


def everything(directory: Path) -> tuple[dict[str, bytes], bytes]:
    """The files of a mirror, with what it knows of them."""
    return files(directory), (directory / MIRROR_JOURNAL).read_bytes()


def stop_after(site: Site, requests: int) -> None:
    if site.asked.total() >= requests:
        raise KeyboardInterrupt


def test_an_item_that_becomes_a_menu(serve, tmp_path):
    site = Site(serve, {b"": b"0A\t/a\t@\r\n", b"/a": b"text"})
    crawl(site, tmp_path)
    site.answers = {b"": b"1A\t/a\t@\r\n", b"/a": b"0B\t/a/b\t@\r\n", b"/a/b": b"b"}
    for _ in range(2):
        crawl(site, tmp_path, update=True, delete=True)
    assert list(items(tmp_path).values()) == [b"b"]


def test_an_item_that_becomes_a_menu_in_an_update_that_was_stopped(serve, tmp_path):
    site = Site(serve, {b"": b"0A\t/a\t@\r\n", b"/a": b"text"})
    crawl(site, tmp_path)
    site.answers = {b"": b"1A\t/a\t@\r\n", b"/a": b"0B\t/a/b\t@\r\n", b"/a/b": b"b"}
    site.server.requests.clear()
    with pytest.raises(KeyboardInterrupt):
        crawl(site, tmp_path, update=True, connections=1, show=lambda: stop_after(site, 3))
    crawl(site, tmp_path, update=True, delete=True)
    assert list(items(tmp_path).values()) == [b"b"]
