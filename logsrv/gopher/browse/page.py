"""Pages of the browser: content, or why there is none, or both."""

from __future__ import annotations

from logsrv.errors import LogsrvError
from logsrv.gopher.local.fileurl import ItemURL
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Way = Literal["menu", "text", "html", "picture", "download"]


class Menu(Value):
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
    content: Menu | bytes | None
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
    kind = item_type(url.item_type)
    if kind.transfer == "menu":
        return "menu"
    if kind.name == "image":
        return "picture"
    if kind.name == "html":
        return "html"
    # Of the texts, BinHex and uuencode are for programs.
    if kind.transfer == "text" and url.item_type not in ("4", "6"):
        return "text"
    return "download"
