"""The audit log: a line for each query, download, change, log-in and refusal, with the reader's name.

    audit reader="alice" address="192.0.2.7" GET path="/api/search" q="level>=error" limit="10" status=200
    lines=10 bytes=4711

It is a line of the server's own log, in pairs that logsrv itself reads as fields. Whatever a client chooses
stands in quotation marks, as JSON in ASCII: no query can end the line or look like a pair. Tokens are in no
part of it: they come in headers and forms, and of an address only known parameters are logged.

A live view has two lines: one when it begins, with `begins=yes`, and one at its end with what was sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl

import attrs
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.endpoints import BY_PATH
from logsrv.linelog.http.readers.reader import Reader

log = Logger()

PARAMETERS_OF_PARTS = frozenset(("alert", "since", "until"))
"""Parameters that are logged of endpoints of other parts."""
_LINES_OF = {"/api/search": b"\n", "/api/tail": b"event: line\n"}


class LineCounter:
    """Counts the lines in an answer that comes in pieces. mark: stands once in each."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._end = b""
        self.lines = 0

    def add(self, data: bytes) -> None:
        """Count the lines in the next piece; a mark may begin in the one before."""
        text = self._end + data
        self.lines += text.count(self._mark)
        rest = len(self._mark) - 1
        self._end = text[-rest:] if rest else b""


@attrs.define
class _Entry:
    """What is known of a request. counter: of the lines in its answer, if these are counted."""

    reader: Reader | None = None
    counter: LineCounter | None = None


class AuditLog:
    """Logs the requests of a web server, while it is on. is_on: of the requests that begin from now on."""

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        self.is_on = False
        self._write = write or (lambda line: log.info("{line}", line=line))
        self._entries: dict[WebRequest, _Entry] = {}

    def begin(self, request: WebRequest) -> None:
        """Begin with a request, whose line is logged when it is answered."""
        if not self.is_on:
            return
        entry = self._entries[request] = _Entry()
        mark = _LINES_OF.get(request.path.decode("latin-1"))
        if mark is not None:
            entry.counter = LineCounter(mark)
            _count_written(request, entry.counter)
        request.notifyFinish().addBoth(self._end, request)

    def note_reader(self, request: WebRequest, reader: Reader) -> None:
        """Note who asks."""
        if (entry := self._entries.get(request)) is not None:
            entry.reader = reader

    def write_begin(self, request: WebRequest) -> None:
        """Log a request whose answer may last for days."""
        if (entry := self._entries.get(request)) is not None:
            self._write(" ".join([*_about(request, entry), "begins=yes"]))

    def _end(self, ended: object, request: WebRequest) -> None:
        entry = self._entries.pop(request)
        if not _is_of_interest(request):
            return
        words = [*_about(request, entry), f"status={request.code}"]
        if entry.counter is not None and request.code == 200:
            words.append(f"lines={_lines_sent(request, entry.counter)}")
        words.append(f"bytes={request.sentLength}")
        if isinstance(ended, Failure):
            words.append("broken_off=yes")
        self._write(" ".join(words))


def _count_written(request: WebRequest, counter: LineCounter) -> None:
    write = request.write

    def counting(data: bytes) -> None:
        counter.add(data)
        write(data)

    # Before what is written is packed.
    request.write = counting  # type: ignore[method-assign]


def _lines_sent(request: WebRequest, counter: LineCounter) -> int:
    kinds = request.responseHeaders.getRawHeaders("Content-Type", [""])
    has_head = kinds[0].startswith("text/csv")
    return max(0, counter.lines - has_head)


def _is_of_interest(request: WebRequest) -> bool:
    """Return whether a request is logged: pages and files are not, unless they are refused."""
    path = request.path.decode("latin-1")
    endpoint = BY_PATH.get(path)
    if endpoint is not None and endpoint.open:
        return False
    return (
        request.code >= 400 or path.startswith("/api/") or request.method not in (b"GET", b"HEAD")
    )


def _about(request: WebRequest, entry: _Entry) -> Iterator[str]:
    reader = entry.reader
    address = getattr(request.getClientAddress(), "host", None)
    yield f"audit reader={_quoted(reader.name) if reader is not None else 'none'}"
    yield f"address={_quoted(address or 'local')}"
    yield f"method={_quoted(request.method.decode('latin-1'))}"
    path, _, query = request.uri.decode("latin-1").partition("?")
    yield f"path={_quoted(path)}"
    endpoint = BY_PATH.get(path)
    known = PARAMETERS_OF_PARTS
    if endpoint is not None:
        known = frozenset(one.name for one in endpoint.parameters)
    for name, value in parse_qsl(query, errors="replace"):
        if name in known:
            yield f"{name}={_quoted(value)}"


def _quoted(text: str) -> str:
    return json.dumps(text)
