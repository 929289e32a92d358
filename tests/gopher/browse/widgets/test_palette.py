"""Colours can be read, and painted without Textual; dark or light is asked once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.app import DARK, LIGHT
from logsrv.gopher.browse.widgets import palette
from logsrv.gopher.browse.widgets.palette import is_light, keep


def test_every_style_has_a_colour_in_both_themes() -> None:
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
def test_every_colour_of_text_stands_out(theme: Theme) -> None:
    """At least 4.5 : 1 against the page (WCAG 2.1, 1.4.3); 4 : 1 for what is dimmed on purpose."""
    ground = str(theme.background)
    colours = theme.to_color_system().generate() | theme.variables
    for name in palette.STYLES.values():
        assert contrast(colours[name], ground) >= (4 if name == "page-dim" else 4.5), name


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_the_cursor_stands_out(theme: Theme) -> None:
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
def test_a_terminal_may_say_its_colours(tmp_path: Path, said: str, light: bool) -> None:
    assert is_light({"XDG_DATA_HOME": str(tmp_path), "COLORFGBG": said}) is light


def test_a_choice_is_kept_whatever_the_terminal_says(tmp_path: Path) -> None:
    environ = {"XDG_DATA_HOME": str(tmp_path), "COLORFGBG": "0;15"}
    keep(environ, light=False)
    assert not is_light(environ)
    keep({"XDG_DATA_HOME": str(tmp_path)}, light=True)
    assert is_light({"XDG_DATA_HOME": str(tmp_path)})


def test_a_choice_that_cannot_be_kept_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "logsrv").write_text("in the way")
    environ = {"XDG_DATA_HOME": str(tmp_path)}
    assert not is_light(environ)
    with pytest.raises(ConfigurationError, match="cannot be kept"):
        keep(environ, light=True)
