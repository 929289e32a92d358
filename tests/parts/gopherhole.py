"""A hole to browse: a menu with an item of each kind, and what is behind them."""

import socket
from collections.abc import Callable
from io import BytesIO

from PIL import Image

from tests.parts.gopher_servers import Scripted


def item(letter: str, display: str, selector: str = "", host: str = "", port: object = "") -> bytes:
    """One line; without a host it is of the server that sends it."""
    return f"{letter}{display}\t{selector}\t{host}\t{port}\r\n".encode()


def menu(*items: bytes) -> bytes:
    return b"".join(items) + b".\r\n"


def picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 32), "red").save(file, "PNG")
    return file.getvalue()


ROOT = menu(
    item("i", "Welcome to the hole"),
    item("0", "About", "/about"),
    item("1", "Many", "/many"),
    item("7", "Search", "/search"),
    item("9", "Packed", "/packed.tar.gz"),
    item("I", "Red", "/red.png"),
    item("s", "Song", "/song.ogg"),
    item("h", "Web", "URL:https://web.example/?q=1"),
    item("8", "Old", "guest", "old.example", 23),
    item("1", "Odd port", "/", "h", 99999),
    item("1", "Deeper", "/dir/sub/deep"),
)
ANSWERS = {
    b"/about": b"All about it.\r\nSecond line with caf\x82.\r\n" + b"more\r\n" * 100 + b".\r\n",
    b"/many": menu(*(item("0", f"Item {number}", f"/item/{number}") for number in range(200))),
    b"/packed.tar.gz": bytes(range(256)) * 100,
    b"/red.png": picture(),
    b"/dir/sub/deep": menu(item("i", "Deep down")),
    b"/dir/sub": menu(item("i", "In the middle")),
}


def site(connection: socket.socket, request: bytes) -> None:
    selector, _, words = request.rstrip(b"\r\n").partition(b"\t")
    if selector == b"/search":
        connection.sendall(item("i", "You asked for " + words.decode("latin-1")))
    elif selector.startswith(b"/item/"):
        connection.sendall(b"the text of " + selector)
    else:
        connection.sendall(ANSWERS.get(selector, ROOT))


def holding(answers: dict[bytes, bytes]) -> Callable[[socket.socket, bytes], None]:
    """A script with an answer for each selector; it holds the line if that lacks its dot."""

    def script(connection: socket.socket, request: bytes) -> None:
        answer = answers.get(request.rstrip(b"\r\n"), b"")
        connection.sendall(answer)
        if not answer.endswith(b".\r\n"):
            connection.recv(1)

    return script


class Phlog:
    """A server with a menu that grows, and a text for each item."""

    def __init__(self, serve: Callable[..., Scripted]) -> None:
        self.items = [item("0", "2025-11-18 Old", "/old")]
        self.broken = False
        self.server: Scripted = serve(self.script)
        self.url = self.server.url("/1/phlog")

    def script(self, connection: socket.socket, request: bytes) -> None:
        if request != b"/phlog\r\n":
            connection.sendall(b"the text of " + request)
        elif self.broken:
            connection.sendall(b"3down for today\t\terr\t1\r\n")
        else:
            connection.sendall(menu(*self.items))

    def write(self, day: str, title: str) -> None:
        self.items.insert(0, item("0", f"{day} {title}", f"/{title}"))
