"""`gopher --json`: one object for one answer, whatever became of it. ASCII only, so it is safe to show.

{"url", "kind": "menu" | "text" | "binary" | "error", "terminated"} and, by kind:

    menu    "items": [{"type", "display", "selector", "host", "port", "plus", "url"}]
    text    "text"
    binary  "bytes", "sha256"
    error   "error": {"code", "message"}, and of a menu or text that broke off, what came of it
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, BinaryIO

from logsrv.gopher.command.show import View
from logsrv.gopher.local.fileurl import ItemURL, url_of
from logsrv.gopher.wire.charset import decode_line, decode_text
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.text import unstuffed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.gopher.wire.itemtypes import Transfer


class JsonView(View):
    """Collects the answer (of a binary only its size and digest), and writes one line at its end."""

    def __init__(self, out: BinaryIO, url: ItemURL, kind: Transfer, charset: str | None) -> None:
        self._out = out
        self._url = url
        self._kind = kind
        self._charset = charset
        self._menu = MenuParser()
        self._items: list[MenuItem] = []
        self._pieces: list[bytes] = []
        self._digest = hashlib.sha256()
        self._size = 0

    def feed(self, data: Any) -> None:
        self._size += len(data)
        if self._kind == "menu":
            self._items += self._menu.feed(data)
        elif self._kind == "text":
            self._pieces.append(data)
        else:
            self._digest.update(data)

    def finish(self) -> None:
        self._write(self._kind, self._content())

    def fail(self, error: BaseException) -> None:
        content = self._content() if self._size and self._kind != "binary" else {}
        code = error.code if isinstance(error, GopherError) else "error"
        message = str(error) or "interrupted"
        self._write("error", {**content, "error": {"code": code, "message": message}})

    def _write(self, kind: str, content: dict[str, Any]) -> None:
        whole = {"url": str(self._url), "kind": kind, "terminated": False, **content}
        self._out.write(json.dumps(whole).encode("ascii") + b"\n")

    def _content(self) -> dict[str, Any]:
        if self._kind == "menu":
            self._items += self._menu.finish()
            items = [self._item(item) for item in self._items]
            return {"terminated": self._menu.terminated, "items": items}
        if self._kind == "binary":
            return {"bytes": self._size, "sha256": self._digest.hexdigest()}
        content = b"".join(self._pieces)
        content, terminated = unstuffed(content) if self.stuffed else (content, False)
        return {"terminated": terminated, "text": decode_text(content, self._charset)}

    def _item(self, item: MenuItem) -> dict[str, Any]:
        url = url_of(item, self._url)
        values: dict[str, Any] = {
            "type": item.item_type,
            "display": item.text(self._charset),
            "selector": decode_line(item.selector, self._charset),
            "host": decode_line(item.host, self._charset),
            "port": item.port,
            "plus": decode_line(item.plus, self._charset),
            "url": None if url is None else str(url),
        }
        try:
            item.selector.decode("utf-8")
        except UnicodeDecodeError:
            values["selector_hex"] = item.selector.hex()
        return values
