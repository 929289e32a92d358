"""Dialogs, which lie over the page until answered: questions, explanations, the help, the downloads."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from logsrv.gopher.browse.downloads import Download, Downloads
from logsrv.gopher.browse.keyline import Key
from logsrv.gopher.browse.words import span_text
from logsrv.gopher.fetch.progress import size_text
from logsrv.kit.text.escape import one_line

_BAR = 20
_LOOK = """
    {name} {{ align: center middle; background: $background 60%; }}
    {name} > .dialog {{
        width: auto; max-width: 96%; min-width: 40; height: auto; max-height: 96%;
        background: $surface; border: round $primary; border-title-color: $primary;
        padding: 1 2; scrollbar-size: 1 1;
    }}
    {name} .dialog Static {{ width: auto; max-width: 100%; }}
    {name} .keys {{ color: $page-dim; margin-top: 1; }}
"""


class Question(ModalScreen[bool]):
    """A question of yes or no; True only for y, never for an Enter that was meant for something else."""

    DEFAULT_CSS = _LOOK.format(name="Question")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape,q", "dismiss(False)", "No"),
    ]

    KEYS = (("y", "Yes", ""), ("n", "No", ""))

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self._title)
            yield Static(Content(self._text))
            yield Static(Content("y  yes      n  no"), classes="keys")


class Notice(ModalScreen[None]):
    """A text; any of the usual keys closes it."""

    DEFAULT_CSS = (
        _LOOK.format(name="Notice") + "Notice VerticalScroll { width: auto; height: auto; }"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,b,question_mark,f1,i", "dismiss", "Close"),
    ]

    KEYS = (("Esc", "Close", ""), ("↑ ↓", "Scroll", ""))

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("Esc  close")
            yield Static(Content(self._text))


class Chooser(ModalScreen[int]):
    """A list of which one is chosen with Enter; its number, the first is 0."""

    DEFAULT_CSS = (
        _LOOK.format(name="Chooser")
        + """
    Chooser > .dialog { width: 96%; max-width: 110; }
    Chooser OptionList {
        height: auto; max-height: 16; border: none; background: $surface; padding: 0;
        &:focus { border: none; }
    }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,b", "dismiss", "Close"),
        Binding("j", "move(1)", "Down"),
        Binding("k", "move(-1)", "Up"),
    ]
    KEYS: tuple[Key, ...] = (("Enter", "Go there", ""), ("Esc", "Close", ""))
    EMPTY = "There is nothing yet."

    def __init__(self, title: str, rows: list[Content], at: int = 0) -> None:
        super().__init__()
        self._title = title
        self._rows = rows
        self._at = at

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content(
                "     ".join(f"{key}  {does.lower()}" for key, does, _ in self.KEYS)
            )
            if self._rows:
                yield OptionList(*self._rows)
            else:
                yield Static(Content(self.EMPTY))

    def on_mount(self) -> None:
        if self._rows:
            self.query_one(OptionList).highlighted = self._at

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.choose(event.option_index)

    def choose(self, index: int) -> None:
        """End with the row of that index."""
        self.dismiss(index)

    def action_move(self, step: int) -> None:
        if self._rows:
            field = self.query_one(OptionList)
            field.action_cursor_down() if step > 0 else field.action_cursor_up()


class DownloadList(Chooser):
    """The downloads of this session, the newest first, while they go on; one that was saved is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "Stop"),
        Binding("d", "dismiss", "Close"),
    ]
    KEYS = (("Enter", "Open", ""), ("x", "Stop", ""), ("Esc", "Close", ""))
    EMPTY = "None in this session. s on a link saves what it leads to."

    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads
        self._newest_first = list(reversed(downloads.all))
        title = f"Downloads to {one_line(str(downloads.directory), 200)}"
        super().__init__(title, [self._row(each) for each in self._newest_first])

    def on_mount(self) -> None:
        self.set_interval(0.25, self._renew)

    def _row(self, download: Download) -> Content:
        return Content(download_text(download))

    def _renew(self) -> None:
        for index, download in enumerate(self._newest_first):
            self.query_one(OptionList).replace_option_prompt_at_index(index, self._row(download))

    def choose(self, index: int) -> None:
        """End with the place of that download among all; one that was not saved cannot be opened."""
        if self._newest_first[index].state == "saved":
            self.dismiss(len(self._newest_first) - 1 - index)

    async def action_stop(self) -> None:
        if self._newest_first:
            index = self.query_one(OptionList).highlighted
            if index is not None:
                await self._downloads.stop(self._newest_first[index])
                self._renew()


def download_text(download: Download) -> str:
    """Two lines: what it is, and how far."""
    size, span = size_text(download.received), span_text(download.seconds)
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
