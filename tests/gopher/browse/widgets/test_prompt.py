"""The line that asks: typing, giving up, what was typed before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Button, Input

from logsrv.gopher.browse.widgets.prompt import Prompt
from tests.gopher.browse.conftest import until


class Frame(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.prompt = Prompt()

    def compose(self) -> ComposeResult:
        yield Button("other")
        yield self.prompt


async def asked(act: Callable[[Frame, Pilot[None]], Awaitable[object]], begin: str) -> list[str]:
    """What the prompt answers with."""
    frame = Frame()
    answers: list[str] = []
    async with frame.run_test() as pilot:
        button = frame.query_one(Button)
        await until(lambda: frame.focused is button, "the button")
        frame.prompt.ask("Go to", answers.append, begin, ["first", "second"])
        assert isinstance(frame.focused, Input)
        await act(frame, pilot)
        await until(lambda: frame.focused is button, "the focus to come back")
        await until(lambda: not frame.prompt.display, "the prompt to go")
        assert not frame.prompt.keys
    return answers


@pytest.mark.parametrize(
    ("keys", "begin", "answers"),
    [
        (["h", "i", "enter"], "", ["hi"]),
        (["h", "i", "enter"], "oh ", ["oh hi"]),
        # A terminal makes Enter a newline as long as no program takes its keys.
        (["h", "i", "ctrl+j"], "", ["hi"]),
        (["h", "escape"], "", []),
        (["up", "up", "up", "down", "enter"], "", ["second"]),
    ],
)
async def test_what_is_typed_is_the_answer(keys: list[str], begin: str, answers: list[str]) -> None:
    """The arrows bring back what was typed before, and Escape gives up."""
    assert await asked(lambda _, pilot: pilot.press(*keys), begin) == answers


async def test_going_elsewhere_gives_up() -> None:
    async def click(frame: Frame, pilot: Pilot[None]) -> None:
        frame.query_one(Button).focus()

    assert await asked(click, "") == []
