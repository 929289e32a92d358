"""Commands, which keys and the mouse run: each class is a group of them, and its fields are what it needs.

speaker       sentences below the page, questions, announcements
rendering     pages as lines for the window as it is
visiting      the page on the screen, what in it is pointed at, and the page on its way there
travelling    links, searches, addresses, numbers; back, forward, up, again
reading       finding in a page, where a link leads, character sets
keeping       downloads, sounds, bookmarks
programs      the user's own programs
following     followed menus and what is new in them
telling       which keys work now, and what goes on
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Runs a coroutine function beside all else until it or the browser ends: `run_worker` of Textual's App.
RunWorker = Callable[..., Any]
