"""The line at the bottom where the browser asks for words: an address, a search, a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from logsrv.gopher.browse.commands.bars import Key


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
