"""The window as commands use it: the page, the prompt, sentences, questions, background work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from textual.app import App
from textual.worker import Worker

from logsrv.errors import LogsrvError
from logsrv.gopher.browse.commands.dialogs import Chooser, QuestionDialog, TextDialog
from logsrv.gopher.browse.commands.prompt import Prompt
from logsrv.gopher.browse.commands.view import PageView
from logsrv.kit.text.escape import one_line

Chosen = TypeVar("Chosen")


@dataclass(eq=False)
class BrowserWindow:
    """The page, the prompt and the dialogs.

    said: the sentence below the page, which the next move of the cursor clears. changed: called when the
    sentence or the progress has changed.
    """

    view: PageView
    prompt: Prompt
    _app: App[None]
    changed: Callable[[], object]
    said: str = field(default="", init=False)

    def say(self, sentence: str) -> None:
        """Show a sentence below the page until the cursor moves."""
        self.said = sentence
        self.changed()

    @contextmanager
    def saying_errors(self) -> Iterator[None]:
        """Catch a LogsrvError or OSError, and show it as the sentence below the page."""
        try:
            yield
        except (LogsrvError, OSError) as error:
            self.say(one_line(str(error)))

    def run_in_background(
        self, work: Callable[[], Awaitable[object]], group: str, *, exclusive: bool = False
    ) -> Worker[None]:
        """Run `work` in the background, and show its error, as `saying_errors` does.

        exclusive: whether to cancel other work of its group first.
        """

        async def run() -> None:
            with self.saying_errors():
                await work()

        return self._app.run_worker(run, group=group, exclusive=exclusive)

    def ask_yes_or_no(self, title: str, question: str, then: Callable[[], object]) -> None:
        """Ask a question, and call `then` if the answer is yes."""

        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self._app.push_screen(QuestionDialog(title, question), answered)

    def show_text(self, title: str, text: str) -> None:
        """Show a text over the page until a key closes it."""
        self._app.push_screen(TextDialog(title, text))

    def show_chooser(self, chooser: Chooser[Chosen], then: Callable[[Chosen | None], None]) -> None:
        """Show a list, and call `then` with the chosen answer, None if the user closed it."""
        self._app.push_screen(chooser, then)

    def announce(self, title: str, sentence: str, *, failed: bool = False) -> None:
        """Show a sentence for some seconds wherever the user is: over the page, a prompt, a dialog."""
        how: Any = {"severity": "error", "timeout": 15} if failed else {}
        self._app.notify(sentence, title=title, markup=False, **how)

    def copy_to_clipboard(self, text: str) -> None:
        """Put a text into the clipboard."""
        self._app.copy_to_clipboard(text)
