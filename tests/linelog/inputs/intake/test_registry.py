"""Inputs are found, ours first."""

from zope.interface.verify import verifyObject

from logsrv.linelog.inputs.intake.intake import IInput
from logsrv.linelog.inputs.intake.registry import inputs
from logsrv.linelog.inputs.lines.lines import Lines


def test_lines_is_there_and_is_ours() -> None:
    assert "lines" in inputs()
    assert type(inputs()["lines"]) is Lines


def test_every_input_does_what_the_interface_says() -> None:
    for found in inputs().values():
        verifyObject(IInput, found)
