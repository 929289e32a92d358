"""The rows above and below the page: its address, what happens, and the keys that work now."""

from __future__ import annotations

from collections.abc import Sequence

from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from logsrv.gopher.browse.commands.readable_texts import shortened_address

# Name of the key, its label, and the action that a click on it runs; "" for no action.
Key = tuple[str, str, str]
ALWAYS: tuple[Key, ...] = (("?", "Help", "app.help"), ("q", "Quit", "app.quit"))


class AddressText(Widget):
    """An address, shortened to the width of the widget."""

    address = reactive("")

    def render(self) -> Content:
        return Content(shortened_address(self.address, self.size.width))


class AddressBar(Horizontal):
    """The address of the page, and whether TLS protects it."""

    DEFAULT_CSS = """
    AddressBar { height: 1; background: $panel; }
    AddressBar > #lock { width: auto; padding: 0 1; }
    AddressBar > #lock.secure, AddressBar > #lock.broken {
        margin: 0 1 0 0; color: $background; text-style: bold;
    }
    AddressBar > #lock.secure { background: $success; }
    AddressBar > #lock.broken { background: $error; }
    AddressBar > #address { width: 1fr; height: 1; padding: 0 1 0 0; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        self._lock = Static(id="lock")
        self._address = AddressText(id="address")
        super().__init__(self._lock, self._address, id=id)

    def show_address(self, address: str, trusted: bool | None) -> None:
        """Show an address. trusted: True or False for the server's certificate, None without TLS."""
        self._lock.set_class(trusted is True, "secure")
        self._lock.set_class(trusted is False, "broken")
        self._lock.update(Content({True: "TLS", False: "not trusted", None: ""}[trusted]))
        self._address.address = address


class StatusBar(Horizontal):
    """A row with two halves: a sentence, and the progress of the page and of downloads."""

    DEFAULT_CSS = """
    StatusBar { height: 1; background: $panel; color: $page-dim; }
    StatusBar.busy { color: $warning; }
    /* A sentence is shown whole; an address that the cursor passes does not move the page. */
    StatusBar.talking { height: auto; max-height: 4; }
    StatusBar > #said { width: 1fr; padding: 0 1; }
    StatusBar > #where { width: auto; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        self._said = Static(id="said")
        self._where = Static(id="where")
        super().__init__(self._said, self._where, id=id)
        self._shown = ("", "")

    def show_status(self, said: str, where: str, *, busy: bool, talking: bool) -> None:
        """Show both halves, the sentence `said` and the progress `where`, if they changed.

        busy: whether a page is loading. talking: whether the sentence may have several rows.
        """
        self.set_class(busy, "busy")
        self.set_class(talking, "talking")
        if (said, where) != self._shown:
            self._shown = (said, where)
            self._said.update(Content(said))
            self._where.update(Content(where))


def keys_that_fit(keys: Sequence[Key], width: int) -> list[Key]:
    """Return those of `keys` to show in `width` cells: the others that fit, then those in `ALWAYS`."""
    last = [key for key in keys if key in ALWAYS]
    used = sum(map(_cells_of_key, last))
    shown = []
    for key in keys:
        if key not in last and used + _cells_of_key(key) <= width:
            shown.append(key)
            used += _cells_of_key(key)
    return shown + last


def _cells_of_key(key: Key) -> int:
    return len(key[0]) + len(key[1]) + 2


class KeyLine(Static):
    """A row of keys, which the mouse may click."""

    DEFAULT_CSS = """
    KeyLine { height: 1; background: $panel; link-style: none; link-color: $foreground; }
    """

    _keys: Sequence[Key] = ()

    def show_keys(self, keys: Sequence[Key], width: int) -> None:
        """Show as many of these keys as fit in `width` cells, if that changes the row."""
        shown = keys_that_fit(keys, width)
        if shown != self._keys:
            self._keys = shown
            self.update(Content.assemble(*map(_clickable_key, shown)))


def _clickable_key(key: Key) -> Content:
    name, does, action = key
    # Markup is allowed here because all of this text is ours, none of it a server's.
    label = f'[@click="{action}"]{does}[/]' if action else does
    return Content.from_markup(f"[bold $primary]{name}[/] {label} ")
