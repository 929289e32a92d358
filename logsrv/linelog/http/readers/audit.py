"""The audit log: a line for each query, download, change, log-in and refusal, with the reader's name.

    audit reader="alice" address="192.0.2.7" method="GET" path="/api/search" q="level>=error" limit="10"
    status=200 lines=10 bytes=4711

It is a line of the server's own log, in pairs that logsrv itself reads as fields. Whatever a client chooses
stands in quotation marks, as JSON in ASCII: no query can end the line or look like a pair. Tokens are in no
part of it: they come in headers and forms, and of an address only known parameters are logged. What is
longer than any request that is answered is cut, because clients without a token are logged, too.

Those can cause a limited number of lines (refusal_limit.py), and the number of further ones is logged.

A live view has two lines: one when it begins, with `begins=yes`, and one at its end with what was sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import attrs
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.kit.web.access import client_key
from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.endpoints import BY_PATH, LONGEST_QUERY
from logsrv.linelog.http.readers.reader import Reader
from logsrv.linelog.http.readers.refusal_limit import RefusalLimit

log = Logger()

PARAMETERS_OF_PARTS = frozenset(("alert", "since", "until"))
"""Parameters that are logged of endpoints of other parts."""
# Characters of a text, and parameters, in the line of a reader and of somebody without a right token.
_LONGEST, _LONGEST_OF_STRANGERS = LONGEST_QUERY, 200
_MOST_PARAMETERS, _MOST_OF_STRANGERS = 30, 5
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


class RowCounter(LineCounter):
    """Counts the rows of an answer in CSV: a line feed in a value, which is quoted then, ends no row."""

    def __init__(self) -> None:
        super().__init__(b"\n")
        self._is_quoted = False

    def add(self, data: bytes) -> None:
        parts = data.split(b'"')
        self.lines += sum(part.count(b"\n") for part in parts[self._is_quoted :: 2])
        self._is_quoted ^= len(parts) % 2 == 0


@attrs.define
class _Entry:
    """The known facts of a request.

    named: whom a proxy has named, if that is no reader. counter: of the lines in its answer, once it has
    begun.
    """

    counts_lines: bool
    reader: Reader | None = None
    named: str | None = None
    counter: LineCounter | None = None


class AuditLog:
    """Logs the requests of a web server, while it is on. is_on: of the requests that begin from now on."""

    def __init__(self, reactor: Any, write: Callable[[str], object] | None = None) -> None:
        self.is_on = False
        self._write = write or (lambda line: log.info("{line}", line=line))
        self._limit = RefusalLimit(reactor, self._write)
        self._entries: dict[WebRequest, _Entry] = {}

    def begin(self, request: WebRequest) -> None:
        """Begin with a request, whose line is logged when it is answered."""
        if not self.is_on:
            return
        mark = _LINES_OF.get(request.path.decode("latin-1"))
        entry = self._entries[request] = _Entry(counts_lines=mark is not None)
        if mark is not None:
            _count_written(request, entry, mark)
        request.notifyFinish().addBoth(self._end, request)

    def note_reader(self, request: WebRequest, reader: Reader) -> None:
        """Note who asks."""
        if (entry := self._entries.get(request)) is not None:
            entry.reader = reader

    def note_unknown(self, request: WebRequest, name: str) -> None:
        """Note a name that a proxy has given, and that no reader has."""
        if (entry := self._entries.get(request)) is not None:
            entry.named = name

    def write_begin(self, request: WebRequest) -> None:
        """Log a request whose answer may last for days."""
        if (entry := self._entries.get(request)) is not None:
            self._write(" ".join([*_about(request, entry), "begins=yes"]))

    def stop(self) -> None:
        """Log what was counted since the last count."""
        self._limit.write_count()

    def _end(self, ended: object, request: WebRequest) -> None:
        entry = self._entries.pop(request)
        if not _is_of_interest(request):
            return
        if entry.reader is None and not self._limit.admits(_client_of(request, entry)):
            return
        words = [*_about(request, entry), f"status={request.code}"]
        if entry.counts_lines and request.code == 200:
            words.append(f"lines={_lines_sent(request, entry.counter)}")
        words.append(f"bytes={request.sentLength}")
        if isinstance(ended, Failure):
            words.append("broken_off=yes")
        self._write(" ".join(words))


def _count_written(request: WebRequest, entry: _Entry, mark: bytes) -> None:
    write = request.write

    def counting(data: bytes) -> None:
        if entry.counter is None:
            entry.counter = RowCounter() if _is_csv(request) else LineCounter(mark)
        entry.counter.add(data)
        write(data)

    # Before what is written is packed.
    request.write = counting  # type: ignore[method-assign]


def _lines_sent(request: WebRequest, counter: LineCounter | None) -> int:
    return 0 if counter is None else max(0, counter.lines - _is_csv(request))


def _is_csv(request: WebRequest) -> bool:
    kinds: Sequence[str] = request.responseHeaders.getRawHeaders("Content-Type", [""])
    return kinds[0].startswith("text/csv")


def _client_of(request: WebRequest, entry: _Entry) -> str:
    """Return who has caused a refusal: an address, or somebody whom a proxy at that address has named."""
    client = client_key(getattr(request.getClientAddress(), "host", None))
    return client if entry.named is None else f"{client} {entry.named}"


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
    longest, most = (
        (_LONGEST, _MOST_PARAMETERS)
        if reader is not None
        else (_LONGEST_OF_STRANGERS, _MOST_OF_STRANGERS)
    )
    address = getattr(request.getClientAddress(), "host", None)
    yield f"audit reader={_quoted(reader.name) if reader is not None else 'none'}"
    if entry.named is not None:
        yield f"named={_quoted(entry.named)}"
    yield f"address={_quoted(address or 'local')}"
    yield f"method={_quoted(request.method.decode('latin-1')[:longest])}"
    path, _, query = request.uri.decode("latin-1").partition("?")
    yield f"path={_quoted(path[:longest])}"
    endpoint = BY_PATH.get(path)
    known = PARAMETERS_OF_PARTS
    if endpoint is not None:
        known = frozenset(one.name for one in endpoint.parameters)
    parameters = (one for one in parse_qsl(query, errors="replace") if one[0] in known)
    for name, value in islice(parameters, most):
        yield f"{name}={_quoted(value[:longest])}"


def _quoted(text: str) -> str:
    return json.dumps(text)
