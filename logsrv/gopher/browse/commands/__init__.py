"""Commands, which keys and the mouse run: each class is a group of them, and its fields are what it needs.

speaker       sentences below the page, questions, announcements
rendering     pages as lines for the window as it is
visiting      the page on the screen, what in it is pointed at, and the page on its way there
travelling    back, forward, up, again, to a server whose certificate is trusted
opening       links, searches, addresses, numbers
reading       finding in a page, where a link leads, character sets
bookmarking   bookmarks
saving        downloads and sounds
programs      the user's own programs; outside: which they are
following     followed menus and what is new in them
telling       which keys work now, and what goes on
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Runs a coroutine function beside all else until it or the browser ends: `run_worker` of Textual's App.
RunWorker = Callable[..., Any]
