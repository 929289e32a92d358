"""Arguments that the reading commands share."""

import argparse

import pytest

from logsrv.cli.arguments import only_store
from logsrv.cli.command import COMMANDS, parser_of
from logsrv.errors import UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.linelog.commands.reading import (
    declare_query,
    declare_scope,
    declare_store,
    declare_zone,
    make_scope,
    matcher_with_hints,
    parse_count,
    search_status,
)
from logsrv.linelog.commands.stores import open_view
from tests.parts.stores import lines, make_store


def parsed(*words: str) -> argparse.Namespace:
    parser = Parser("logsrv search", "")
    declare_query(parser)
    declare_store(parser)
    declare_scope(parser)
    declare_zone(parser)
    parser.add_argument("-n", type=parse_count)
    parser.add_argument("-c", action="store_true")
    return parser.parse_args(list(words))


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (["a", "-n", "3", "b"], ["a", "b"]),
        (["a", "-debug", "b"], ["a", "-debug", "b"]),
        (["-n3", "-source=x"], ["-source=x"]),
        (["-count"], ["-count"]),
        (["-c", "-"], ["-"]),
        (["--", "--flag", "-debug"], ["--flag", "-debug"]),
        (["--utc"], []),
    ],
)
def test_words_and_options_may_be_mixed(words, query):
    assert parsed(*words).query == query


def test_a_value_may_begin_with_a_hyphen():
    """As a word of the query it would exclude; nothing of how that is told apart is to be seen."""
    assert parsed("--source", "-web*", "x").source == "-web*"
    assert parsed("--since", "-1h", "x").since == "-1h"
    with pytest.raises(UsageError, match="argument -n: -55 is not a number"):
        parsed("-n", "-55")


def test_the_variable_gives_the_directory_to_write(monkeypatch):
    parser = Parser("logsrv reindex", "")
    declare_store(parser, to_write=True)
    assert only_store(parser.parse_args([])) == "logs"
    monkeypatch.setenv("LOGSRV_DIRECTORY", "/var/log/lines")
    assert only_store(parser.parse_args([])) == "/var/log/lines"
    assert only_store(parser.parse_args(["-d", "here"])) == "here"


def test_numbers_of_lines_are_parsed():
    assert parse_count("0") == 0
    for wrong in ("-1", "x", "", "²", "9" * 13):
        with pytest.raises(ValueError, match="not a number of lines"):
            parse_count(wrong)


def test_times_are_those_of_the_store():
    found = make_scope(
        parsed("--since", "2026-11-20T07:00:00+01:00", "--until", "2026-11-21", "--utc")
    )
    assert found.since == "2026-11-20T06:00:00.000000Z"
    assert found.until == "2026-11-21T00:00:00.000000Z"
    with pytest.raises(UsageError, match="--until: soon is not a time"):
        make_scope(parsed("--until", "soon"))


def test_a_wrong_query_says_where():
    with pytest.raises(UsageError) as caught:
        matcher_with_hints(["a", "level>=banana"], "search")
    assert str(caught.value).splitlines()[-1].index("^") == 2 + len("a level>=")


def test_damage_makes_the_status_2(tmp_path, capsys):
    """An index that is of no use is said and costs time only; lines that cannot be read are an error."""
    store = make_store(tmp_path / "logs", [lines(["one", "two"]), []])
    with open_view(parsed("-d", str(store)), "search") as view:
        assert (search_status(view.damaged, True), search_status(view.damaged, False)) == (0, 1)
    [index] = store.glob("*.idx")
    index.write_bytes(b"{}")
    with open_view(parsed("-d", str(store)), "search") as view:
        frames = view.open_segment(1)
        assert frames is not None
        assert list(frames.lines_between(0, 1))
        frames.close()
        assert "is not used" in capsys.readouterr().err
        assert search_status(view.damaged, True) == 0
        view.report_damage("a frame is damaged")
        assert capsys.readouterr().err == "logsrv search: a frame is damaged\n"
        assert search_status(view.damaged, True) == 2


def test_what_another_tool_would_mean_is_said(capsys):
    matcher_with_hints(["Failed", "and", "root"], "tail")
    assert capsys.readouterr().err == (
        "logsrv tail: and is a word here; the operator is AND, in capitals\n"
    )


@pytest.mark.parametrize("command", ["search", "tail", "show", "sql"])
def test_all_times_of_a_command_are_of_one_zone(command, capsys):
    words = {"show": ["1:0"], "sql": ["select 1"]}.get(command, [])
    parser = parser_of(COMMANDS.ours()[command])
    assert parser.parse_args([*words, "--utc"]).utc
    assert parser.parse_args([*words, "--local"]).local
    with pytest.raises(UsageError):
        parser.parse_args([*words, "--utc", "--local"])
    assert "read times without a zone as UTC" in " ".join(parser.format_help().split())
