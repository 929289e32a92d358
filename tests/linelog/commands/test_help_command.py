"""`logsrv help`: commands and topics, a page at a time."""

import pytest

from logsrv.cli.command import COMMANDS
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.commands.help_command import topics
from tests.parts.at_terminal import AtTerminal
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.programs import program


def test_help_lists_commands_and_topics():
    shown = logsrv("help").stdout.decode()
    for name in (*COMMANDS.ours(), *topics()):
        assert f"\n  {name} " in shown


def test_a_command_shows_its_help_and_a_topic_its_text():
    assert logsrv("help", "search").stdout == logsrv("search", "--help").stdout
    shown = logsrv("help", "query").stdout.decode()
    assert shown.startswith("query: the words by which") and "status>=500" in shown


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("quary", "quary is no command and no topic (did you mean query?)"),
        ("serch", "(did you mean search?)"),
        ("\x1b[2J", "\\x1b[2J is no command and no topic; logsrv help lists them"),
        ("../main", "../main is no command and no topic"),
    ],
)
def test_an_unknown_subject_is_reported(word, sentence):
    shown = logsrv("help", word)
    assert (shown.returncode, shown.stdout) == (2, b"")
    assert sentence in shown.stderr.decode()


def test_what_is_longer_than_the_terminal_goes_through_a_pager():
    less = program("less", "less")
    with AtTerminal(*LOGSRV, "help", "query", environment={"PAGER": less}) as person:
        person.expect("query: the words")
        person.expect(":")
        person.type(" ")
        person.expect("The levels")
        person.type("q")
        assert person.wait(PATIENCE) == 0
