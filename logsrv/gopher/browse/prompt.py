"""The line at the bottom where the browser asks for words: an address, a search, a name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from logsrv.gopher.browse.keyline import Key


class Prompt(Horizontal):
    """`await prompt.ask("Find")` shows it, and returns what was typed; None after Esc."""

    DEFAULT_CSS = """
    Prompt {
        display: none;
        height: 1;
        background: $panel;
    }
    Prompt > Static { width: auto; padding: 0 1; color: $primary; text-style: bold; }
    Prompt > Input { width: 1fr; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Cancel", show=False),
        Binding("up", "earlier(-1)", "Earlier", show=False),
        Binding("down", "earlier(1)", "Later", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._answer: asyncio.Future[str | None] | None = None
        self._earlier: Sequence[str] = ()
        self._at = 0
        self._changed: Callable[[str], None] = lambda value: None
        self.keys: Sequence[Key] = ()

    def compose(self) -> ComposeResult:
        yield Static()
        yield Input(compact=True, select_on_focus=False)

    @property
    def is_asking(self) -> bool:
        """Return true if it is shown, and takes the keys."""
        return self._answer is not None

    async def ask(
        self,
        label: str,
        begin: str = "",
        earlier: Sequence[str] = (),
        *,
        does: str = "OK",
        replace: bool = False,
        only: str | None = None,
        changed: Callable[[str], None] = lambda value: None,
    ) -> str | None:
        """Return what the user types after `label`; the arrow keys offer what is in `earlier`.

        does: what Enter does. replace: what is typed takes the place of `begin`, unless a key moves in
        it first. only: an expression for what may be typed. changed: is told what stands there.
        """
        self._settle(None)
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._earlier, self._at = [*earlier, begin], len(earlier)
        self.query_one(Static).update(Content(label))
        field = self.query_one(Input)
        offered = (("↑ ↓", "Earlier", ""),) if earlier else ()
        self.keys = (("Enter", does, ""), ("Esc", "Cancel", ""), *offered)
        self._changed = changed
        field.restrict = only
        field.value = begin
        field.cursor_position = len(begin)
        if replace:
            field.select_all()
        self.display = True
        before = self.screen.focused
        field.focus()
        try:
            return await answer
        finally:
            if self._answer in (None, answer):
                self.display = False
                if before is not None and before is not field:
                    before.focus()

    def _settle(self, answer: str | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)
        self._answer = None

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._settle(event.value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._answer is not None:
            self._changed(event.value)

    @on(Input.Blurred)
    def _left(self) -> None:
        self._settle(None)

    def action_give_up(self) -> None:
        self._settle(None)

    def action_earlier(self, step: int) -> None:
        self._at = max(0, min(len(self._earlier) - 1, self._at + step))
        field = self.query_one(Input)
        field.value = self._earlier[self._at]
        field.cursor_position = len(field.value)
