"""The parser of every command's arguments."""

import re

import pytest

from logsrv.errors import ConfigurationError, HelpRequest, UsageError
from logsrv.kit.options.argument_parser import Parser, parser_of_kind


def parser() -> Parser:
    made = Parser("prog test", "A test.", epilog="The end.", version=lambda: "prog 7")
    made.add_argument("--hex", action="store_true")
    made.add_argument("--wait", type=parser_of_kind("DURATION"))
    made.add_argument("--since")
    made.add_argument("words", nargs="*")
    return made


def test_options_may_stand_anywhere():
    found = parser().parse_args(["--hex", "a", "b", "--wait", "1m"])
    assert (found.words, found.hex, found.wait) == (["a", "b"], True, 60.0)
    assert parser().parse_args(["--", "--hex"]).words == ["--hex"]


def test_a_time_ago_with_a_hyphen_is_a_value():
    found = parser().parse_args(["--since", "-1h", "a", "-30m"])
    assert (found.since, found.words) == ("-1h", ["a", "-30m"])
    with pytest.raises(UsageError, match=r"^-1h is no option"):
        Parser("prog", "Takes nothing.").parse_args(["-1h"])


def test_a_short_option_may_have_its_value_in_one_word():
    made = parser()
    made.add_argument("-n")
    assert [made.parse_args([*words]).n for words in (["-n5"], ["-n=5"], ["-n", "5"])] == ["5"] * 3
    made.takes_query = True
    found = made.parse_args(["-n5", "-near", "-n", "-1h"])
    assert (found.n, found.words) == ("-1h", ["-near"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--wait", "--hex"], "argument --wait: expected one argument"),
        (["--hex=1"], "argument --hex: ignored explicit argument '1'"),
        (["--hx"], "--hx is no option (did you mean --hex?)"),
        (["--he"], "--he is no option (did you mean --hex?)"),
        (["--WAIT=3"], "--WAIT is no option (did you mean --wait?)"),
        (["--quite-other"], "--quite-other is no option; prog test"),
        (["--\x1b[2J"], "\\x1b[2J is no option"),
        (["--wait"], "argument --wait: expected one argument"),
        (["--wait", "soon"], "soon is not a length of time; accepted: a number of seconds"),
    ],
)
def test_a_mistake_is_one_sentence(words, said):
    """No abbreviations: a script that uses one would break with the next option."""
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        parser().parse_args(words)
    assert str(caught.value).endswith("; prog test --help shows what there is")
    assert str(caught.value).isprintable()
    assert isinstance(caught.value, ConfigurationError)


def test_an_argument_too_many():
    with pytest.raises(UsageError, match=r"^7000 is one argument too many;"):
        Parser("prog", "Takes nothing.").parse_args(["7000"])


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_the_help_is_shown_whatever_else_is_wrong(word):
    with pytest.raises(HelpRequest) as caught:
        parser().parse_args(["--wait", "1", word, "--quite-other"])
    for part in ("usage: prog test", "A test.", "--hex", "--version", "The end."):
        assert part in caught.value.text


def test_the_version_is_shown_where_there_is_one():
    with pytest.raises(HelpRequest, match=r"^prog 7\n$"):
        parser().parse_args(["--version"])
    with pytest.raises(UsageError, match="--version is no option"):
        Parser("prog", "Has none.").parse_args(["--version"])
