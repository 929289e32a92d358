"""The bars show what they are told; the row of keys fits its window, and never leaves out the help.
The line that asks; words and colours.
"""

import re
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.color import Color
from textual.pilot import Pilot
from textual.widgets import Button, Input

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse import palette
from logsrv.gopher.browse.app import DARK, LIGHT
from logsrv.gopher.browse.bars import ALWAYS, AddressBar, Key, Prompt, StatusBar, keys_that_fit
from logsrv.gopher.browse.page import duration_text, shortened_address
from logsrv.gopher.browse.palette import prefers_light, save_choice
from tests.gopher.conftest import until

pytestmark = pytest.mark.slow


class Bars(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.address = AddressBar()
        self.status = StatusBar()

    def compose(self) -> ComposeResult:
        yield self.address
        yield self.status


def rows(app: App[None]) -> list[str]:
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


async def test_an_address_with_tls_and_without():
    app = Bars()
    async with app.run_test(size=(40, 5)) as pilot:
        for trusted, shown in ((None, ""), (True, " TLS"), (False, " not trusted")):
            app.address.shown = "gopher://h.example/1/a", trusted
            await pilot.pause()
            assert rows(app)[0] == f"{shown}  gopher://h.example/1/a"


async def test_a_sentence_takes_rows_and_an_address_does_not():
    app = Bars()
    async with app.run_test(size=(20, 5)) as pilot:
        app.status.show_status("one two three four five six", "9 %", busy=False, talking=True)
        await pilot.pause()
        assert app.status.size.height > 1
        assert rows(app)[1].endswith("9 %")
        app.status.show_status("one two three four five six", "9 %", busy=False, talking=False)
        await pilot.pause()
        assert app.status.size.height == 1


KEYS: list[Key] = [("Enter", "Open", ""), ("b", "Back", ""), ("s", "Save", ""), *ALWAYS]


def text(keys: list[Key]) -> str:
    return " ".join(f"{name} {does}" for name, does, _ in keys)


def test_what_does_not_fit_is_left_out_from_the_end():
    assert text(keys_that_fit(KEYS, 80)) == "Enter Open b Back s Save ? Help q Quit"
    assert text(keys_that_fit(KEYS, 34)) == "Enter Open b Back ? Help q Quit"


@given(st.integers(14, 100))
def test_the_keys_of_a_row_fit_the_window(width):
    shown = keys_that_fit(KEYS, width)
    assert len(text(shown)) <= width and shown[-2:] == list(ALWAYS)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (12.4, "12 s"), (185, "3:05"), (3723, "1:02:03")]
)
def test_seconds_are_written_with_their_unit_or_as_a_clock_time(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("address", "width", "text"),
    [
        ("gopher://host.org/1/a", 30, "gopher://host.org/1/a"),
        ("gopher://host.org/1/a/long/path/to/it", 30, "gopher://host.org/…/path/to/it"),
        ("file:///srv/hole/a/long/path", 20, "file:///…a/long/path"),
        ("gopher://an.endless.host.example/1/a/b", 20, "gopher://a…ple/1/a/b"),
        ("mailto:somebody@example.org", 11, "mailt…e.org"),
    ],
)
def test_an_address_is_cut_in_the_middle(address, width, text):
    shown = shortened_address(address, width)
    assert len(shown) <= width and shown == text


@pytest.mark.parametrize("width", range(-1, 3))
def test_where_there_is_no_room_nothing_breaks(width):
    assert len(shortened_address("gopher://host.org/1/a", width)) <= max(1, width)


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
async def test_what_is_typed_is_the_answer(keys, begin, answers):
    """The arrows bring back what was typed before, and Escape gives up."""
    assert await asked(lambda _, pilot: pilot.press(*keys), begin) == answers


async def test_going_elsewhere_gives_up():
    async def click(frame: Frame, pilot: Pilot[None]) -> None:
        frame.query_one(Button).focus()

    assert await asked(click, "") == []


def test_every_style_has_a_colour_in_both_themes():
    for colours in (palette.DARK | palette.DARK_PAGE, palette.LIGHT | palette.LIGHT_PAGE):
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours.values())
        assert set(palette.STYLES.values()) <= colours.keys()


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.1."""

    def linear(part: int) -> float:
        value = part / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = Color.parse(colour).rgb
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_every_colour_of_text_stands_out(theme):
    """At least 4.5 : 1 against the page (WCAG 2.1, 1.4.3); 4 : 1 for what is dimmed on purpose."""
    ground = str(theme.background)
    colours = theme.to_color_system().generate() | theme.variables
    for name in palette.STYLES.values():
        assert contrast(colours[name], ground) >= (4 if name == "page-dim" else 4.5), name


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_the_cursor_stands_out(theme):
    values = theme.variables
    assert contrast(values["block-cursor-foreground"], values["block-cursor-background"]) >= 7


@pytest.mark.parametrize(
    ("said", "light"),
    [
        ("15;0", False),
        ("0;15", True),
        ("0;default;15", True),
        ("0;7", True),
        ("", False),
        ("x", False),
    ],
)
def test_a_terminal_may_say_its_colours(tmp_path, said, light):
    assert prefers_light({"XDG_DATA_HOME": str(tmp_path), "COLORFGBG": said}) is light


def test_a_choice_is_kept_whatever_the_terminal_says(tmp_path):
    environ = {"XDG_DATA_HOME": str(tmp_path), "COLORFGBG": "0;15"}
    save_choice(environ, light=False)
    assert not prefers_light(environ)
    save_choice({"XDG_DATA_HOME": str(tmp_path)}, light=True)
    assert prefers_light({"XDG_DATA_HOME": str(tmp_path)})


def test_a_choice_that_cannot_be_kept_is_a_sentence(tmp_path):
    (tmp_path / "logsrv").write_text("in the way")
    environ = {"XDG_DATA_HOME": str(tmp_path)}
    assert not prefers_light(environ)
    with pytest.raises(ConfigurationError, match="cannot be kept"):
        save_choice(environ, light=True)
