"""The parsers of all commands of gopher, for manual pages and completions."""

from __future__ import annotations

from logsrv.gopher.command.parsers import COMMANDS, parser_of
from tests.gopher.command import test_main as command


def test_each_is_that_of_its_command() -> None:
    for name in COMMANDS:
        status, shown = command.gopher(name, "--help")[:2]
        assert status == 0
        assert shown.decode() == parser_of(name).format_help()


def test_without_a_command_it_is_that_of_a_url() -> None:
    assert parser_of().prog == "gopher"
    assert parser_of().parse_args(["example.org"]).url == "example.org"
