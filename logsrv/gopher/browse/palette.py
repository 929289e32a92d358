"""The colours of the browser: a dark set and a light one.

The user's last choice counts, or else the background of the terminal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from rich.terminal_theme import TerminalTheme

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.connection_options import data_directory
from logsrv.gopher.fetch.wholefile import write_whole

_FILE = "gopher-theme"
# The numbers of light grey and white, as the background in COLORFGBG, which rxvt, Konsole and others set.
_LIGHT_GROUNDS = ("7", "15")
# The colours of a theme, on dark and on light, by the names that Textual gives them.
_BASE = {
    "primary": ("#8ab4d8", "#1f5f99"),
    "secondary": ("#9aa5b1", "#55606b"),
    "accent": ("#c9b27c", "#7a5c00"),
    "warning": ("#d9b25f", "#8a5a00"),
    "error": ("#e08a80", "#a8322a"),
    "success": ("#8fbf8f", "#2f6f3a"),
    "foreground": ("#d5d9dd", "#22272c"),
    "background": ("#16191d", "#fbfbf9"),
    "surface": ("#1d2126", "#f1f1ee"),
    "panel": ("#262b31", "#e4e5e2"),
}
# The variables of the themes, those of Textual and our own.
_MORE = {
    "page-dim": ("#7d8790", "#6b7178"),
    "page-search": ("#c9a2d8", "#7b3f98"),
    "page-outside": ("#7cc0bd", "#136a68"),
    "page-file": ("#d8a37c", "#95501b"),
    "block-cursor-background": ("#34495e", "#cfe0f0"),
    "block-cursor-foreground": ("#ffffff", "#0d1b28"),
    "scrollbar": ("#3a424b", "#c3c6c2"),
    "scrollbar-hover": ("#4b5560", "#aeb2ad"),
    "scrollbar-active": ("#5b6672", "#989d97"),
    "scrollbar-background": ("#1b1f24", "#f1f1ee"),
}
DARK, LIGHT = ({name: pair[at] for name, pair in _BASE.items()} for at in (0, 1))
DARK_PAGE, LIGHT_PAGE = ({name: pair[at] for name, pair in _MORE.items()} for at in (0, 1))
# The colours of lines, by the names of their styles.
STYLES = {
    **dict.fromkeys(("plain", "information", "text"), "foreground"),
    **dict.fromkeys(("heading", "menu"), "primary"),
    **dict.fromkeys(("dim", "dead", "label"), "page-dim"),
    "note": "warning",
    "problem": "error",
    "search": "page-search",
    "media": "success",
    "session": "accent",
    "outside": "page-outside",
    "file": "page-file",
}

# The sixteen colours of a terminal, as xterm has them: Textual's own are other ones, whose blue is violet.
_SIXTEEN = [
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205)),
    *((0, 205, 205), (229, 229, 229), (127, 127, 127), (255, 0, 0), (0, 255, 0)),
    *((255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255)),
]
ANSI_COLOURS = TerminalTheme((0, 0, 0), (255, 255, 255), _SIXTEEN[:8], _SIXTEEN[8:])


def prefers_light(environ: Mapping[str, str]) -> bool:
    """Return true for the light colours: by the user's choice, else by COLORFGBG.

    The terminal itself is not asked, because its answer takes time.
    """
    try:
        with open(os.path.join(data_directory(environ), _FILE), "rb") as file:
            chosen = file.read(16).strip()
    except OSError:
        chosen = b""
    if chosen in (b"light", b"dark"):
        return chosen == b"light"
    return environ.get("COLORFGBG", "").rpartition(";")[2] in _LIGHT_GROUNDS


def save_choice(environ: Mapping[str, str], *, light: bool) -> None:
    """Save the user's choice for the next run. Raises ConfigurationError."""
    path = os.path.join(data_directory(environ), _FILE)
    try:
        write_whole(path, b"light\n" if light else b"dark\n")
    except OSError as error:
        raise ConfigurationError(f"the choice cannot be kept: {error}") from error
