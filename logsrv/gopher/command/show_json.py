"""`gopher --json`: one object for one answer, complete or failed. ASCII only, so it is safe to show.

{"url", "kind": "menu" | "text" | "binary" | "error", "terminated"} and, by kind:

    menu    "items": [{"type", "display", "selector", "host", "port", "plus", "url"}]
    text    "text"
    binary  "bytes", "sha256"
    error   "error": {"code", "message"}, and the part received of a menu or text
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, BinaryIO

from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.fileurl import ItemURL, url_of_item
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.text import decode_line, decode_text, unstuffed

if TYPE_CHECKING:
    from logsrv.gopher.command.requests import Ask
    from logsrv.gopher.wire.itemtypes import AnswerKind


def show_json(
    ask: Ask, url: ItemURL, kind: AnswerKind, out: BinaryIO, charset: str | None = None
) -> None:
    """Collect the answer (for a binary only its size and digest), and write one line at its end."""
    collected = _CollectedAnswer(kind)
    shown: dict[str, Any] = {"url": str(url), "kind": kind, "terminated": False}
    try:
        with ask() as answer:
            collected.stuffed = not answer.has_header
            for piece in answer.pieces():
                collected.feed(piece)
        shown |= collected.as_json_fields(url, charset)
    except BaseException as error:
        if collected.size and kind != "binary":
            shown |= collected.as_json_fields(url, charset)
        code = error.code if isinstance(error, GopherError) else "error"
        message = str(error) or "interrupted"
        shown |= {"kind": "error", "error": {"code": code, "message": message}}
        raise
    finally:
        out.write(json.dumps(shown).encode("ascii") + b"\n")


class _CollectedAnswer:
    def __init__(self, kind: AnswerKind) -> None:
        self.size = 0
        self.stuffed = False
        self._kind = kind
        self._menu = MenuParser()
        self._items: list[MenuItem] = []
        self._pieces: list[bytes] = []
        self._digest = hashlib.sha256()

    def feed(self, data: bytes) -> None:
        self.size += len(data)
        if self._kind == "menu":
            self._items += self._menu.feed(data)
        elif self._kind == "text":
            self._pieces.append(data)
        else:
            self._digest.update(data)

    def as_json_fields(self, url: ItemURL, charset: str | None) -> dict[str, Any]:
        if self._kind == "menu":
            self._items += self._menu.finish()
            items = [_item_fields(item, url, charset) for item in self._items]
            return {"terminated": self._menu.terminated, "items": items}
        if self._kind == "binary":
            return {"bytes": self.size, "sha256": self._digest.hexdigest()}
        text = b"".join(self._pieces)
        text, terminated = unstuffed(text) if self.stuffed else (text, False)
        return {"terminated": terminated, "text": decode_text(text, charset)}


def _item_fields(item: MenuItem, menu: ItemURL, charset: str | None) -> dict[str, Any]:
    url = url_of_item(item, menu)
    values: dict[str, Any] = {
        "type": item.item_type,
        "display": item.text(charset),
        "selector": decode_line(item.selector, charset),
        "host": decode_line(item.host, charset),
        "port": item.port,
        "plus": decode_line(item.plus, charset),
        "url": None if url is None else str(url),
    }
    try:
        item.selector.decode("utf-8")
    except UnicodeDecodeError:
        values["selector_hex"] = item.selector.hex()
    return values
