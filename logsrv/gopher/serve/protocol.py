"""The protocol of the Gopher server (RFC 1436): the client sends a line with a selector, the server answers
and closes.

Menus and texts end with a line `.`; texts are sent with CRLF and doubled dots, other files unchanged.
Sending waits for a slow peer. There are no searches.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable
from html import escape
from pathlib import Path

import attrs
from twisted.internet.task import deferLater
from twisted.logger import Logger

from logsrv.gopher.serve.gopherhole import (
    GOPHERMAP,
    Gopherhole,
    ProgramRefused,
    SelectorNotFound,
    encoded_menu,
)
from logsrv.gopher.wire.itemtypes import item_type, item_type_of_file
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.text import Stuffer
from logsrv.gopher.wire.url import DEFAULT_PORT, GopherURL
from logsrv.kit import (
    DIRECTORY,
    FLAG,
    REQUIRED,
    Kind,
    LineProtocol,
    Metric,
    RunningService,
    integer,
    one_line,
    option,
)

log = Logger()

# A peer that takes more seconds to send its request, or later to read a chunk of the answer, is cut off.
PATIENCE = 120.0
_CHUNK = 256 * 1024
# Selectors of programs that are logged; anybody can ask for any name below cgi-bin.
_MOST_REFUSALS = 20
_OUTSIDE = re.compile(r"(?:https?|ftp|gophers?|gemini|mailto|news|irc):", re.IGNORECASE)
_LINK_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A link out of Gopher</title></head>
<body><p>This link leads out of Gopher, to <a href="{link}" rel="noreferrer">{link}</a></p></body></html>
"""

METRICS = (
    Metric("gopherd_requests_total", "counter", "Requests answered.", ("answer",)),
    Metric("gopherd_sent_bytes_total", "counter", "Bytes of files, menus and texts sent."),
)


@attrs.frozen
class ServerName:
    """The name and port of the server in its menus. port: None for the port the client connected to."""

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> ServerName:
        """Parse `HOST` or `HOST:PORT`. Raises ValueError (BadURL is one)."""
        if "/" in text:
            raise ValueError("it has a path")
        url = GopherURL.parse(f"gopher://{text}/")
        # Colons within brackets are an IPv6 address.
        has_port = text.rpartition("]")[2].partition(":")[2] != ""
        return cls(url.host, url.port if has_port else None)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


PLACE: Kind[ServerName] = Kind(
    ServerName.parse, "the name of a host, maybe with :PORT", "NAME[:PORT]", show=str
)


@attrs.frozen(kw_only=True)
class ServeOptions:
    """The options of `twistd gopherd`, in addition to the kit's."""

    directory: Path = option(REQUIRED, DIRECTORY, "the directory to serve")
    host: ServerName | None = option(
        None,
        PLACE,
        "name and port in menus; by default the address that the client connected to",
    )
    log_requests: bool = option(False, FLAG, "log each request")
    max_connections: int | None = option(
        1000, integer(1), "the most open connections of a listener", off=True
    )


class GopherdState:
    """The state of the service: the directory and the counters."""

    def __init__(self, service: RunningService[ServeOptions, GopherdState]) -> None:
        self.metrics = service.metrics
        for metric in METRICS:
            self.metrics.declare(metric, ours=True)
        self.apply(service.settings)

    def apply(self, settings: ServeOptions) -> None:
        """Serve the directory of these settings. Raises ConfigurationError if it does not exist."""
        self.gopherhole = Gopherhole(settings.directory, refused=self.log_refusal)
        self._refused: set[bytes] = set()

    def log_refusal(self, selector: bytes, reason: str, log: Logger = log) -> None:
        """Log, once for each selector, that a program is neither run nor shown."""
        if selector not in self._refused and len(self._refused) < _MOST_REFUSALS:
            self._refused.add(selector)
            log.warn(
                "{asked} is not served: {reason}. This server runs no programs, and does not show them",
                asked=one_line(selector.decode("latin-1"), 200) or "/",
                reason=reason,
            )


