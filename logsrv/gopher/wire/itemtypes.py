"""The table of item types: the meaning of each letter in a menu, and how its answer ends.

0–9, +, g, I and T are from RFC 1436; the others are what servers in use send (gophernicus,
pygopherd, UMN gopherd).
"""

from __future__ import annotations

from typing import Literal

from logsrv.kit.text.escape import one_line
from logsrv.value import Value

# The kinds of answers: "menu" and "text" end with a line `.` or by close, "binary" by close. An item type
# with None cannot be fetched by the Gopher protocol.
AnswerKind = Literal["menu", "text", "binary"]


class ItemType(Value):
    """An item type. name: one word for people. media_type: the media type of its content on the web.

    tag: a word of at most four letters: menus are made for 70 columns, and terminals have 80.
    """

    letter: str
    name: str
    tag: str
    transfer: AnswerKind | None
    media_type: str = "application/octet-stream"


_TABLE = (
    ItemType("0", "text", "text", "text", "text/plain"),
    ItemType("1", "menu", "menu", "menu", "application/gopher-menu"),
    ItemType("2", "phonebook", "cso", None),
    ItemType("3", "error", "err", None),
    ItemType("4", "binhex", "hqx", "text", "application/mac-binhex40"),
    ItemType("5", "archive", "zip", "binary"),
    ItemType("6", "uuencoded", "uue", "text", "text/x-uuencode"),
    ItemType("7", "search", "find", "menu", "application/gopher-menu"),
    ItemType("8", "telnet", "tnet", None),
    ItemType("9", "binary", "file", "binary"),
    # Another server for the item before this one, of the same type; that type is unknown here, so binary.
    ItemType("+", "mirror", "dup", "binary"),
    ItemType("T", "tn3270", "3270", None),
    ItemType("g", "image", "img", "binary", "image/gif"),
    ItemType("I", "image", "img", "binary"),
    ItemType("p", "image", "img", "binary", "image/png"),
    ItemType(":", "image", "img", "binary", "image/bmp"),
    ItemType("h", "html", "html", "binary", "text/html"),
    ItemType("s", "sound", "snd", "binary"),
    ItemType("<", "sound", "snd", "binary"),
    ItemType(";", "video", "vid", "binary"),
    ItemType("d", "document", "doc", "binary"),
    ItemType("P", "document", "doc", "binary", "application/pdf"),
    ItemType("r", "document", "doc", "binary", "application/rtf"),
    ItemType("c", "calendar", "cal", "text", "text/calendar"),
    ItemType("M", "mail", "mail", "text", "message/rfc822"),
    ItemType("X", "xml", "xml", "binary", "application/xml"),
    ItemType("i", "information", "i", None),
)

# The item types whose answer is a menu.
MENUS = frozenset(item_type.letter for item_type in _TABLE if item_type.transfer == "menu")
_BY_LETTER = {item_type.letter: item_type for item_type in _TABLE}


def item_type(letter: str) -> ItemType:
    """Return the item type of `letter`; an unknown letter is a binary with the name "unknown"."""
    return _BY_LETTER.get(letter) or ItemType(letter, "unknown", one_line(letter), "binary")
