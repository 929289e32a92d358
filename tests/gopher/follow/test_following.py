"""What one follows is kept, in files that people may edit or damage and several programs use at once."""

import errno
import fcntl
import subprocess
import sys
import uuid
from pathlib import Path
from threading import Thread

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.follow.bookmarks import Bookmark, Bookmarks, title_from_url
from logsrv.gopher.follow.entries import Entry
from logsrv.gopher.follow.following import FollowedStore, can_follow, items_of_all_menus
from logsrv.gopher.follow.news import News
from logsrv.gopher.wire.fileurl import FileURL
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.waits import join, start_and_await_lock

A = GopherURL.parse("gopher://a.org/1/phlog")
B = GopherURL.parse("gophers://b.org:7070/0/log.txt")
NOW = 1795225000


def entries(*names: str) -> list[Entry]:
    return [Entry(f"gopher://a.org/0/{name}", name) for name in names]


def new(following: FollowedStore) -> list[str]:
    return [item.title for each in following.all() for item in each.news.items if not item.read]


@pytest.fixture
def following(tmp_path: Path) -> FollowedStore:
    following = FollowedStore(tmp_path / "data")
    assert following.follow(A, "The phlog of A", entries("old"), NOW)
    assert following.change_news(A, lambda news: news.after_fetch(entries("old", "x", "y"), NOW))
    return following


def test_what_is_followed_and_new_is_there_next_time(following, tmp_path):
    again = FollowedStore(tmp_path / "data")
    assert [(each.url, each.title) for each in again.all()] == [(A, "The phlog of A")]
    assert new(again) == ["x", "y"]
    assert not again.follow(A, "again", [], NOW)
    assert again.follow(B, "", [], NOW)
    assert [each.title for each in again.all()] == ["The phlog of A", str(B)]
    assert (tmp_path / "data" / "gopher-followed").read_text() == f"{A} The phlog of A\n{B}\n"


def test_reading_is_remembered_in_all_menus(following):
    following.follow(B, "B", [], NOW)
    following.change_news(B, lambda news: news.after_fetch(entries("x"), NOW))
    assert following.mark_entries(["gopher://a.org/0/x"]) and not following.mark_entries(
        ["gopher://a.org/0/x"]
    )
    assert new(following) == ["y"]
    assert following.mark_entries(["gopher://a.org/0/x"], read=False)
    assert following.mark_entries() and not following.mark_entries()
    assert new(following) == []


def test_what_two_menus_have_is_found_once_and_is_new_if_it_is_in_one(following):
    following.follow(B, "B", entries("x", "read"), NOW + 1)
    found = [
        (item.title, each.title, item.read) for item, each in items_of_all_menus(following.all())
    ]
    assert found == [
        ("x", "The phlog of A", False),
        ("y", "The phlog of A", False),
        ("read", "B", True),
        ("old", "The phlog of A", True),
    ]


def test_what_is_no_longer_followed_is_forgotten(following, tmp_path):
    assert following.unfollow(A) and not following.unfollow(A)
    assert following.all() == []
    assert not following.change_news(A, lambda news: news.after_fetch(entries("z"), NOW))
    assert [path.name for path in (tmp_path / "data" / "gopher-news").iterdir()] == [".lock"]


def test_a_line_that_somebody_has_written_is_followed_too(following, tmp_path):
    path = tmp_path / "data" / "gopher-followed"
    path.write_text(f"# mine\n{B} Mine\n{A} A\n{A} twice\nrubbish\ngopher://a.org/9/file\n")
    assert [each.title for each in following.all()] == ["Mine", "A"]
    assert [each.news.looked for each in following.all()] == [0, NOW]


def test_damage_costs_what_was_new_and_not_what_is_followed(following, tmp_path):
    for path in (tmp_path / "data" / "gopher-news").iterdir():
        path.write_bytes(b"\xff{" * 100)
    assert [each.url for each in following.all()] == [A]
    following.change_news(A, lambda news: news.after_fetch(entries("old", "x"), NOW))
    assert new(following) == []