class GopherServer(LineProtocol[ServeOptions, GopherdState]):
    """A connection: one request, one answer."""

    # Selectors are bytes.
    encoding = "latin-1"
    telnet = False
    max_line = 4096

    def connection_made(self) -> None:
        self._watch = self.later(PATIENCE, self._abort_connection)
        self._begun = False

    def line_too_long(self, limit: int) -> None:
        self._send_error(f"A request has at most {limit} bytes.")
        self.close()

    async def line_received(self, line: str) -> None:
        selector, *fields = line.encode("latin-1").split(b"\t")
        if self.service.settings.log_requests:
            self.log.info("asks for {selector}", selector=one_line(line, 300) or "/")
        try:
            # `+`, `!` and `$` begin a Gopher+ request; such clients accept plain answers.
            if fields and fields[0][:1] not in (b"", b"+", b"!", b"$"):
                self._send_error("This server has no searches.")
            elif (link := MenuItem("h", b"", selector).link()) is not None:
                self._send_link_page(link)
            else:
                await self._send_item(selector)
        except ProgramRefused as refusal:
            self.service.state.log_refusal(selector, str(refusal), self.log)
            asked = one_line(line.partition("\t")[0], 200) or "/"
            self._send_error(f"'{asked}': this would come from a program, and none is run here.")
        except SelectorNotFound:
            # Not the reason in the exception, which would tell strangers about this machine.
            asked = one_line(line.partition("\t")[0], 200)
            self._send_error(f"'{asked}': there is nothing of that name here.")
        except OSError as error:
            self.log.error("cannot read what was asked for: {error}", error=str(error))
            if self._begun:
                # Only a reset tells the client that the answer is incomplete.
                self.transport.abortConnection()
                return
            self._send_error("The server cannot read this now.")
        self.close()

    async def _send_item(self, selector: bytes) -> None:
        gopherhole = self.service.state.gopherhole
        above, _, name = selector.rstrip(b"/").rpartition(b"/")
        if name == GOPHERMAP.encode():
            # Some authors write `1Links<TAB>links/gophermap`.
            selector = above
        with gopherhole.open(selector) as descriptor:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                self._count_request("menu")
                await self._send_menu(gopherhole.menu_items(selector))
            else:
                await self._send_file(selector, descriptor)

    async def _send_menu(self, items: Iterable[MenuItem]) -> None:
        for number, piece in enumerate(encoded_menu(items, *self._own_host_and_port())):
            if number:
                # Give other connections a turn: a directory of thousands takes long.
                await deferLater(self.clock, 0)
            await self._send_and_wait(piece)

    async def _send_file(self, selector: bytes, file: int) -> None:
        left = os.fstat(file).st_size
        chunk = os.read(file, _CHUNK)
        letter = item_type_of_file(selector.rstrip(b"/").rpartition(b"/")[2], chunk)
        stuffer = Stuffer() if item_type(letter).transfer == "text" else None
        self._count_request("text" if stuffer else "binary")
        while chunk:
            left -= len(chunk)
            await self._send_and_wait(stuffer.feed(chunk) if stuffer else chunk)
            chunk = os.read(file, _CHUNK)
        # If the file became shorter, fail, so that the client does not take the part for the whole file.
        if left > 0:
            raise OSError(errno.EIO, "it became shorter while it was sent")
        if stuffer:
            await self._send_and_wait(stuffer.finish())

    async def _send_and_wait(self, data: bytes) -> None:
        self._watch.cancel()
        self._watch = self.later(PATIENCE, self._abort_connection)
        self._begun = True
        self.write(data)
        self.service.state.metrics.count("gopherd_sent_bytes_total", len(data))
        await self.drain()

    def _send_link_page(self, link: str) -> None:
        """Send an HTML page with the link, for clients that request `URL:` selectors from the server."""
        if not _OUTSIDE.match(link):
            self._send_error(f"'URL:{one_line(link, 200)}': such a link is not explained here.")
            return
        self._count_request("link")
        self.write(_LINK_PAGE.format(link=escape(one_line(link, 2000))).encode())

    def _send_error(self, sentence: str) -> None:
        self._count_request("error")
        error = sentence.replace("\t", " ").encode("ascii", "backslashreplace")
        self.write(b"3%s\t\terror.host\t1\r\n.\r\n" % error)

    def _own_host_and_port(self) -> tuple[bytes, int]:
        """Return the host and port of this server for its menus."""
        here = self.transport.getHost()
        host, port = getattr(here, "host", "localhost"), getattr(here, "port", DEFAULT_PORT)
        if (known := self.service.settings.host) is not None:
            host, port = known.host, known.port or port
        return host.encode(), port

    def _count_request(self, answer: str) -> None:
        self.service.state.metrics.count("gopherd_requests_total", answer=answer)

    def _abort_connection(self) -> None:
        self.log.info("neither sends nor reads, and is cut off")
        self.transport.abortConnection()
