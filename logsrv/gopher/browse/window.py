"""The window as commands use it: the page, the prompt, sentences, questions, background work.

Dialogs are shown over the page until answered: questions, explanations, the help, the downloads.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from subprocess import run
from typing import Any, ClassVar, TypeVar

import attrs
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.gopher.browse.bars import Key, Prompt
from logsrv.gopher.browse.downloads import BackgroundDownload, Downloads
from logsrv.gopher.browse.page import duration_text, failure_to_show
from logsrv.gopher.browse.page_widget import PageWidget
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import size_text

Answer = TypeVar("Answer")


@attrs.define(eq=False)
class BrowserWindow:
    """The page, the prompt and the dialogs.

    said: the sentence below the page, which the next move of the cursor clears. changed: called when the
    sentence or the progress has changed.
    """

    view: PageWidget
    prompt: Prompt
    app: App[None]
    changed: Callable[[], object]
    said: str = attrs.field(default="", init=False)

    def say(self, sentence: str) -> None:
        """Show a sentence below the page until the cursor moves."""
        self.said = sentence
        self.changed()

    @contextmanager
    def saying_errors(self) -> Iterator[None]:
        """Catch an error, and show it as the sentence below the page."""
        try:
            yield
        except (LogsrvError, OSError) as error:
            self.say(one_line(str(error)))
        except Exception as failure:
            self.say(str(failure_to_show(failure)))

    def run_in_background(
        self, work: Callable[[], Awaitable[object]], group: str, *, exclusive: bool = False
    ) -> Worker[None]:
        """Run `work` in the background, and show its error, as `saying_errors` does.

        exclusive: whether to cancel other work of its group first.
        """

        async def run() -> None:
            with self.saying_errors():
                await work()

        return self.app.run_worker(run, group=group, exclusive=exclusive)

    def ask_yes_or_no(self, title: str, question: str, then: Callable[[], object]) -> None:
        """Ask a question, and call `then` if the answer is yes."""

        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.app.push_screen(QuestionDialog(title, question), answered)

    def show_text(self, title: str, text: str) -> None:
        """Show a text over the page until a key closes it."""
        self.app.push_screen(TextDialog(title, text))

    def run_in_terminal(self, command: Sequence[str], given: bytes | None = None) -> None:
        """Run a program in the terminal instead of the browser. given: its input, if not the keyboard.

        Raises ConfigurationError.
        """
        # Ctrl-C is for the program; a handler that does nothing is not inherited, as ignoring it would be.
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            with self.app.suspend():
                run(command, input=given, check=False)
                if given is not None:
                    input("\nEnter goes back to the page. ")
        except EOFError:
            pass
        except OSError as error:
            raise ConfigurationError(f"{command[0]} cannot be started: {error.strerror}") from error
        finally:
            signal.signal(signal.SIGINT, before)
            self.app.refresh()

    def announce(self, title: str, sentence: str, *, failed: bool = False) -> None:
        """Show a sentence for some seconds wherever the user is: over the page, a prompt, a dialog."""
        how: Any = {"severity": "error", "timeout": 15} if failed else {}
        self.app.notify(sentence, title=title, markup=False, **how)


_BAR = 20


class _ScrollingBox(VerticalScroll):
    """A box that scrolls with the same keys as a page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down"),
        Binding("k", "scroll_up"),
        Binding("space", "page_down"),
        Binding("shift+space", "page_up"),
        Binding("G", "scroll_end"),
    ]


class Dialog(ModalScreen[Answer]):
    """A box with a title above and its keys below."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog > _ScrollingBox {
        width: auto; max-width: 96%; min-width: 40; height: auto; max-height: 96%;
        background: $surface; border: round $primary; border-title-color: $primary;
        padding: 1 2; scrollbar-size: 1 1;
    }
    Dialog Static { width: auto; max-width: 100%; }
    """
    KEYS: tuple[Key, ...] = ()

    def __init__(self, title: str, content: str | Widget) -> None:
        super().__init__()
        if isinstance(content, str):
            content = Static(Content(content))
        self._box = _ScrollingBox(content, can_focus=not content.can_focus)
        self._box.border_title = Content(title)
        keys = "   ".join(f"{key}  {does.lower()}" for key, does, _ in self.KEYS)
        self._box.border_subtitle = Content(keys)

    def compose(self) -> ComposeResult:
        yield self._box


