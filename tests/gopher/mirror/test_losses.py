"""No answer of a server, and no option, takes anything from a mirror in an update."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from logsrv.gopher.fetch.local import MIRROR_JOURNAL
from logsrv.gopher.mirror import requests
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.conftest import Serve
from tests.gopher.mirror.site import Answers, Site, crawl, files, items

BUSY = b"3Session limit reached, come again\t\terror.host\t1\r\n.\r\n"
IN_WORDS = b"The server is being repaired.\r\n"

GOOD: Answers = {
    b"": b"0A\t/a\t@\r\n1Sub\t/sub\t@\r\n1Other\t/other\t@\r\n.\r\n",
    b"/sub": b"iHere:\t\terror.host\t1\r\n9B\t/sub/b\t@\r\n1Deep\t/sub/deep\t@\r\n.\r\n",
    b"/sub/deep": b"0C\t/sub/deep/c\t@\r\n0D\t/sub/deep/d\t@\r\n.\r\n",
    b"/other": b"0E\t/other/e\t@\r\n0F\t/other/f\t@\r\n",
    b"/a": b"a",
    b"/sub/b": b"b",
    b"/sub/deep/c": b"c",
    b"/sub/deep/d": b"d",
    b"/other/e": b"e",
    b"/other/f": b"f",
}
# What the server answers now, and for which selectors that is told as an error.
BAD: dict[str, tuple[Answers, set[bytes]]] = {
    "an error for a menu": ({b"/sub": BUSY}, {b"/sub"}),
    "an error for a text": ({b"/a": BUSY}, {b"/a"}),
    "errors for all but the root": (
        {selector: BUSY for selector in GOOD if selector},
        {selector for selector in GOOD if selector},
    ),
    "nothing for a menu": ({b"/sub": b""}, {b"/sub"}),
    "nothing for a text": ({b"/a": b""}, {b"/a"}),
    "a menu that is empty": ({b"/sub": b".\r\n"}, {b"/sub"}),
    "a menu that only talks": ({b"/sub": b"iClosed today\t\terror.host\t1\r\n.\r\n"}, {b"/sub"}),
    "words for menus": ({b"/sub": IN_WORDS, b"/other": IN_WORDS}, {b"/sub", b"/other"}),
    "a menu without its end": (
        {b"/sub": b"iHere:\t\terror.host\t1\r\n9B\t/sub/b\t@\r\n"},
        {b"/sub"},
    ),
    "a menu that ends within a line": ({b"/other": b"0E\t/other/e\t@\r\n0F\t/oth"}, {b"/other"}),
    "a menu for a text, which fails": (
        {b"": GOOD[b""].replace(b"0A\t/a", b"1A\t/a"), b"/a": BUSY},
        {b"/a"},
    ),
    "a menu for a text, which it is not": (
        {b"": GOOD[b""].replace(b"0A\t/a", b"1A\t/a")},
        {b"/a"},
    ),
    "a text for a menu, which fails": (
        {b"": GOOD[b""].replace(b"1Sub", b"0Sub"), b"/sub": BUSY},
        {b"/sub"},
    ),
}


@pytest.fixture
def site(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A server, and a mirror of it in `tmp_path` with all that it has. Nothing is asked for twice."""
    monkeypatch.setattr(requests, "RETRIES", 0)
    found = Site(serve, GOOD)
    assert crawl(found, tmp_path).tally.failed == {}
    return found


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_had_stays_and_is_where_the_menus_lead_to(site, tmp_path, case):
    before, links = items(tmp_path), leading(tmp_path)
    changed, failing = BAD[case]
    site.answers = GOOD | changed
    tally = crawl(site, tmp_path, update=True).tally
    assert (items(tmp_path), leading(tmp_path)) == (before, links)
    assert selectors(tally.failed) == failing
    assert tally.unlisted == []
    assert selectors(tally.stays) == failing, "and that its copy stays is told"
    site.answers = GOOD
    tally = crawl(site, tmp_path, update=True).tally
    assert (items(tmp_path), tally.failed, tally.unlisted) == (before, {}, [])


def selectors(urls: Iterable[GopherURL]) -> set[bytes]:
    return {url.selector for url in urls}


def leading(directory: Path) -> dict[str, set[bytes]]:
    """Where the lines of each gophermap lead on this side."""
    return {
        str(path.relative_to(directory)): {
            line.split(b"\t")[1]
            for line in path.read_bytes().splitlines()
            if line.count(b"\t") == 1
        }
        for path in directory.rglob("gophermap")
    }


