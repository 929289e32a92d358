"""Boards of saved searches, for tests of their page."""

from typing import Any

from tests.linelog.http.page.fake import Logs
from tests.parts.chromium import Page

PANELS = "document.querySelectorAll('.board-panel').length"
SETTLED = "!document.querySelector('.board-panel.stale')"


def save_board(logs: Logs, *names: str, board: str = "shop", shape: str = "bars") -> None:
    """Let the server have searches of these names, and a board of them."""
    logs.saved = [{"name": name, "q": f"{name} x", "last": "1h"} for name in names]
    logs.boards[board] = {"panels": [{"search": name, "as": shape} for name in names]}


def open_board(visit: Any, panels: int, query: str = "name=shop", **how: Any) -> Page:
    page: Page = visit(f"board?{query}", ready=f"{PANELS} === {panels} && {SETTLED}", **how)
    return page
