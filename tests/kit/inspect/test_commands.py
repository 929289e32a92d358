"""Commands: what is typed is one of them, or a sentence says what it could have been."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.inspect.view import COMMANDS, answer_command
from tests.kit.inspect.looked import looked_into


def test_help_has_every_command():
    view, _ = looked_into()
    said = list(answer_command(view, "help"))
    assert [line.split()[0] for line in said] == list(COMMANDS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("conections", "there is no command conections (did you mean connections?); try help"),
        ("connections", "0 connections"),
        ("  connections   tcp ", "0 connections"),
        ("connections a b", "usage: connections [TEXT]"),
        ("status now", "usage: status"),
        ("log loud", "there is no level loud, only debug, info, warn, error or critical"),
        ("\x1b[2J", "there is no command \\x1b[2J; try help"),
    ],
)
def test_each_command_or_mistake_has_its_answer(line, said):
    view, _ = looked_into()
    assert list(answer_command(view, line)) == [said]


@given(st.text(min_size=1).filter(lambda text: text.split() and text.split()[0] != "log"))
def test_nothing_that_is_typed_breaks_it(line):
    view, _ = looked_into()
    assert all(isinstance(said, str) for said in answer_command(view, line))
