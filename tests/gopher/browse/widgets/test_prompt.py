"""The line that asks: typing, giving up, what was typed before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Button, Input

from logsrv.gopher.browse.widgets.prompt import Prompt
from tests.gopher.browse.conftest import run, until


class Frame(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.prompt = Prompt()

    def compose(self) -> ComposeResult:
        yield Button("other")
        yield self.prompt


Scenario = Callable[[Frame, Pilot[None]], Awaitable[None]]


def asked(scenario: Scenario, begin: str = "") -> list[str]:
    """What the prompt answers with."""

    async def main() -> list[str]:
        frame = Frame()
        answers: list[str] = []
        async with frame.run_test() as pilot:
            button = frame.query_one(Button)
            await until(lambda: frame.focused is button, "the button")
            frame.prompt.ask("Go to", answers.append, begin, ["first", "second"])
            assert isinstance(frame.focused, Input)
            await scenario(frame, pilot)
            await until(lambda: frame.focused is button, "the focus to come back")
            assert not frame.prompt.display and not frame.prompt.keys
        return answers

    return run(main())


def test_what_is_typed_is_the_answer() -> None:
    async def scenario(_: Frame, pilot: Pilot[None]) -> None:
        await pilot.press("h", "i", "enter")

    assert asked(scenario) == ["hi"]
    assert asked(scenario, "oh ") == ["oh hi"]


def test_a_newline_is_enter() -> None:
    """A terminal makes Enter one as long as no program takes its keys."""

    async def scenario(_: Frame, pilot: Pilot[None]) -> None:
        await pilot.press("h", "i", "ctrl+j")

    assert asked(scenario) == ["hi"]


def test_escape_gives_up() -> None:
    async def scenario(_: Frame, pilot: Pilot[None]) -> None:
        await pilot.press("h", "escape")

    assert asked(scenario) == []


def test_going_elsewhere_gives_up() -> None:
    async def scenario(frame: Frame, _: Pilot[None]) -> None:
        frame.query_one(Button).focus()

    assert asked(scenario) == []


def test_arrows_bring_back_what_was_typed_before() -> None:
    async def scenario(_: Frame, pilot: Pilot[None]) -> None:
        await pilot.press("up", "up", "up", "down", "enter")

    assert asked(scenario) == ["second"]
