"""Light or dark: the user's last choice, else the background of the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.places import data_directory
from logsrv.gopher.fetch.wholefile import whole_file

_FILE = "gopher-theme"
# White and light grey as the background in COLORFGBG, which rxvt, Konsole and others set.
_LIGHT_GROUNDS = ("7", "15")


def is_light(environ: Mapping[str, str]) -> bool:
    """Return true for light, as chosen or by COLORFGBG. The terminal is not asked: that would take time."""
    try:
        with (data_directory(environ) / _FILE).open("rb") as file:
            chosen = file.read(16).strip()
    except OSError:
        chosen = b""
    if chosen in (b"light", b"dark"):
        return chosen == b"light"
    return environ.get("COLORFGBG", "").rpartition(";")[2] in _LIGHT_GROUNDS


def keep(environ: Mapping[str, str], *, light: bool) -> None:
    """Keep the user's choice for the next time. Raises ConfigurationError."""
    path = data_directory(environ) / _FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(b"light\n" if light else b"dark\n")
    except OSError as error:
        raise ConfigurationError(f"the choice cannot be kept: {error}") from error
