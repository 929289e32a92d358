"""The window that keeps things: bookmarks, and files for other programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual import work

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.dialogs import DownloadList
from logsrv.gopher.browse.downloads import Download
from logsrv.gopher.browse.following import FollowingWindow
from logsrv.gopher.browse.links import Link
from logsrv.gopher.browse.outside import file_command, opening_command, playing_command, run_outside
from logsrv.gopher.browse.visits import Own
from logsrv.gopher.fetch.progress import size_text
from logsrv.gopher.follow.bookmarks import title_of
from logsrv.gopher.local.fileurl import ItemURL
from logsrv.kit.text.escape import one_line

_NO_BOOKMARK = "Only what is in Gopher can be a bookmark."


class SavingWindow(FollowingWindow):
    """A window that saves in the background, and asks before it starts a program."""

    # Sounds that are played when they are there.
    _to_play: frozenset[Download] = frozenset()

    def on_mount(self) -> None:
        self.session.downloads.ended = self._tell_end

    # Bookmarks.

    def action_bookmark(self) -> None:
        if self.page is None:
            self.say(_NO_BOOKMARK)
        else:
            self._add_bookmark(self.page.url, title_of(self.page.url))

    def action_bookmark_link(self) -> None:
        link = self.link_at(self.view.cursor)
        if link is None or link.url is None:
            self.say(_NO_BOOKMARK)
        else:
            self._add_bookmark(link.url, link.title)

    def _add_bookmark(self, url: ItemURL, title: str) -> None:
        with self.saying_errors():
            new = self.session.bookmarks.add(url, title)
            self.say(f"Bookmarked: {one_line(title, 60)}" if new else "It is a bookmark already.")

    def action_remove_bookmark(self) -> None:
        link = self.link_at(self.view.cursor)
        if self.own is not Own.START or link is None or link.url is None:
            self.say("Bookmarks are removed on the start page: B, then x.")
            return
        with self.saying_errors():
            removed = self.session.bookmarks.remove(link.url)
            self.redraw()
            self.say(f"Removed: {link.title}" if removed else "This is not one of your bookmarks.")

    # Files.

    def action_save(self) -> None:
        link = self.here()
        if link is None or link.url is None:
            self.say("There is nothing here that can be saved.")
        else:
            self.save(link.url)

    def save(self, url: ItemURL) -> Download | None:
        """Begin to save what `url` has; None, and a sentence, if that cannot be."""
        with self.saying_errors():
            download = self.session.downloads.start(url, self.session.options_for(url))
            self.say(_saving_text(download))
            return download
        return None

    def play(self, link: Link) -> None:
        """Save a sound, and play it if there is a program for it and the user agrees."""
        assert link.url is not None
        url = link.url
        try:
            player = playing_command(Path("sound"), self.session.environ)[0]
        except ConfigurationError:
            self.save(url)
            return

        def play() -> None:
            if (download := self.save(url)) is not None:
                self._to_play |= {download}

        question = f"{link.address}\n\nSave this sound, and play it with {player}?"
        self.ask_first("A sound", question, play)

    def _tell_end(self, download: Download) -> None:
        """Announce it wherever the user is: over the page, a prompt, a dialog."""
        if self.said == _saving_text(download):
            path = one_line(str(download.path), 4096)
            self.say(f"Saved to {path}   d  lists it" if download.state == "saved" else "")
        name = one_line(download.path.name, 80)
        if download.state == "saved":
            size = size_text(download.received)
            self.notify(f"{name}, {size}. d and Enter open it.", title="Saved", markup=False)
        elif download.state == "failed":
            reason = f"{name}: {download.reason}"
            self.notify(reason, title="Not saved", severity="error", timeout=15, markup=False)
        if download in self._to_play:
            self._to_play -= {download}
            if download.state == "saved":
                self._run(playing_command(download.path, self.session.environ), name)

    def action_downloads(self) -> None:
        self.push_screen(DownloadList(self.session.downloads), self._open_file)

    # Other programs.

    def _open_file(self, download: Download | None) -> None:
        if download is not None:
            shown = one_line(str(download.path), 4096)
            command = partial(file_command, download.path, self.session.environ)
            self._open_with("A file that was saved", shown, command)

    def open_outside(self, link: Link) -> None:
        """Hand a link out of Gopher to the user's program for it."""
        command = partial(opening_command, link.address, self.session.environ)
        self._open_with("A link that leads out of Gopher", link.address, command)

    def _open_with(self, title: str, what: str, program: Callable[[], list[str]]) -> None:
        try:
            command = program()
        except ConfigurationError as error:
            self.say(f"{what}: {one_line(str(error))}")
            return

        def run() -> None:
            self.mark_opened(what)
            self._run(command, what)

        self.ask_first(title, f"{what}\n\nOpen this with {command[0]}?", run)

    @work(group="programs")
    async def _run(self, command: list[str], what: str) -> None:
        self.say(f"Opened with {command[0]}: {what}")
        with self.saying_errors():
            if status := await run_outside(command, self.session.environ):
                self.say(f"{command[0]} ended with status {status}: {what}")


def _saving_text(download: Download) -> str:
    return f"Saving to {one_line(str(download.path), 4096)}   d  lists it"
