"""A node over HTTP: a connection for each question, bounded in time and in what is kept of its answer.

Plain blocking sockets: a thread waits for each node. `stop`, from another thread, ends the wait.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import isnan
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.outside_json import parse_json
from logsrv.kit.web.deadline import Deadline, TooSlow
from logsrv.linelog.http.nodes.address import NodeAddress
from logsrv.linelog.http.nodes.answer import (
    NodeLine,
    NotALine,
    line_of,
    moment_of,
    parse_line,
    time_of,
)
from logsrv.linelog.http.nodes.body import LONGEST, NodeFailure, body_of, lines_of, pieces
from logsrv.linelog.http.nodes.spans import EARLIEST, LATEST, TimeSpan
from logsrv.linelog.store.segments.segment import Position

CONNECTING = 5.0
LARGEST_WINDOW = 64 << 20
LARGEST_NUMBERS = 16 << 20
PATIENCE = 4
_LONGEST_PAUSE = 10.0
_NO_JSON = "it answers with something that is no JSON"


class TooMany(Exception):
    """The answer is larger than it may be. moments: those of the lines that came."""

    def __init__(self, moments: list[int]) -> None:
        super().__init__()
        self.moments = moments


@attrs.frozen
class NodeQuestion:
    """A search, without its span: the query, the pattern of sources, and whether the newest come first."""

    query: str
    source: str = ""
    reverse: bool = False


@attrs.frozen
class Room:
    """The size of an answer: lines, and bytes of their JSON."""

    lines: int
    bytes: int


def tls_context(ca: Path | str | None) -> ssl.SSLContext:
    """Return what verifies nodes: by the system's authorities, or those of a file.

    Raises ConfigurationError.
    """
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"--nodes-ca {ca}: {_why(error)}") from error


class NodeClient:
    """A node, asked about one search. seconds: the longest silence. name: it in what is told."""

    def __init__(
        self,
        address: NodeAddress,
        *,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        seconds: float,
        longest: float = LONGEST,
        name: str = "",
    ) -> None:
        """Raises ConfigurationError for a token that others would see."""
        if token is not None and not address.tls and not address.is_local:
            raise ConfigurationError(
                f"{address} is not encrypted, and others would see the token; write https://"
            )
        self.address = address
        self.name = name or str(address)
        self._token = token
        self._tls = tls
        self._seconds = seconds
        self._longest = longest
        self._stopped = threading.Event()
        self._connection: http.client.HTTPConnection | None = None

    def lines(self, question: NodeQuestion, span: TimeSpan, room: Room) -> list[NodeLine]:
        """Return the lines of a span, in the order of the store. Raises NodeFailure and TooMany."""
        asked: dict[str, Any] = {
            "q": question.query,
            "source": question.source,
            "limit": room.lines + 1,
            "reverse": int(question.reverse),
        }
        if span.begin > EARLIEST:
            asked["since"] = time_of(span.begin)
        if span.end < LATEST:
            asked["until"] = time_of(span.end)
        with self._answer("/api/search", asked, "application/x-ndjson") as response:
            found = self._read(response, span, room)
        return found[::-1] if question.reverse else found

    def found(self, asked: Mapping[str, Any]) -> Iterator[NodeLine]:
        """Yield the lines of a search as they come, in the order in which they come. Raises NodeFailure."""
        with self._answer("/api/search", asked, "application/x-ndjson") as response:
            before = EARLIEST
            for data in lines_of(pieces(response)):
                line = parse_line(data, before)
                before = line.moment
                yield line

    def numbers(self, endpoint: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the object with which an endpoint answers, whatever is in it. Raises NodeFailure."""
        return self._object(f"/api/{endpoint}", asked, LARGEST_NUMBERS)

    def times(self) -> tuple[str, str]:
        """Return the TIMEs of the oldest and of the newest line, "" for none. Raises NodeFailure."""
        found = self.numbers("stats", {})
        try:
            oldest, newest = (found[name] or "" for name in ("oldest", "newest"))
            for time in filter(None, (oldest, newest)):
                moment_of(time)
            return oldest, newest
        except (ValueError, TypeError, KeyError):
            raise NodeFailure(_NO_JSON) from None

    def around(self, position: Position, before: int, after: int) -> list[NodeLine]:
        """Return a line with its neighbours; none if no line begins there. Raises NodeFailure."""
        asked = {"position": str(position), "before": before, "after": after}
        found: list[NodeLine] = []
        try:
            lines = self._object("/api/show", asked, LARGEST_WINDOW)["lines"]
            for one in lines:
                found.append(line_of(one, found[-1].moment if found else EARLIEST))
        except NotALine as error:
            raise NodeFailure(str(error)) from None
        except NodeFailure as error:
            if error.status == 404:
                return []
            raise
        except (TypeError, KeyError):
            raise NodeFailure(_NO_JSON) from None
        return found

    def stop(self) -> None:
        """End what is under way; it fails then."""
        self._stopped.set()
        connection = self._connection
        made = connection.sock if connection is not None else None
        if made is not None:
            with suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)

    def _object(self, path: str, asked: Mapping[str, Any], largest: int) -> dict[str, Any]:
        with self._answer(path, asked, "application/json") as response, self._deadline():
            body = body_of(response, largest)
        try:
            found = parse_json(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise NodeFailure(_NO_JSON)
        return found

    def _read(
        self, response: http.client.HTTPResponse, span: TimeSpan, room: Room
    ) -> list[NodeLine]:
        found: list[NodeLine] = []
        size = 0
        before = max(span.begin, EARLIEST)
        for data in lines_of(pieces(response)):
            line = parse_line(data, before)
            before = line.moment
            if not span.begin <= line.moment < span.end:
                raise NodeFailure(
                    f"it answers with a line of {time_of(line.moment)}, not asked for"
                )
            found.append(line)
            size += len(data)
            if len(found) > room.lines or (size > room.bytes and len(found) > 1):
                raise TooMany([one.moment for one in found])
        return found

    @contextmanager
    def _answer(
        self, path: str, asked: Mapping[str, Any], kind: str
    ) -> Iterator[http.client.HTTPResponse]:
        try:
            with self._deadline():
                response = self._asked(path, asked)
            try:
                self._judge(response, kind)
                yield response
            finally:
                response.close()
        except NotALine as error:
            raise NodeFailure(str(error)) from None
        except TimeoutError:
            raise NodeFailure(f"it said nothing for {self._seconds:g} s") from None
        except TooSlow:
            raise NodeFailure(f"its answer takes longer than {self._longest:g} s") from None
        except http.client.IncompleteRead:
            raise NodeFailure("its answer broke off") from None
        except http.client.HTTPException as error:
            raise NodeFailure(f"it does not speak HTTP: {_why(error)}") from None
        except OSError as error:
            raise NodeFailure(f"its answer broke off: {_why(error)}") from None
        finally:
            self._close()

    def _deadline(self) -> Deadline:
        """Return the limit of a part of an exchange."""
        return Deadline(lambda: self._connection, self._longest)

    def _asked(self, path: str, asked: Mapping[str, Any]) -> http.client.HTTPResponse:
        headers = {"Accept-Encoding": "identity", "Connection": "close"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        for attempt in range(PATIENCE + 1):
            connection = self._connected()
            connection.request("GET", f"{path}?{urlencode(asked)}", headers=headers)
            response = connection.getresponse()
            if response.status != 429 or attempt == PATIENCE:
                return response
            pause = _pause(response.getheader("Retry-After"))
            response.close()
            self._close()
            self._stopped.wait(pause)
        raise AssertionError

    def _connected(self) -> http.client.HTTPConnection:
        """Return a connection that is made. Raises NodeFailure."""
        host, port = self.address.host, self.address.port
        made: http.client.HTTPConnection
        if self.address.tls:
            made = http.client.HTTPSConnection(host, port, timeout=CONNECTING, context=self._tls)
        else:
            made = http.client.HTTPConnection(host, port, timeout=CONNECTING)
        self._connection = made
        try:
            made.connect()
        except TimeoutError:
            what = "it cannot be reached" if made.sock is None else "it does not begin TLS"
            raise NodeFailure(f"{what} within {CONNECTING:g} s") from None
        except ssl.SSLCertVerificationError as error:
            why = one_line(error.verify_message or str(error), 200).rstrip(".")
            raise NodeFailure(
                f"its certificate is refused: {why}; --nodes-ca names others"
            ) from None
        except ssl.SSLError as error:
            raise NodeFailure(f"TLS with it failed: {_why(error)}") from None
        except OSError as error:
            raise NodeFailure(f"it cannot be reached: {_why(error)}") from None
        made.sock.settimeout(self._seconds)
        if self._stopped.is_set():
            raise NodeFailure("it was not waited for")
        return made

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _judge(self, response: http.client.HTTPResponse, kind: str) -> None:
        """Raise NodeFailure unless this is an answer of a daemon."""
        status = response.status
        given = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
        if status == 200 and given == kind:
            if response.length is None and not response.chunked:
                # An answer that is cut off would look whole.
                raise NodeFailure("it does not say where its answer ends")
            return
        if status == 200:
            raise NodeFailure(f"it answers with {one_line(given, 60) or 'nothing'}, not with lines")
        if status == 401:
            sent = (
                "refuses the token" if self._token else "asks for a token; --nodes-token-file FILE"
            )
            raise NodeFailure(f"it {sent}")
        if 300 <= status < 400:
            raise NodeFailure(f"it sends elsewhere ({status}), where nobody is followed to")
        raise NodeFailure(f"it answers {status}{_said(response.read(1 << 16))}", status)


def _said(body: bytes) -> str:
    """Return what a refusal says, if it is one of a daemon."""
    try:
        return f": {one_line(json.loads(body)['error'], 300)}"
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""


def _pause(text: str | None) -> float:
    try:
        asked = float(text or 1)
    except ValueError:
        return 1.0
    return 1.0 if isnan(asked) else min(max(asked, 0.1), _LONGEST_PAUSE)


def _why(error: Exception) -> str:
    said = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return one_line(str(said) or type(error).__name__, 200).rstrip(".").lower()
