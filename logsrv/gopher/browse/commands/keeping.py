"""Commands to keep something: downloads in the background, sounds to play, bookmarks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from logsrv.gopher.browse.commands.dialogs import DownloadList
from logsrv.gopher.browse.commands.downloads import BackgroundDownload
from logsrv.gopher.browse.commands.programs import ExternalPrograms
from logsrv.gopher.browse.commands.session import BrowsingSession, InternalPage
from logsrv.gopher.browse.commands.visiting import CurrentPage
from logsrv.gopher.browse.commands.window import BrowserWindow
from logsrv.gopher.browse.content.page import Hyperlink, link_to
from logsrv.gopher.wire.fileurl import ItemURL
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import size_text


@dataclass(eq=False)
class SaveAndBookmarkCommands:
    """Commands that save and bookmark; they announce the end of each download."""

    _session: BrowsingSession
    _visiting: CurrentPage
    _programs: ExternalPrograms
    _window: BrowserWindow

    def save_link_or_page(self) -> None:
        """Save the target of the link with the cursor, or else the page."""
        link = self._visiting.link_or_page()
        if link is None or link.url is None:
            self._window.say("There is nothing here that can be saved.")
        else:
            self.start_saving(link.url)

    def start_saving(self, url: ItemURL, *, play: bool = False) -> None:
        """Begin to save the answer to `url`, and say so. play: whether to play it when it is saved."""
        ended = partial(self._announce_end, play=play)
        with self._window.saying_errors():
            download = self._session.downloads.start(url, self._session.options_for(url), ended)
            self._window.say(_saving_sentence(download))

    def offer_to_play(self, link: Hyperlink) -> None:
        """Save a sound, and play it if there is a program for it and the user agrees."""
        assert link.url is not None
        url, player = link.url, self._programs.sound_player()
        if player is None:
            self.start_saving(url)
        else:
            question = f"{link.address}\n\nSave this sound, and play it with {player}?"
            self._window.ask_yes_or_no(
                "A sound", question, partial(self.start_saving, url, play=True)
            )

    def _announce_end(self, download: BackgroundDownload, *, play: bool) -> None:
        if self._window.said == _saving_sentence(download):
            path = one_line(str(download.path), 4096)
            saved = f"Saved to {path}   d  lists it"
            self._window.say(saved if download.state == "saved" else "")
        name = one_line(download.path.name, 80)
        if download.state == "saved":
            size = size_text(download.received)
            self._window.announce("Saved", f"{name}, {size}. d and Enter open it.")
            if play:
                self._programs.play_sound(download.path, name)
        elif download.state == "failed":
            self._window.announce("Not saved", f"{name}: {download.reason}", failed=True)

    def show_downloads(self) -> None:
        """Show the downloads of this session; one that was saved can be opened."""
        self._window.show_chooser(DownloadList(self._session.downloads), self._open_saved_file)

    def _open_saved_file(self, download: BackgroundDownload | None) -> None:
        if download is not None:
            self._programs.ask_to_open_file(download.path)

    def bookmark_page(self) -> None:
        page = self._visiting.page
        self._add_bookmark(None if page is None else link_to(page.url))

    def bookmark_link(self) -> None:
        self._add_bookmark(self._visiting.link_at_cursor)

    def _add_bookmark(self, link: Hyperlink | None) -> None:
        if link is None or link.url is None:
            self._window.say("Only what is in Gopher can be a bookmark.")
            return
        with self._window.saying_errors():
            new = self._session.bookmarks.add(link.url, link.title)
            kept = f"Bookmarked: {one_line(link.title, 60)}"
            self._window.say(kept if new else "It is a bookmark already.")

    def remove_bookmark(self) -> None:
        """Remove the bookmark with the cursor, on the start page."""
        link = self._visiting.link_at_cursor
        if self._visiting.shown is not InternalPage.START or link is None or link.url is None:
            self._window.say("Bookmarks are removed on the start page: B, then x.")
            return
        with self._window.saying_errors():
            removed = self._session.bookmarks.remove(link.url)
            self._visiting.redraw()
            self._window.say(
                f"Removed: {link.title}" if removed else "This is not one of your bookmarks."
            )


def _saving_sentence(download: BackgroundDownload) -> str:
    return f"Saving to {one_line(str(download.path), 4096)}   d  lists it"
