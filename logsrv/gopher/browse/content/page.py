"""Pages of the browser: content, or why there is none, or both."""

from __future__ import annotations

from typing import Literal

from logsrv.errors import LogsrvError
from logsrv.gopher.local.fileurl import ItemURL
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.value import Value

Way = Literal["menu", "text", "html", "picture", "download"]
# The item types that are pages, by name. Of what is sent as text, BinHex and uuencode are for programs.
_WAYS: dict[str, Way] = {
    **dict.fromkeys(("menu", "search"), "menu"),
    **dict.fromkeys(("text", "mail", "calendar"), "text"),
    "html": "html",
    "image": "picture",
}


class MenuContent(Value):
    """The items of a menu; `dropped` bytes of its lines were too long to keep."""

    items: tuple[MenuItem, ...]
    dropped: int = 0


class Page(Value):
    """The answer to one request.

    content: a menu, or bytes for what `way` says, of a text without terminator and stuffed dots.
    error: what went wrong; `content` is then the part that had come, or None. note: a sentence that
    belongs above the content. received: bytes of the answer. seconds: how long it took.
    """

    url: ItemURL
    content: MenuContent | bytes | None
    error: LogsrvError | None = None
    note: str = ""
    received: int = 0
    seconds: float = 0.0

    @property
    def way(self) -> Way:
        """Return how it is shown."""
        return way_to_show(self.url)

    @property
    def certificate_refused(self) -> bool:
        """Return true if all that is wrong is that no authority vouches for the server's certificate."""
        if self.error is None or self.error.__cause__ is None:
            return False
        import ssl  # 6 ms, which pages without TLS need not wait for

        return isinstance(self.error.__cause__, ssl.SSLCertVerificationError)


def way_to_show(url: ItemURL) -> Way:
    """Return what the browser does with the answer to `url`."""
    return _WAYS.get(item_type(url.item_type).name, "download")
