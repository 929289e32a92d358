"""A plain command line gives what argparse makes of it; any other is left to argparse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.cli.reading import search
from logsrv.errors import Shown, UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.plain_arguments import Declared

WORDS = [
    "a", "error", "", "-", "--", "--x", "-x", "-c", "--count", "-n", "5", "-5", "-n5", "--reverse",
    "-A", "-B", "-C", "--output", "json", "--output=json", "--outp", "--top", "level", "--histogram",
    "--every", "1h", "--since", "2h", "--until", "--directory", "logs", "--source", "tcp:*", "-cn",
    "--color", "never", "--stats", "--no-index", "--help", "-h", "--utc",
    "--local", "--wrap", "--no-pager",
]  # fmt: skip


def by_argparse(words: list[str]) -> dict[str, Any] | None:
    parser = Parser("logsrv search", "")
    search.declare(parser)
    try:
        return vars(parser.parse_args(words))
    except (UsageError, Shown):
        return None


def plainly(words: list[str]) -> dict[str, Any] | None:
    declared = Declared()
    search.declare(declared)  # type: ignore[arg-type]
    given = declared.read(words)
    return None if given is None else vars(given)


@given(st.lists(st.sampled_from(WORDS), max_size=8))
def test_what_is_plain_is_what_argparse_reads(words: list[str]) -> None:
    found = plainly(words)
    assert found is None or found == by_argparse(words)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["error"],
        ["--directory", "logs", "-c", "two", "words"],
        ["-n", "5", "error", "--reverse", "--output", "json", "--since", "2h"],
    ],
)
def test_what_people_mostly_write_is_plain(words: list[str]) -> None:
    assert plainly(words) == by_argparse(words) is not None


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["-n"],
        ["-n", "x"],
        ["-c", "--histogram"],
        ["-error"],
        ["-n5"],
        ["--output", "xml"],
    ],
)
def test_the_rest_is_left_to_argparse(words: list[str]) -> None:
    assert plainly(words) is None


def test_single_words_come_before_the_others() -> None:
    declared = Declared()
    declared.add_argument("one")
    assert declared.read(["x", "y"]) is None
    declared.add_argument("others", nargs="*")
    declared.add_argument_group("more").add_argument("--flag", action="store_true")
    given = declared.read(["x", "--flag", "y"])
    assert given is not None
    assert vars(given) == {"one": "x", "others": ["y"], "flag": True}
    assert declared.read([]) is None


def test_a_list_is_left_to_argparse_only_where_it_is_given() -> None:
    declared = Declared()
    declared.add_argument("--many", action="append")
    given = declared.read([])
    assert given is not None
    assert vars(given) == {"many": None}
    assert declared.read(["--many", "x"]) is None


def test_single_words_have_their_type() -> None:
    declared = Declared()
    declared.add_argument("number", type=int)
    given = declared.read(["5"])
    assert given is not None
    assert vars(given) == {"number": 5}
    assert declared.read(["five"]) is None


def test_a_declaration_that_it_does_not_know_is_left_too() -> None:
    declared = Declared()
    declared.add_argument("--many", nargs=2)
    assert declared.read([]) is None
    declared = Declared()
    declared.add_argument("one", nargs="?")
    assert declared.read(["x"]) is None
    assert Declared().read(["x"]) is None