def test_the_feed_has_an_id_that_stays(following, tmp_path):
    first = following.get_or_make_feed_id()
    assert (
        first.startswith("urn:uuid:")
        and FollowedStore(tmp_path / "data").get_or_make_feed_id() == first
    )
    (tmp_path / "data" / "gopher-news" / "feed").write_text("damaged")
    assert following.get_or_make_feed_id() != first


def test_two_programs_that_make_the_first_feed_at_once_give_it_one_id(following, tmp_path):
    """A feed reader shows all entries again under another id. The other program is here the first."""
    others, found = f"{uuid.uuid4()}", list[str]()
    news = tmp_path / "data" / "gopher-news"
    second = Thread(target=lambda: found.append(following.get_or_make_feed_id()), name="the second")
    with (news / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        start_and_await_lock(second, lock.fileno())
        (news / "feed").write_text(f"{others}\n")
    join(second)
    assert found == [f"urn:uuid:{others}"] == [following.get_or_make_feed_id()]


def test_what_one_reads_while_a_menu_is_fetched_stays_read(following, tmp_path):
    """Two browsers: one stores what it has fetched, and at this moment an entry is read in the other."""
    other = FollowedStore(tmp_path / "data")
    reading = Thread(target=other.mark_entries, args=(["gopher://a.org/0/x"],), name="the reader")

    def add_fetched(news: News) -> News:
        start_and_await_lock(reading, lock.fileno())
        return news.after_fetch(entries("old", "x", "y", "z"), NOW)

    with (tmp_path / "data" / "gopher-news" / ".lock").open("rb") as lock:
        assert following.change_news(A, add_fetched)
    join(reading)
    assert sorted(new(following)) == ["y", "z"]


def test_files_that_cannot_be_used_are_a_sentence(tmp_path):
    (tmp_path / "gopher-news").touch()
    with pytest.raises(ConfigurationError, match="the list of new items cannot be saved"):
        FollowedStore(tmp_path).follow(A, "A", [], NOW)
    (tmp_path / "gopher-followed").mkdir()
    with pytest.raises(ConfigurationError, match="the list of followed menus cannot be read"):
        FollowedStore(tmp_path).all()


_KEEP_TWENTY = """
import sys
from pathlib import Path
from logsrv.gopher.follow.bookmarks import Bookmarks
from logsrv.gopher.follow.following import FollowedStore
from logsrv.gopher.wire.url import GopherURL
folder, what, host = sys.argv[1:]
following, marks = FollowedStore(Path(folder)), Bookmarks(Path(folder, "marks"))
for number in range(20):
    url = GopherURL.parse(f"gopher://{host}.org/1/{number}")
    following.follow(url, "", [], 1) if what == "followed" else marks.add(url, "")
    if number % 2:
        following.unfollow(url) if what == "followed" else marks.remove(url)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["followed", "bookmarks"])
def test_several_programs_at_once_lose_nothing(tmp_path, what):
    command = [sys.executable, "-c", _KEEP_TWENTY, str(tmp_path), what]
    programs = [subprocess.Popen([*command, host]) for host in ("a", "b", "c")]
    assert [program.wait(PATIENCE) for program in programs] == [0, 0, 0]
    if what == "followed":
        found = [str(each.url) for each in FollowedStore(tmp_path).all()]
    else:
        found = [str(each.url) for each in Bookmarks(tmp_path / "marks").all()]
    assert sorted(found) == sorted(
        f"gopher://{host}.org/1/{number}" for host in "abc" for number in range(0, 20, 2)
    )


@pytest.mark.parametrize(
    ("url", "can"),
    [
        ("gopher://h/", True),
        ("gopher://h/0/log.txt", True),
        ("gopher://h/7/find%09words", True),
        ("gopher://h/7/find", False),
        ("gopher://h/9/file", False),
        ("gopher://h/1/x%09%09+", False),
    ],
)
def test_menus_texts_and_what_was_found_can_be_followed(url, can):
    assert can_follow(GopherURL.parse(url)) is can


def test_what_cannot_be_kept_is_not_followed(tmp_path, monkeypatch):
    """Else the command that failed, tried again, would say that it is followed already."""
    following = FollowedStore(tmp_path / "data")

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("logsrv.gopher.follow.following.write_whole", full)
        with pytest.raises(ConfigurationError, match="No space"):
            following.follow(A, "The phlog of A", entries("old"), NOW)
    assert following.all() == []
    assert following.follow(A, "The phlog of A", entries("old"), NOW)
    assert not following.follow(A, "The phlog of A", entries("old", "x"), NOW)
    assert following.change_news(A, lambda news: news.after_fetch(entries("old", "x"), NOW))
    assert new(following) == ["x"]


MARK_A = GopherURL.parse("gopher://a.org/1/x%20y")
MARK_B = GopherURL.parse("gophers://b.org/")


def test_added_ones_are_there_next_time(tmp_path):
    path = tmp_path / "new" / "bookmarks"
    assert Bookmarks(path).add(MARK_A, "MARK_A title") and Bookmarks(path).add(MARK_B, "")
    assert not Bookmarks(path).add(MARK_A, "again")
    assert Bookmarks(path).all() == [
        Bookmark(MARK_A, "MARK_A title"),
        Bookmark(MARK_B, str(MARK_B)),
    ]


def test_removing_one_leaves_everything_else_as_it_was(tmp_path):
    path = tmp_path / "bookmarks"
    path.write_bytes(b"# mine\n\ngopher://a.org/1/x%20y  MARK_A\nnot a URL\n\xff\ngophers://b.org/")
    bookmarks = Bookmarks(path)
    assert bookmarks.remove(MARK_A)
    assert not bookmarks.remove(MARK_A)
    assert path.read_bytes() == b"# mine\n\nnot a URL\n\xff\ngophers://b.org/\n"


def test_a_title_from_a_server_cannot_forge_a_line(tmp_path):
    bookmarks = Bookmarks(tmp_path / "bookmarks")
    bookmarks.add(MARK_A, "nice\ngopher://evil.org/ \x1b[31mred")
    assert [each.url for each in bookmarks.all()] == [MARK_A]
    assert bookmarks.all()[0].title == "nice\\x0agopher://evil.org/ \\x1b[31mred"


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="bookmarks cannot be read"):
        Bookmarks(tmp_path).all()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file" / "gone")
    with pytest.raises(ConfigurationError, match="bookmarks cannot be"):
        Bookmarks(tmp_path / "link" / "bookmarks").add(MARK_A, "")


def test_a_place_is_called_by_its_host_and_name():
    titles = {"gopher://h.org/": "h.org", "gopher://h.org/1/a/phlog/": "h.org phlog"}
    titles["gopher://h.org/7/find%09red%1Bhat"] = "h.org find “red\\x1bhat”"
    assert {url: title_from_url(GopherURL.parse(url)) for url in titles} == titles


def test_local_files_are_bookmarks_too(tmp_path):
    path = tmp_path / "bookmarks"
    place = FileURL(b"/srv/hole", "0", b"/sub/a.txt")
    assert Bookmarks(path).add(place, "MARK_A") and not Bookmarks(path).add(place, "MARK_B")
    assert path.read_text() == "file:///srv/hole/#0/sub/a.txt MARK_A\n"
    path.write_text(path.read_text() + "file://elsewhere/etc/ no\nfile:///srv/ S\n")
    assert Bookmarks(path).all() == [Bookmark(place, "MARK_A"), Bookmark(FileURL(b"/srv"), "S")]


def test_what_another_browser_marks_while_this_one_waits_for_the_lock_is_marked_once(
    tmp_path, monkeypatch
):
    ours, theirs = (Bookmarks(tmp_path / "bookmarks") for _ in range(2))
    meanwhile = [lambda: theirs.add(A, "theirs")]
    lock = fcntl.flock

    def wait(folder: int, how: int) -> None:
        if meanwhile:
            meanwhile.pop()()
        lock(folder, how)

    monkeypatch.setattr(fcntl, "flock", wait)
    assert not ours.add(A, "ours")
    assert ours.all() == [Bookmark(A, "theirs")]
