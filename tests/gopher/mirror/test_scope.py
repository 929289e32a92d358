"""A mirror stays where it was told to, keeps the rules for robots, and says what it leaves out and why."""

from __future__ import annotations

import pytest

from logsrv.gopher.mirror import scope as reasons
from logsrv.gopher.mirror.scope import (
    LONGEST_DELAY,
    ItemKeys,
    MirrorScope,
    item_key,
    parse_robots,
)
from logsrv.gopher.wire.menu import parse_menu_line
from logsrv.gopher.wire.url import GopherURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.gopher.mirror.scope import Span


ROOT = GopherURL.parse("gopher://h/1/docs")


def scope(span: Span = "path", depth: int | None = None) -> MirrorScope:
    return MirrorScope(ROOT, span, depth, aliases=["other.name"], addresses=["192.0.2.1"])


def reason_of(scope: MirrorScope, line: bytes, depth: int = 1) -> str | None:
    """Return why the item of a line is left out: "nowhere" if it leads nowhere, None if it is wanted."""
    url = scope.url_of_line(parse_menu_line(line), ROOT)
    return "nowhere" if url is None else scope.reason_left_out(url, depth)


@pytest.mark.parametrize(
    ("line", "span", "reason"),
    [
        (b"0a\t/docs/a\th\t70", "path", None),
        (b"0a\t/docs/a\tother.name\t70", "path", None),
        (b"0a\t/docs/a\t192.0.2.1\t70", "path", None),
        (b"0a\t/docs/a\t\t70", "path", None),
        (b"1a\t/docs\th\t70", "path", None),
        (b"0a\t/docsx\th\t70", "path", reasons.OTHER_PATH),
        (b"0a\t/other\th\t70", "path", reasons.OTHER_PATH),
        (b"0a\t/other\th\t70", "host", None),
        (b"0a\t/docs/a\th\t7070", "host", reasons.OTHER_HOST),
        (b"0a\t/docs/a\tx\t70", "host", reasons.OTHER_HOST),
        (b"0a\t/docs/a\tx\t70", "everywhere", None),
        (b"7a\t/docs/a\th\t70", "everywhere", reasons.SEARCH),
        (b"8a\t/docs/a\th\t70", "everywhere", "nowhere"),
        (b"2a\t/docs/a\th\t70", "everywhere", "nowhere"),
        (b"hWeb\tURL:http://x/\th\t70", "everywhere", "nowhere"),
        (b"0a\t/docs/a\th\t0", "everywhere", "nowhere"),
    ],
)
def test_a_span_decides_which_items_belong(line, span, reason):
    assert reason_of(scope(span), line) == reason


def test_items_too_deep_or_closed_to_robots_are_left_out():
    judge = scope(depth=1)
    line = b"0a\t/docs/a\th\t70"
    assert reason_of(judge, line, depth=1) is None
    assert reason_of(judge, line, depth=2) == reasons.TOO_DEEP
    judge.robots = parse_robots(b"User-agent: *\nDisallow: /docs/a")
    assert reason_of(judge, line, depth=1) == reasons.FORBIDDEN


def test_all_names_of_the_server_become_one_and_keep_its_tls():
    root = GopherURL.parse("gophers://h/")
    judge = MirrorScope(root, "host", None, aliases=["www.h"])
    found = judge.url_of_line(parse_menu_line(b"0a\t/a\twww.h\t70"), root)
    assert str(found) == "gophers://h/0/a"
    loopback = MirrorScope(
        GopherURL.parse("gopher://127.0.0.1/"), "host", None, addresses=["127.0.0.1"]
    )
    assert loopback.is_on_root_server(GopherURL.parse("gopher://localhost/"))


def test_an_item_is_one_under_every_type():
    assert item_key(GopherURL.parse("gopher://h/0/a")) == item_key(
        GopherURL.parse("gopher://h/1/a")
    )
    assert item_key(GopherURL.parse("gopher://h/1/")) == item_key(GopherURL.parse("gopher://h"))
    assert item_key(GopherURL.parse("gopher://h/0/a")) != item_key(GopherURL.parse("gopher://h/0a"))


def test_menus_are_the_same_with_and_without_a_slash_at_their_end():
    items = ItemKeys()
    first = items.key(GopherURL.parse("gopher://h/1/many"))
    assert items.key(GopherURL.parse("gopher://h/1/many/")) == first
    assert items.key(GopherURL.parse("gopher://h/0/many")) == first
    assert items.key(GopherURL.parse("gopher://h/0/many/")) != first
    assert items.key(GopherURL.parse("gopher://h/1/")) == items.key(GopherURL.parse("gopher://h"))


def test_the_longest_rule_counts():
    robots = parse_robots(b"User-agent: *\r\nDisallow: /sub\r\nAllow: /sub/open # but\r\n")
    assert not robots.allows(b"/sub/x")
    assert robots.allows(b"/sub/open/x")
    assert robots.allows(b"/other")
    assert not robots.allows(b"sub/x"), "selectors without a slash are meant too"


def test_a_group_for_us_counts_before_the_one_for_all():
    content = b"User-agent: *\nDisallow: /\n\nUser-agent: logsrv\nUser-agent: other\nDisallow: /x\n"
    assert parse_robots(content).allows(b"/y")
    assert not parse_robots(content).allows(b"/x")
    assert not parse_robots(b"User-agent: *\nDisallow: /\nUser-agent: else\nAllow: /\n").allows(b"")


def test_an_empty_rule_forbids_nothing():
    assert parse_robots(b"User-agent: *\nDisallow:\n").allows(b"/x")
    assert parse_robots(b"").allows(b"/x")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(b"2", 2.0), (b"0.5", 0.5), (b"99999", LONGEST_DELAY), (b"soon", 0.0), (b"-1", 0.0)],
)
def test_a_crawl_delay_is_read_and_limited(said, seconds):
    assert parse_robots(b"User-agent: *\nCrawl-delay: " + said).delay == seconds


def test_an_error_in_words_is_no_rule():
    """What gophernicus sends when there is no robots.txt."""
    robots = parse_robots(b"Error: File or directory not found! (null)\r\n_____\r\n")
    assert robots.allows(b"/x")


def test_very_many_blanks():
    """The square of their number would take longer than tests/hangs.py lets a test."""
    assert not parse_robots(
        b"User-agent: *\nDisallow: /x" + b" " * 1_000_000 + b"y\nDisallow: /z"
    ).allows(b"/z")