class QuestionDialog(Dialog[bool]):
    """A question to answer with yes or no. Only y means yes: an Enter may have been meant for the page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)"),
        Binding("n,escape,q", "dismiss(False)"),
    ]
    KEYS = (("y", "Yes", ""), ("n", "No", ""))


class TextDialog(Dialog[None]):
    """A text; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,b,question_mark,f1,i", "dismiss")
    ]
    KEYS = (("Esc", "Close", ""), ("↑ ↓", "Scroll", ""))


class _RowList(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("j", "cursor_down"), Binding("k", "cursor_up")]


class Chooser(Dialog[Answer]):
    """A list; Enter chooses a row, and the dialog returns the answer that belongs to it."""

    DEFAULT_CSS = """
    Chooser > VerticalScroll { width: 96%; max-width: 110; }
    Chooser OptionList {
        height: auto; max-height: 60vh; border: none; background: $surface; padding: 0;
        &:focus { border: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,b", "dismiss")]
    KEYS: tuple[Key, ...] = (("Enter", "Go there", ""), ("Esc", "Close", ""))
    EMPTY = "There is nothing yet."

    def __init__(self, title: str, rows: Sequence[tuple[str, Answer]], at: int = 0) -> None:
        """rows: text and answer of each. at: the index of the row where the cursor begins."""
        self.answers = [answer for _, answer in rows]
        self.rows = _RowList(*(Content(text) for text, _ in rows))
        if not rows:
            self.rows.add_option(Option(Content(self.EMPTY), disabled=True))
        super().__init__(title, self.rows)
        self._at = at

    def on_mount(self) -> None:
        self.rows.highlighted = self._at if self.answers else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.close_with(self.answers[event.option_index])

    def close_with(self, answer: Answer) -> None:
        """Close the dialog with that answer."""
        self.dismiss(answer)


class DownloadList(Chooser[BackgroundDownload]):
    """The downloads of this session, the newest first, with their progress; Enter chooses a saved one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "stop_download"), Binding("d", "dismiss")]
    KEYS = (("Enter", "Open", ""), ("x", "Stop", ""), ("Esc", "Close", ""))
    EMPTY = "None in this session. s on a link saves what it leads to."

    def __init__(self, downloads: Downloads) -> None:
        title = f"Downloads to {one_line(str(downloads.directory), 200)}"
        super().__init__(
            title, [(describe_download(each), each) for each in reversed(downloads.all)]
        )
        self._downloads = downloads

    def on_mount(self) -> None:
        self.set_interval(0.25, self._update_rows)

    def _update_rows(self) -> None:
        for index, download in enumerate(self.answers):
            self.rows.replace_option_prompt_at_index(index, Content(describe_download(download)))

    def close_with(self, answer: BackgroundDownload) -> None:
        """Close the dialog with that download if it was saved; others cannot be opened."""
        if answer.state == "saved":
            self.dismiss(answer)

    async def action_stop_download(self) -> None:
        if self.answers and self.rows.highlighted is not None:
            await self._downloads.stop(self.answers[self.rows.highlighted])
            self._update_rows()


def describe_download(download: BackgroundDownload) -> str:
    """Return two lines: the name of the file, and its progress or end."""
    size, span = size_text(download.received), duration_text(download.seconds)
    match download.state:
        case "running":
            how = f"{size} in {span}"
            if download.length:
                done = min(1.0, download.received / download.length)
                bar = "━" * round(done * _BAR) + "╌" * (_BAR - round(done * _BAR))
                how = f"{bar} {done:.0%}  {size} of {size_text(download.length)} in {span}"
        case "saved":
            how = f"saved, {size} in {span}"
        case "stopped":
            how = f"stopped after {size}; nothing was kept"
        case _:
            how = f"failed: {download.reason}"
    return f"{one_line(download.path.name, 255)}\n  {how}"
