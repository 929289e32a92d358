"""The one table of item types: what each letter of a menu stands for and how its answer ends.

0–9, +, g, I and T are from RFC 1436; the others are what servers in use send (gophernicus,
pygopherd, UMN gopherd).
"""

from __future__ import annotations

from logsrv.gopher.wire.value import Value
from logsrv.kit.text.escape import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    # How an answer is to be read: "menu" and "text" end by a line `.` or by close, "binary" by close;
    # None: nothing that could be fetched with the Gopher protocol.
    Transfer = Literal["menu", "text", "binary"]


class ItemType(Value):
    """A letter of a menu. `name` is one word for people, `media_type` what the web calls such content."""

    __slots__ = ("letter", "media_type", "name", "transfer")

    def __init__(
        self,
        letter: str,
        name: str,
        transfer: Transfer | None,
        media_type: str = "application/octet-stream",
    ) -> None:
        self.letter = letter
        self.name = name
        self.transfer = transfer
        self.media_type = media_type

    @property
    def tag(self) -> str:
        """Return what it is in at most four letters; of an unknown type, its letter."""
        return _TAGS.get(self.name) or one_line(self.letter)


# One word of at most four letters, so that 80 columns have room for the 70 that menus are made for.
_TAGS = {
    "text": "text",
    "menu": "menu",
    "search": "find",
    "phonebook": "cso",
    "error": "err",
    "binhex": "hqx",
    "archive": "zip",
    "uuencoded": "uue",
    "telnet": "tnet",
    "binary": "file",
    "mirror": "dup",
    "tn3270": "3270",
    "image": "img",
    "html": "html",
    "sound": "snd",
    "video": "vid",
    "document": "doc",
    "calendar": "cal",
    "mail": "mail",
    "xml": "xml",
}

_TABLE = (
    ItemType("0", "text", "text", "text/plain"),
    ItemType("1", "menu", "menu", "application/gopher-menu"),
    ItemType("2", "phonebook", None),
    ItemType("3", "error", None),
    ItemType("4", "binhex", "text", "application/mac-binhex40"),
    ItemType("5", "archive", "binary"),
    ItemType("6", "uuencoded", "text", "text/x-uuencode"),
    ItemType("7", "search", "menu", "application/gopher-menu"),
    ItemType("8", "telnet", None),
    ItemType("9", "binary", "binary"),
    # A mirror of the item before it, of that item's type; nothing says which, so: its bytes.
    ItemType("+", "mirror", "binary"),
    ItemType("T", "tn3270", None),
    ItemType("g", "image", "binary", "image/gif"),
    ItemType("I", "image", "binary"),
    ItemType("p", "image", "binary", "image/png"),
    ItemType(":", "image", "binary", "image/bmp"),
    ItemType("h", "html", "binary", "text/html"),
    ItemType("s", "sound", "binary"),
    ItemType("<", "sound", "binary"),
    ItemType(";", "video", "binary"),
    ItemType("d", "document", "binary"),
    ItemType("P", "document", "binary", "application/pdf"),
    ItemType("r", "document", "binary", "application/rtf"),
    ItemType("c", "calendar", "text", "text/calendar"),
    ItemType("M", "mail", "text", "message/rfc822"),
    ItemType("X", "xml", "binary", "application/xml"),
    ItemType("i", "information", None),
)

_BY_LETTER = {item_type.letter: item_type for item_type in _TABLE}


def item_type(letter: str) -> ItemType:
    """Return what `letter` stands for; one that nobody knows is bytes of an unknown kind."""
    return _BY_LETTER.get(letter) or ItemType(letter, "unknown", "binary")
