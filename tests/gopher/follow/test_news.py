"""What is new: what was never there before, once, whatever a server does to its menu."""

import json

from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.follow import news as module
from logsrv.gopher.follow.entries import Entry
from logsrv.gopher.follow.news import MOST_NEW, MOST_READ, News

NOW = 1795225000  # 2026-11-21
DAY = 86_400


def entries(*names: str) -> list[Entry]:
    return [Entry(f"gopher://h.org/0/{name}", f"Title of {name}") for name in names]


def new(news: News) -> list[str]:
    return [item.id.rpartition("/")[2] for item in news.items if not item.read]


def shown(news: News) -> list[str]:
    return [item.id.rpartition("/")[2] for item in news.items]


def test_at_first_nothing_is_new_and_the_latest_few_are_shown():
    first = News().after_fetch(entries(*"abcdefgh"), NOW)
    assert (new(first), shown(first)) == ([], list("abcde"))
    dated = entries("about", "2026-11-01", "2026-11-02", "2026-11-03", "links")
    assert shown(News().after_fetch(dated, NOW)) == ["2026-11-03", "2026-11-02", "2026-11-01"]


def test_what_was_never_there_is_new_until_it_is_read():
    second = News().after_fetch(entries("a"), NOW).after_fetch(entries("b", "c", "a"), NOW + DAY)
    assert (new(second), second.new) == (["b", "c"], 2)
    assert new(second.after_fetch(entries("b", "c", "a"), NOW + 2 * DAY)) == ["b", "c"]
    read = second.with_entries_marked(["gophers://h.org/0/b"])
    assert (new(read), shown(read)) == (["c"], ["b", "c", "a"])
    assert new(read.with_entries_marked(["gopher://h.org/0/b"], read=False)) == ["b", "c"]
    assert new(second.with_entries_marked()) == []


def test_the_order_is_by_the_date_that_an_entry_says_else_by_when_it_was_seen():
    news = News().after_fetch(entries("a"), NOW)
    news = news.after_fetch(
        entries("x", "2026-11-20", "2026-11-22", "2026-12-24", "2026-01-01"), NOW
    )
    assert new(news) == ["2026-11-22", "x", "2026-12-24", "2026-11-20", "2026-01-01"]
    dates = {item.id.rpartition("/")[2]: (item.day, item.dated) for item in news.items}
    # Tomorrow may be today where the server is; Christmas is no date of a text that is there.
    assert dates["2026-11-22"] == ("2026-11-22", True)
    assert dates["2026-12-24"] == ("2026-11-21", False)


def test_a_title_that_changes_is_shown_and_not_new():
    news = News().after_fetch(entries("a"), NOW).after_fetch(entries("b"), NOW)
    again = news.after_fetch([Entry("gopher://h.org/0/b", "Corrected")], NOW + DAY)
    assert (again.items[0].title, new(again), again.items[0].seen) == ("Corrected", ["b"], NOW)


def test_a_failure_is_told_until_the_next_look_and_forgets_nothing():
    news = News().after_fetch(entries("a"), NOW).after_failure("the host is down", NOW + 60)
    assert (news.failed, news.looked, news.tried) == ("the host is down", NOW, NOW + 60)
    later = news.after_fetch(entries("a", "b"), NOW + 120)
    assert (later.failed, new(later)) == ("", ["b"])


def test_a_menu_that_is_empty_at_first_has_everything_still_to_come():
    assert new(News().after_fetch([], NOW).after_fetch(entries("a"), NOW)) == ["a"]


def test_a_flood_is_bounded_and_counted():
    news = News().after_fetch(entries("a"), NOW)
    news = news.after_fetch(entries(*map(str, range(5000))), NOW + DAY)
    assert (len(new(news)), news.left_out, news.new) == (MOST_NEW, 5000 - MOST_NEW, 5000)
    again = news.after_fetch(entries(*map(str, range(5000))), NOW + DAY)
    assert again.new == 5000
    assert again.with_entries_marked(item.id for item in again.items).new == 0
    read = again.with_entries_marked()
    assert (len(read.items), read.new) == (MOST_NEW + 1, 0)
    assert len(read.after_fetch(entries("a"), NOW + DAY).items) == MOST_READ


def test_what_was_gone_for_longest_is_forgotten_first(monkeypatch):
    monkeypatch.setattr(module, "MOST_KNOWN", 4)
    news = (
        News()
        .after_fetch(entries(*"ab"), NOW)
        .after_fetch(entries(*"cd"), NOW)
        .after_fetch(entries(*"ef"), NOW)
    )
    assert len(news.keys) == 4
    assert new(news.with_entries_marked().after_fetch(entries(*"cdab"), NOW)) == ["a", "b"]


names = st.lists(st.sampled_from("abcdefghijkl"), unique=True)
looks = st.lists(st.one_of(names, st.just([]), st.none()), max_size=8)


@given(names, looks, st.integers(0, 9), st.booleans())
def test_everything_is_new_exactly_once(first, later, retitled, kept):
    """Moved, retitled, gone for a while or for good, with failures between, and saved or not."""
    news = News().after_fetch(entries(*first), NOW)
    seen = set(first)
    for number, there in enumerate(later, 1):
        now = NOW + number * DAY
        if there is None:
            news = news.after_failure("down", now)
            continue
        found = [
            Entry(each.id, f"{each.title} {number % (retitled + 1)}") for each in entries(*there)
        ]
        news = news.with_entries_marked().after_fetch(found, now)
        assert sorted(new(news)) == sorted(set(there) - seen)
        seen |= set(there)
        if kept:
            assert News.from_json(news.as_json()) == news
    assert len(set(shown(news))) == len(shown(news)) and len(news.keys) == len(seen)


def test_a_damaged_file_is_as_none_or_lacks_what_is_damaged():
    news = News().after_fetch(entries(*"abc"), NOW).after_fetch(entries(*"abcd"), NOW)
    line = news.as_json()
    for end in range(len(line) - 2):
        assert News.from_json(line[:end]) == News()
    assert News.from_json(b"[" * 100_000) == News()
    whole = json.loads(line)
    whole["keys"][0] = "no key"
    whole["items"][0][2] = "no day"
    assert len(News.from_json(json.dumps(whole).encode()).keys) == 3
    assert new(News.from_json(json.dumps(whole).encode())) == []
    whole["items"][2][0] = "javascript:alert(1)"
    assert shown(News.from_json(json.dumps(whole).encode())) == ["a", "c"]
    whole["items"][1][1] = "\x1b[2J\n"
    assert News.from_json(json.dumps(whole).encode()).items[0].title == "\\x1b[2J\\x0a"
