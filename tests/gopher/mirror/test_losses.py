"""No answer of a server, and no option but `--delete`, takes anything from a mirror in an update."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from logsrv.gopher.fetch.local import MIRROR_JOURNAL
from logsrv.gopher.mirror import jobs
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
    "the root's menu for another": ({b"/sub": GOOD[b""]}, {b"/sub"}),
    "a menu without its end": (
        {b"/sub": b"iHere:\t\terror.host\t1\r\n9B\t/sub/b\t@\r\n"},
        {b"/sub"},
    ),
    "a menu that ends within a line": ({b"/other": b"0E\t/other/e\t@\r\n0F\t/oth"}, {b"/other"}),
    "a menu with an error in the middle": (
        {b"/sub": b"9B\t/sub/b\t@\r\n3Out of memory\t\terror.host\t1\r\n.\r\n"},
        {b"/sub"},
    ),
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
    "robots are not wanted any more": ({b"robots.txt": b"User-agent: *\nDisallow: /\n"}, set()),
    "a menu of robots' own": ({b"robots.txt": b"User-agent: *\nDisallow: /sub\n"}, set()),
}


@pytest.fixture
def site(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A server, and a mirror of it in `tmp_path` with all that it has. Nothing is asked for twice."""
    monkeypatch.setattr(jobs, "RETRIES", 0)
    found = Site(serve, GOOD)
    assert crawl(found, tmp_path).tally.failed == {}
    return found


@pytest.mark.parametrize("delete", [False, True], ids=["", "delete"])
@pytest.mark.parametrize("case", BAD)
def test_what_a_menu_lists_stays(site, tmp_path, case, delete):
    before = items(tmp_path)
    links = leading(tmp_path)
    changed, failing = BAD[case]
    site.answers = GOOD | changed
    tally = crawl(site, tmp_path, update=True, delete=delete).tally
    assert items(tmp_path) == before
    assert leading(tmp_path) == links, "and is where the menus lead to"
    assert selectors(tally.failed) == failing
    assert (tally.removed, tally.unlisted) == ([], [])
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


@pytest.mark.parametrize("place", [b"elsewhere.invalid\t#", b"127.0.0.1\t0", b"127.0.0.1", b"x\t7"])
def test_what_menus_list_under_another_name_of_the_server_stays(site, tmp_path, place):
    """As when an `--alias` was forgotten, the server was moved, or its menus lack the right port."""
    before = items(tmp_path)
    renamed = GOOD[b""].replace(b"@", place.replace(b"#", b"%d" % site.server.port))
    site.answers = GOOD | {b"": renamed}
    tally = crawl(site, tmp_path, update=True, delete=True).tally
    assert (items(tmp_path), tally.unlisted) == (before, [])


@pytest.mark.parametrize("answer", [BUSY, b"", b".\r\n", IN_WORDS, GOOD[b""][:30]])
def test_a_root_that_is_not_itself_takes_nothing(site, tmp_path, answer):
    before = files(tmp_path)
    site.answers = dict.fromkeys(GOOD, answer)
    with pytest.raises(GopherError):
        crawl(site, tmp_path, update=True, delete=True)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "limits", [{"depth": 1}, {"max_items": 3}, {"max_bytes": 100}, {"max_size": 1}]
)
def test_smaller_limits_take_nothing(site, tmp_path, limits):
    before, links = items(tmp_path), leading(tmp_path)
    if "max_size" in limits:
        site.answers = GOOD | {b"/a": b"longer", b"/sub/deep/d": b"longer", b"": GOOD[b""]}
        with pytest.raises(GopherError):
            crawl(site, tmp_path, update=True, delete=True, **limits)
    else:
        crawl(site, tmp_path, update=True, delete=True, **limits)
    assert (items(tmp_path), leading(tmp_path)) == (before, links)
    site.answers = GOOD
    crawl(site, tmp_path, update=True, delete=True)
    assert (items(tmp_path), leading(tmp_path)) == (before, links)


def test_an_update_that_is_stopped_takes_nothing_and_no_link(site, tmp_path):
    before, links = items(tmp_path), leading(tmp_path)

    def stop() -> None:
        if site.asked[b"/other"] > 1:
            raise KeyboardInterrupt

    site.failing = Counter({b"/sub": 1})
    with pytest.raises(KeyboardInterrupt):
        crawl(site, tmp_path, update=True, delete=True, connections=1, show=stop)
    assert (items(tmp_path), leading(tmp_path)) == (before, links)


def test_a_copy_that_no_menu_lists_is_removed_only_with_delete(site, tmp_path):
    before = items(tmp_path)
    site.answers = GOOD | {b"": GOOD[b""].replace(b"1Sub\t/sub\t@\r\n", b"")}
    unlisted = {b"/sub", b"/sub/b", b"/sub/deep", b"/sub/deep/c", b"/sub/deep/d"}
    for _ in range(2):
        tally = crawl(site, tmp_path, update=True).tally
        assert selectors(tally.unlisted) == unlisted
        assert (tally.failed, tally.removed, items(tmp_path)) == ({}, [], before)
        assert (tmp_path / "sub/gophermap").exists()
    tally = crawl(site, tmp_path, update=True, delete=True).tally
    assert (selectors(tally.removed), tally.unlisted) == (unlisted, [])
    assert items(tmp_path) == {"a": b"a", "other/e": b"e", "other/f": b"f"}
    assert not (tmp_path / "sub").exists()
    tally = crawl(site, tmp_path, update=True, delete=True).tally
    assert (tally.unlisted, tally.removed) == ([], [])


