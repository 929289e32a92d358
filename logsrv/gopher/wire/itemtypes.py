"""The table of item types: what each letter in a menu means, how its answer ends, which files have it.

0–9, +, g, I and T are from RFC 1436; the others are what servers in use send (gophernicus,
pygopherd, UMN gopherd).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from logsrv.kit.text.escape import one_line

# The kinds of answers: "menu" and "text" end with a line `.` or by close, "binary" by close. An item type
# with None cannot be fetched by the Gopher protocol.
AnswerKind = Literal["menu", "text", "binary"]


class Uses(NamedTuple):
    """The ways in which the full-screen browser and the gateway present an item."""

    browser: Literal["menu", "text", "picture", "download"]
    web: Literal["page", "media", "file"]


class ItemType(NamedTuple):
    """An item type. name: one word for people. media_type: the media type of its content on the web.

    tag: a word of at most four letters: menus are made for 70 columns, and terminals have 80. transfer:
    also what `gopher URL` does, which shows menus and texts, and saves binaries.
    """

    letter: str
    name: str
    tag: str
    transfer: AnswerKind | None
    media_type: str = "application/octet-stream"

    @property
    def title(self) -> str:
        """Return the name, or `type x` for an unknown letter; safe to show."""
        return f"type {self.tag}" if self.name == "unknown" else self.name

    @property
    def uses(self) -> Uses:
        """Return what the browser and the gateway do with such an item."""
        return _USES.get(self.name, Uses("download", "file"))


_USES = {
    **dict.fromkeys(("menu", "search"), Uses("menu", "page")),
    **dict.fromkeys(("text", "mail", "calendar"), Uses("text", "page")),
    # Texts for programs.
    **dict.fromkeys(("binhex", "uuencoded"), Uses("download", "page")),
    # Its source: for a page as it is meant, there are browsers.
    "html": Uses("text", "page"),
    "image": Uses("picture", "media"),
    **dict.fromkeys(("sound", "video"), Uses("download", "media")),
}
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


# The number of bytes from the beginning of a file that `item_type_of_file` looks at.
ENOUGH_TO_TELL = 512

_ENDINGS = {
    "0": "asc atom c cfg conf css csv diff go h hs ini java js json log lua md nfo patch pl py rb rs rst "
    "rss sh sql tex toml tsv txt xml yaml yml",
    "4": "hqx",
    "5": "7z arc arj bz2 gz lha lzh rar tar tbz tgz txz xz zip zoo zst",
    "6": "uu uue",
    "9": "bin com deb dll dmg elf exe img iso jar o pyc rpm so",
    ":": "bmp",
    ";": "avi m4v mkv mov mp4 mpeg mpg ogv webm",
    "I": "avif ico jpeg jpg png svg tif tiff webp",
    "M": "eml mbox",
    "P": "pdf",
    "c": "ics",
    "d": "doc docx epub odt ps",
    "g": "gif",
    "h": "htm html xhtml",
    "r": "rtf",
    "s": "aac aif au flac m4a mid mod mp3 ogg opus s3m wav xm",
}
_LETTERS = {ending: letter for letter, endings in _ENDINGS.items() for ending in endings.split()}
# Control characters that no text has; ESC is in drawings with colours.
_NO_TEXT = bytes([*range(7), *range(0x0E, 0x1A), *range(0x1C, 0x20), 0x7F])


def item_type_by_name(name: bytes) -> str | None:
    """Return the item type for the ending of a name, or None for an unknown ending."""
    _, dot, ending = name.rpartition(b".")
    return _LETTERS.get(ending.decode("latin-1").lower()) if dot else None


def item_type_of_file(name: bytes, start: bytes) -> str:
    """Return the item type of a file by its name and its first bytes.

    A file that is named like a text but is not one gets type 9, binary.
    """
    begun = start[:ENOUGH_TO_TELL]
    is_text = len(begun.translate(None, _NO_TEXT)) == len(begun)
    letter = item_type_by_name(name) or ("0" if is_text else "9")
    return letter if is_text or letter not in "046Mc" else "9"
