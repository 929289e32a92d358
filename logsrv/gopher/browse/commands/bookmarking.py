"""Bookmarks: adding the page or a link, removing one on the start page."""

from __future__ import annotations

from dataclasses import dataclass

from logsrv.gopher.browse.commands.speaker import Speaker
from logsrv.gopher.browse.commands.visiting import Visiting
from logsrv.gopher.browse.content.links import Hyperlink, link_to
from logsrv.gopher.browse.loading.visits import Own
from logsrv.gopher.follow.bookmarks import Bookmarks
from logsrv.kit.text.escape import one_line


@dataclass(eq=False)
class Bookmarking:
    """Commands that change the bookmarks."""

    _bookmarks: Bookmarks
    _visiting: Visiting
    _speaker: Speaker

    def add_page(self) -> None:
        """Bookmark the page."""
        page = self._visiting.page
        self._add(None if page is None else link_to(page.url))

    def add_link(self) -> None:
        """Bookmark the link with the cursor."""
        self._add(self._visiting.link)

    def _add(self, link: Hyperlink | None) -> None:
        if link is None or link.url is None:
            self._speaker.say("Only what is in Gopher can be a bookmark.")
            return
        with self._speaker.saying_errors():
            new = self._bookmarks.add(link.url, link.title)
            kept = f"Bookmarked: {one_line(link.title, 60)}"
            self._speaker.say(kept if new else "It is a bookmark already.")

    def remove(self) -> None:
        """Remove the bookmark with the cursor, on the start page."""
        link = self._visiting.link
        if self._visiting.shown is not Own.START or link is None or link.url is None:
            self._speaker.say("Bookmarks are removed on the start page: B, then x.")
            return
        with self._speaker.saying_errors():
            removed = self._bookmarks.remove(link.url)
            self._visiting.redraw()
            self._speaker.say(
                f"Removed: {link.title}" if removed else "This is not one of your bookmarks."
            )