def test_what_was_listed_by_no_menu_is_found_again(site, tmp_path):
    before, links = items(tmp_path), leading(tmp_path)
    site.answers = GOOD | {b"": GOOD[b""].replace(b"1Sub\t/sub\t@\r\n", b"")}
    crawl(site, tmp_path, update=True)
    site.answers = GOOD
    tally = crawl(site, tmp_path, update=True, delete=True).tally
    assert (tally.same, tally.changed, tally.unlisted) == (9, 1, [])
    assert (items(tmp_path), leading(tmp_path)) == (before, links)


def test_a_deletion_leaves_what_a_menu_lists_that_cannot_be_had(site, tmp_path):
    site.answers = GOOD | {
        b"/sub": b"1Deep\t/sub/deep\t@\r\n.\r\n",
        b"/sub/deep": BUSY,
        b"/other": b"0F\t/other/f\t@\r\n",
    }
    tally = crawl(site, tmp_path, update=True, delete=True).tally
    assert selectors(tally.removed) == {b"/sub/b", b"/other/e"}
    assert items(tmp_path) == {
        "a": b"a",
        "other/f": b"f",
        "sub/deep/c": b"c",
        "sub/deep/d": b"d",
    }


def test_nothing_goes_while_a_new_menu_cannot_be_had(site, tmp_path):
    """What is missing elsewhere may have moved there."""
    before = items(tmp_path)
    site.answers = GOOD | {b"": b"1Sub\t/sub\t@\r\n1New\t/new\t@\r\n.\r\n"}
    tally = crawl(site, tmp_path, update=True, delete=True).tally
    assert selectors(tally.unlisted) == {b"/a", b"/other", b"/other/e", b"/other/f"}
    assert (tally.removed, tally.withheld, items(tmp_path)) == ([], True, before)
    tally = crawl(site, tmp_path, update=True, delete=True).tally
    assert (len(tally.removed), tally.withheld) == (4, False), (
        "a link that was dead before is none of that"
    )


def test_the_end_of_a_menu_without_a_full_stop_goes_when_it_is_missing_twice(site, tmp_path):
    """Nobody can tell whether it is missing or was cut off."""
    site.answers = GOOD | {b"/other": b"0E\t/other/e\t@\r\n"}
    tally = crawl(site, tmp_path, update=True, delete=True).tally
    assert (selectors(tally.unlisted), tally.removed) == ({b"/other/f"}, [])
    assert (tmp_path / "other/f").exists()
    tally = crawl(site, tmp_path, update=True, delete=True).tally
    assert selectors(tally.removed) == {b"/other/f"}
    assert not (tmp_path / "other/f").exists()


def test_a_copy_of_another_type_goes_with_what_only_it_listed(site, tmp_path):
    before = items(tmp_path)
    site.answers = GOOD | {b"": GOOD[b""].replace(b"1Sub", b"0Sub"), b"/sub": b"a text now"}
    tally = crawl(site, tmp_path, update=True).tally
    assert len(tally.unlisted) == 5
    assert items(tmp_path) == {**before, "sub~2": b"a text now"}
    assert len(crawl(site, tmp_path, update=True, delete=True).tally.removed) == 5
    assert items(tmp_path) == {
        "a": b"a",
        "other/e": b"e",
        "other/f": b"f",
        "sub~2": b"a text now",
    }


def test_a_menu_stays_that_one_menu_lists_as_a_text(site, tmp_path):
    before = items(tmp_path)
    site.answers = GOOD | {
        b"": b"0Sub\t/sub\t@\r\n" + GOOD[b""],
    }
    assert crawl(site, tmp_path, update=True, delete=True).tally.removed == []
    assert before.items() <= items(tmp_path).items()


def test_a_menu_that_was_a_text_for_a_while_is_where_it_was(site, tmp_path):
    before, links = items(tmp_path), leading(tmp_path)
    site.answers = GOOD | {b"": GOOD[b""].replace(b"1Sub", b"0Sub"), b"/sub": b"a text now"}
    crawl(site, tmp_path, update=True)
    site.answers = GOOD
    tally = crawl(site, tmp_path, update=True, delete=True).tally
    assert [str(url)[-6:] for url in tally.removed] == ["/0/sub"]
    assert (items(tmp_path), leading(tmp_path)) == (before, links)


def test_a_refresh_takes_no_empty_answer_for_a_file(site, tmp_path):
    (tmp_path / MIRROR_JOURNAL).unlink()
    before = items(tmp_path)
    site.answers = GOOD | {b"/a": b""}
    assert selectors(crawl(site, tmp_path).tally.failed) == {b"/a"}
    assert items(tmp_path) == before


def test_a_text_that_has_grown_too_large_stays(site, tmp_path):
    before = items(tmp_path)
    site.answers = GOOD | {b"/a": b"a" * 1000}
    tally = crawl(site, tmp_path, update=True, delete=True, max_size=500).tally
    assert (items(tmp_path), selectors(tally.stays)) == (before, {b"/a"})
