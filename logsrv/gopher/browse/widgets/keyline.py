"""The keys that work now: which there are, and the row at the bottom that tells them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

# (key as it is written, what it does, the action behind it for the mouse, "" for none).
Key = tuple[str, str, str]
ALWAYS: tuple[Key, ...] = (("?", "Help", "app.help"), ("q", "Quit", "app.quit"))


def fitting(keys: Sequence[Key], width: int) -> list[Key]:
    """Return those that fit in `width` cells, the first ones before the later ones; the help always."""
    last = [key for key in keys if key in ALWAYS]
    used = sum(map(_width, last))
    shown = []
    for key in keys:
        if key not in last and used + _width(key) <= width:
            shown.append(key)
            used += _width(key)
    return shown + last


def _width(key: Key) -> int:
    return len(key[0]) + len(key[1]) + 2


class KeyLine(Static):
    """A row of keys, which the mouse may click."""

    DEFAULT_CSS = """
    KeyLine { height: 1; background: $panel; link-style: none; link-color: $foreground; }
    """

    _keys: Sequence[Key] = ()

    def tell(self, keys: Sequence[Key], width: int) -> None:
        """Show these keys, if they are others than before."""
        shown = fitting(keys, width)
        if shown != self._keys:
            self._keys = shown
            self.update(Content.assemble(*map(_shown, shown)))


def _shown(key: Key) -> Content:
    name, does, action = key
    # Everything in here is ours: no word of a server is read as markup.
    label = f"[@click='{action}']{does}[/]" if action else does
    return Content.from_markup(f"[bold $primary]{name}[/] {label} ")
