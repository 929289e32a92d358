"""The ground that letters stand on, dark or light: what the user chose last, else what the terminal is."""

from __future__ import annotations

from collections.abc import Mapping

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.places import data_directory
from logsrv.gopher.fetch.wholefile import whole_file

_FILE = "gopher-theme"
# White and light grey as the background in COLORFGBG, which rxvt, Konsole and others set.
_LIGHT_GROUNDS = ("7", "15")


def is_light(environ: Mapping[str, str]) -> bool:
    """Return true if the ground is to be light; nobody waits for an answer of the terminal."""
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
