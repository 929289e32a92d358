"""A server that asks robots to keep out of somewhere, or to be slow, is obeyed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.mirror.robots import LONGEST_DELAY, parse_robots, path_delimiter


def test_the_longest_rule_counts() -> None:
    robots = parse_robots(b"User-agent: *\r\nDisallow: /sub\r\nAllow: /sub/open # but\r\n")
    assert not robots.allows(b"/sub/x")
    assert robots.allows(b"/sub/open/x")
    assert robots.allows(b"/other")
    assert not robots.allows(b"sub/x"), "selectors without a slash are meant too"


def test_a_group_for_us_counts_before_the_one_for_all() -> None:
    content = b"User-agent: *\nDisallow: /\n\nUser-agent: logsrv\nUser-agent: other\nDisallow: /x\n"
    assert parse_robots(content).allows(b"/y")
    assert not parse_robots(content).allows(b"/x")
    assert not parse_robots(b"User-agent: *\nDisallow: /\nUser-agent: else\nAllow: /\n").allows(b"")


def test_an_empty_rule_forbids_nothing() -> None:
    assert parse_robots(b"User-agent: *\nDisallow:\n").allows(b"/x")
    assert parse_robots(b"").allows(b"/x")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(b"2", 2.0), (b"0.5", 0.5), (b"99999", LONGEST_DELAY), (b"soon", 0.0), (b"-1", 0.0)],
)
def test_the_delay(said: bytes, seconds: float) -> None:
    assert parse_robots(b"User-agent: *\nCrawl-delay: " + said).delay == seconds


def test_an_error_in_words_is_no_rule() -> None:
    """What gophernicus sends when there is no robots.txt."""
    robots = parse_robots(b"Error: File or directory not found! (null)\r\n_____\r\n")
    assert robots.allows(b"/x")


def test_many_blanks_take_no_time() -> None:
    begin = time.process_time()
    assert not parse_robots(
        b"User-agent: *\nDisallow: /x" + b" " * 100_000 + b"y\nDisallow: /z"
    ).allows(b"/z")
    assert time.process_time() - begin < 5


@given(st.binary(max_size=200))
def test_any_bytes_are_read(content: bytes) -> None:
    parse_robots(content).allows(b"/x")
    parse_robots(b"User-agent: *\n" + content).allows(content)
    assert len(path_delimiter(b"CAPS\n" + content)) == 1


def test_the_delimiter_of_caps() -> None:
    assert path_delimiter(b"CAPS\r\n\r\nCapsVersion=1\r\nPathDelimeter=:\r\n") == b":"
    assert path_delimiter(b"CAPS\nPathDelimeter=::\n") == b"/"
    assert path_delimiter(b"PathDelimeter=:\n") == b"/"
