"""Dark or light is asked once."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.widgets.ground import is_light, keep


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