@pytest.mark.parametrize("answer", [BUSY, b"", b".\r\n", IN_WORDS, GOOD[b""][:30]])
def test_a_root_that_is_not_itself_takes_nothing(site, tmp_path, answer):
    before = files(tmp_path)
    site.answers = dict.fromkeys(GOOD, answer)
    with pytest.raises(GopherError):
        crawl(site, tmp_path, update=True)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "limits", [{"depth": 1}, {"max_items": 3}, {"max_bytes": 100}, {"max_size": 1}]
)
def test_smaller_limits_take_nothing(site, tmp_path, limits):
    before, links = items(tmp_path), leading(tmp_path)
    if "max_size" in limits:
        site.answers = GOOD | {b"/a": b"longer", b"/sub/deep/d": b"longer", b"": GOOD[b""]}
        with pytest.raises(GopherError):
            crawl(site, tmp_path, update=True, **limits)
    else:
        crawl(site, tmp_path, update=True, **limits)
    assert (items(tmp_path), leading(tmp_path)) == (before, links)
    site.answers = GOOD
    crawl(site, tmp_path, update=True)
    assert (items(tmp_path), leading(tmp_path)) == (before, links)


def test_an_update_that_is_stopped_takes_nothing_and_no_link(site, tmp_path):
    before, links = items(tmp_path), leading(tmp_path)

    def stop() -> None:
        if site.asked[b"/other"] > 1:
            raise KeyboardInterrupt

    site.failing = Counter({b"/sub": 1})
    with pytest.raises(KeyboardInterrupt):
        crawl(site, tmp_path, update=True, connections=1, show=stop)
    assert (items(tmp_path), leading(tmp_path)) == (before, links)


def test_what_no_menu_lists_any_more_is_named_each_time_and_stays(site, tmp_path):
    before, links = items(tmp_path), leading(tmp_path)
    site.answers = GOOD | {b"": GOOD[b""].replace(b"1Sub\t/sub\t@\r\n", b"")}
    for _ in range(2):
        tally = crawl(site, tmp_path, update=True).tally
        assert selectors(tally.unlisted) == {
            b"/sub",
            b"/sub/b",
            b"/sub/deep",
            b"/sub/deep/c",
            b"/sub/deep/d",
        }
        assert (tally.failed, items(tmp_path)) == ({}, before)
        assert (tmp_path / "sub/gophermap").exists()
    (tmp_path / "sub/b").unlink()
    assert b"/sub/b" not in selectors(crawl(site, tmp_path, update=True).tally.unlisted)
    site.answers = GOOD
    tally = crawl(site, tmp_path, update=True).tally
    assert tally.unlisted == []
    assert (items(tmp_path), leading(tmp_path)) == (before, links)


def test_robots_that_are_not_wanted_any_more_keep_their_copies(site, tmp_path):
    before, links = items(tmp_path), leading(tmp_path)
    site.answers = GOOD | {b"robots.txt": b"User-agent: *\nDisallow: /a\n"}
    assert crawl(site, tmp_path, update=True).tally.unlisted == []
    assert (items(tmp_path), leading(tmp_path)) == (before, links)


def test_a_menu_that_was_a_text_for_a_while_is_where_it_was(site, tmp_path):
    before, links = items(tmp_path), leading(tmp_path)
    site.answers = GOOD | {b"": GOOD[b""].replace(b"1Sub", b"0Sub"), b"/sub": b"a text now"}
    assert len(crawl(site, tmp_path, update=True).tally.unlisted) == 5
    assert items(tmp_path) == {**before, "sub~2": b"a text now"}
    site.answers = GOOD
    tally = crawl(site, tmp_path, update=True).tally
    assert [str(url)[-6:] for url in tally.unlisted] == ["/0/sub"]
    assert leading(tmp_path) == links


def test_a_refresh_takes_no_empty_answer_for_a_file(site, tmp_path):
    (tmp_path / MIRROR_JOURNAL).unlink()
    before = items(tmp_path)
    site.answers = GOOD | {b"/a": b""}
    assert selectors(crawl(site, tmp_path).tally.failed) == {b"/a"}
    assert items(tmp_path) == before


def test_a_text_that_has_grown_too_large_stays(site, tmp_path):
    before = items(tmp_path)
    site.answers = GOOD | {b"/a": b"a" * 1000}
    tally = crawl(site, tmp_path, update=True, max_size=500).tally
    assert (items(tmp_path), selectors(tally.stays)) == (before, {b"/a"})
