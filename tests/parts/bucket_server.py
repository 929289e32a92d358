"""A small S3 server on a real socket, for tests that make its answers wrong or late.

It keeps objects in memory, accepts any signature, and has the requests that archives use: PUT with
If-None-Match, GET of ranges, DELETE, and lists. `BucketServer.faults` may answer instead.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

import attrs
import pytest

from tests.parts.waits import join

BUCKET = "logs"
KEYS = {"AWS_ACCESS_KEY_ID": "AKEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
_PAGE = 1000


def set_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the keys of the server's buckets for this process, and for what it starts."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@attrs.frozen
class Asked:
    """A request. range: its Range header, "" if none. headers: by names in lower case."""

    method: str
    key: str
    range: str
    headers: dict[str, str]


@attrs.frozen
class Answer:
    """An answer: status, body and headers."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = attrs.Factory(dict)


def error(status: int, code: str, message: str = "") -> Answer:
    """Return an error in the form of S3."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    body = f"{head}<Error><Code>{code}</Code><Message>{escape(message or code)}</Message></Error>"
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


Fault = Callable[[Asked], Answer | None]


class BucketServer:
    """An S3 server with one bucket, on a port of 127.0.0.1. asked: all requests so far.

    faults: called in turn with each request; the first that returns an answer replaces the right one.
    change: called with key and content of each object that is read; returns the content to send.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.change: Callable[[str, bytes], bytes] = lambda _, data: data
        self._lock = threading.Lock()
        server = self

        class Handler(_Handler):
            bucket = server

        self._http = _Server(("127.0.0.1", 0), Handler)
        self._scheme = "http"
        if context is not None:
            self._scheme = "https"
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """Return the URL of the server."""
        return f"{self._scheme}://127.0.0.1:{self._http.server_address[1]}"

    def url(self, prefix: str = "archive") -> str:
        """Return the URL of an archive in the bucket, as logsrv takes it."""
        return f"s3://{BUCKET}/{prefix}?endpoint={self.endpoint}&region=eu-central-1"

    def forget(self) -> None:
        """Forget the requests recorded so far."""
        self.asked.clear()

    def hang_up(self) -> None:
        """End the connections that clients keep for the next request, as obstore does for 90 seconds."""
        self._http.hang_up()

    def close(self) -> None:
        """Stop the server."""
        self._http.shutdown()
        self._http.server_close()
        join(self._thread)

    def begin(self, method: str, key: str, headers: dict[str, str]) -> Asked:
        found = Asked(method, key, headers.get("range", ""), headers)
        self.asked.append(found)
        return found

    def answer(self, asked: Asked, query: dict[str, list[str]], body: bytes) -> Answer:
        for fault in self.faults:
            found = fault(asked)
            if found is not None:
                return found
        if asked.method == "PUT":
            return self._put(asked, body)
        if asked.method == "POST" and "delete" in query:
            return self._delete(body)
        if not asked.key:
            return self._list(query)
        return self._get(asked)

    def _put(self, asked: Asked, body: bytes) -> Answer:
        with self._lock:
            if asked.headers.get("if-none-match") == "*" and asked.key in self.objects:
                return error(412, "PreconditionFailed")
            self.objects[asked.key] = body
        return Answer(200, b"", {"ETag": '"1"'})

    def _delete(self, body: bytes) -> Answer:
        keys = [unescape(one) for one in re.findall(r"<Key>([^<]*)</Key>", body.decode())]
        with self._lock:
            for key in keys:
                self.objects.pop(key, None)
        found = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        return Answer(200, f"<DeleteResult>{found}</DeleteResult>".encode())

    def _get(self, asked: Asked) -> Answer:
        if asked.key not in self.objects:
            return error(404, "NoSuchKey", "The specified key does not exist.")
        data = self.change(asked.key, self.objects[asked.key])
        headers = {"ETag": '"1"', "Last-Modified": "Fri, 20 Nov 2026 06:18:42 GMT"}
        if not asked.range:
            return Answer(200, data, headers)
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.range)
        assert found is not None
        start, end = int(found[1]), min(int(found[2] or len(data)), len(data) - 1)
        if start >= len(data):
            return error(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
        return Answer(206, data[start : end + 1], headers)

    def _list(self, query: dict[str, list[str]]) -> Answer:
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        behind = query.get("continuation-token", query.get("start-after", [""]))[0]
        entries: dict[str, str] = {}
        for key in sorted(self.objects):
            rest = key.removeprefix(prefix)
            if not key.startswith(prefix) or key <= behind:
                continue
            if delimiter and delimiter in rest:
                folder = prefix + rest.partition(delimiter)[0] + delimiter
                entries[folder] = f"<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"
            else:
                entries[key] = (
                    f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
                    "<LastModified>2026-11-20T06:18:42.000Z</LastModified></Contents>"
                )
        page = sorted(entries)[:_PAGE]
        more = len(entries) > _PAGE
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        body = (
            f"<ListBucketResult><Name>{BUCKET}</Name><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"<KeyCount>{len(page)}</KeyCount>{token}{''.join(entries[one] for one in page)}"
            "</ListBucketResult>"
        )
        return Answer(200, body.encode(), {"Content-Type": "application/xml"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *how: Any) -> None:
        self._connections: set[Any] = set()
        super().__init__(*how)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        self.hang_up()

    def hang_up(self) -> None:
        """End the connections that clients keep for the next request."""
        for one in self._connections.copy():
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    bucket: BucketServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        key = unquote(url.path).removeprefix(f"/{BUCKET}").removeprefix("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = self.bucket.begin(self.command, key, headers)
        found = self.bucket.answer(asked, parse_qs(url.query, keep_blank_values=True), body)
        self.send_response(found.status)
        for name, value in found.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(found.body)))
        self.end_headers()
        self.wfile.write(found.body)

    do_GET = do_PUT = do_POST = _do

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running(context: ssl.SSLContext | None = None) -> Iterator[BucketServer]:
    """Run a server until the end of the block. context: for TLS."""
    server = BucketServer(context)
    try:
        yield server
    finally:
        server.close()
