"""The rows above and below the page: its address, what happens, the keys that work now, and the prompt.

The prompt is the line where the browser asks for words: an address, a search, a name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Static

from logsrv.gopher.browse.page import shortened_address

# Name of the key, its label, and the action that a click on it runs; "" for no action.
Key = tuple[str, str, str]
ALWAYS: tuple[Key, ...] = (("?", "Help", "app.help"), ("q", "Quit", "app.quit"))


class AddressBar(Widget):
    """The address of the page, shortened to the width of the window, and whether TLS protects it."""

    DEFAULT_CSS = "AddressBar { height: 1; background: $panel; }"
    # The address, and True or False for the server's certificate, None without TLS.
    shown: reactive[tuple[str, bool | None]] = reactive(("", None))

    def render(self) -> Content:
        address, trusted = self.shown
        lock = {True: " TLS ", False: " not trusted ", None: " "}[trusted]
        style = {
            True: "bold $background on $success",
            False: "bold $background on $error",
            None: "",
        }
        shortened = shortened_address(address, self.size.width - len(lock) - 1)
        return Content.assemble((lock, style[trusted]), " ", shortened)


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


class PromptInput(Input):
    """A line to type in. Enter calls `submitted` with the text at once; Textual's message would be late."""

    # An Enter that was typed before the program took the terminal comes as a newline, which is Ctrl-J.
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+j", "submit")]

    def __init__(self, submitted: Callable[[str], None]) -> None:
        super().__init__(compact=True, select_on_focus=False)
        self._submitted = submitted

    async def action_submit(self) -> None:
        self._submitted(self.value)


class Prompt(Horizontal):
    """The prompt: `prompt.ask("Find", then)` shows it, and calls `then` with the typed text; Esc cancels.

    It has the keyboard from the return of `ask` until the call of `then`, so every key reaches the right
    widget, however fast the user types.
    """

    DEFAULT_CSS = """
    Prompt { display: none; height: 1; background: $panel; }
    Prompt > Static { width: auto; padding: 0 1; color: $primary; text-style: bold; }
    Prompt > Input { width: 1fr; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel"),
        Binding("up", "earlier_text(-1)"),
        Binding("down", "earlier_text(1)"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        self._label = Static()
        self._field = PromptInput(self._close_with)
        super().__init__(self._label, self._field, id=id)
        self._then: Callable[[str], object] | None = None
        self._before: Widget | None = None
        self._earlier: Sequence[str] = ()
        self._at = 0
        self._changed: Callable[[str], None] = lambda value: None
        # The keys of the prompt while it is shown, for the row of keys.
        self.keys: Sequence[Key] = ()

    def ask(
        self,
        label: str,
        then: Callable[[str], object],
        begin: str = "",
        earlier: Sequence[str] = (),
        *,
        does: str = "OK",
        replace: bool = False,
        only: str | None = None,
        changed: Callable[[str], None] = lambda value: None,
    ) -> None:
        """Show the prompt with `label` and the text `begin`; the arrow keys offer the texts in `earlier`.

        then: called with the text at Enter. does: the label of the key Enter. replace: whether typing
        replaces `begin`, unless a key moves the cursor first. only: a regular expression that the typed
        text must match. changed: called with the text after each change.
        """
        self._close_with(None)
        self._then = then
        self._earlier, self._at = [*earlier, begin], len(earlier)
        self._label.update(Content(label))
        field = self._field
        offered = (("↑ ↓", "Earlier", ""),) if earlier else ()
        self.keys = (("Enter", does, ""), ("Esc", "Cancel", ""), *offered)
        self._changed = changed
        field.restrict = only
        field.value = begin
        field.cursor_position = len(begin)
        if replace:
            field.select_all()
        self.display = True
        self._before = self.screen.focused
        self.screen.set_focus(field)

    def type_character(self, key: events.Key) -> bool:
        """Type the character of a key; return false if the prompt is closed or the key has no character."""
        if self._then is None or not key.is_printable or key.character is None:
            return False
        if self._field.selection.is_empty:
            self._field.insert_text_at_cursor(key.character)
        else:
            self._field.replace(key.character, *self._field.selection)
        return True

    def _close_with(self, answer: str | None) -> None:
        then, self._then = self._then, None
        if then is None:
            return
        self.keys = ()
        self.display = False
        self.screen.set_focus(self._before)
        if answer is not None:
            then(answer)

    @on(Input.Changed)
    def _text_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._then is not None:
            self._changed(event.value)

    @on(Input.Blurred)
    def _cancel_on_blur(self) -> None:
        # The prompt may have been opened again meanwhile.
        if not self._field.has_focus:
            self._close_with(None)

    def action_cancel(self) -> None:
        self._close_with(None)

    def action_earlier_text(self, step: int) -> None:
        self._at = max(0, min(len(self._earlier) - 1, self._at + step))
        field = self._field
        field.value = self._earlier[self._at]
        field.cursor_position = len(field.value)
