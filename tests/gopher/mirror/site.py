"""A server whose answers a test writes, and a mirror of it that is run to its end."""

import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.mirror.crawl import Crawl
from logsrv.gopher.mirror.journal import MirrorJournal
from logsrv.gopher.mirror.requests import CrawlOptions, mirror_limits
from logsrv.gopher.mirror.scope import MirrorScope
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.conftest import Serve
from tests.parts.gopher_servers import Scripted, reset
from tests.parts.ports import free_port

Answers = dict[bytes, bytes]
NOT_THERE = b"3not there\t\terror.host\t1\r\n.\r\n"


class Site:
    """A server with `answers` by selector; `@` in them stands for its host and port."""

    def __init__(self, serve: Serve, answers: Answers) -> None:
        self.answers = answers
        self.server: Scripted = serve(self._answer, port=free_port())
        self.failing: Counter[bytes] = Counter()
        self.starts: list[float] = []
        self._lock = threading.Lock()

    def _answer(self, connection: socket.socket, request: bytes) -> None:
        selector = request.rstrip(b"\r\n")
        if selector not in (b"robots.txt", b"/robots.txt"):
            self.starts.append(time.monotonic())
        with self._lock:
            failing = self.failing[selector] > 0
            self.failing[selector] -= 1
        if failing:
            reset(connection)
            return
        place = b"127.0.0.1\t%d" % self.server.port
        connection.sendall(self.answers.get(selector, NOT_THERE).replace(b"@", place))

    @property
    def asked(self) -> Counter[bytes]:
        found = Counter(request.rstrip(b"\r\n") for request in self.server.requests)
        for rules in (b"robots.txt", b"/robots.txt"):
            found.pop(rules, None)
        return found


def crawl(site: Site, directory: Path, path: str = "/", **manners: Any) -> Crawl:
    """Run a mirror to its end. manners: CrawlOptions, and how deep, shown how, by which clock."""
    directory.mkdir(exist_ok=True)
    root = GopherURL.parse(site.server.url(path))
    limits = mirror_limits(Limits(), manners.pop("max_size", None))
    fetcher = Transfers(ConnectionOptions(limits), manners.pop("clock", time.monotonic))
    journal = MirrorJournal(directory, root, "host")
    depth = manners.pop("depth", None)
    show = manners.pop("show", lambda: None)
    try:
        found = Crawl(
            MirrorScope(root, "host", depth),
            journal,
            fetcher,
            CrawlOptions(**manners),
        )
        found.run(show)
        return found
    finally:
        journal.close()
        fetcher.close()


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("[!.]*")
        if path.is_file()
    }


SITE: Answers = {
    b"": b"0A\t/a\t@\r\n1Sub\t/sub\t@\r\n1Again\t/sub\t@\r\n0Sub as text\t/sub\t@\r\n1Top\t/\t@\r\n.\r\n",
    b"/sub": b"9B\t/sub/b\t@\r\n1Up\t\t@\r\n0A\t/a\t@\r\n7Search\t/find\t@\r\n",
    b"/a": b"text a\r\n.\r\n",
    b"/sub/b": b"\0\1\2",
}


def items(directory: Path) -> dict[str, bytes]:
    """The files of a mirror without its menus."""
    return {
        name: content
        for name, content in files(directory).items()
        if not name.endswith(("gophermap", "index.html"))
    }
