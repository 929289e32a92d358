"""A client for one node over HTTP, with a connection for each request.

Its sockets block, so `gather` has a thread for each node, and limits the time. Another thread can end the
wait with `stop_request`.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.outside_json import error_suffix_of
from logsrv.linelog.http.nodes.address import NodeAddress
from logsrv.linelog.http.nodes.answer import Body, NodeFailure

CONNECTING = 5.0
PATIENCE = 4
PAUSE = 1.0
_PIECE = 1 << 16


@attrs.frozen
class NodeAccess:
    """The address of a node and its credentials. Raises ConfigurationError.

    name: the node's name in messages. token: never sent unencrypted to another machine. ca: a file of
    certificate authorities that replaces the system's.
    """

    name: str
    address: NodeAddress
    token: str | None = attrs.field(default=None, repr=False)
    ca: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.token is not None and not self.address.tls and not self.address.is_local:
            raise ConfigurationError(
                f"{self.address} is not encrypted, and others would see the token; write https://"
            )


def node_tls_context(ca: Path | str | None) -> ssl.SSLContext:
    """Return the TLS context that verifies nodes: by the system's authorities, or by those of a file.

    Raises ConfigurationError.
    """
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"--nodes-ca {ca}: {_error_text(error)}") from error


_known_context = cache(node_tls_context)


class NodeClient:
    """A client of one node for one search. seconds: the longest time without data from the node."""

    def __init__(self, access: NodeAccess, seconds: float) -> None:
        self.name = access.name
        self._access = access
        self._seconds = seconds
        self._stopped = threading.Event()
        self._connection: http.client.HTTPConnection | None = None

    def answer_pieces(self, endpoint: str, asked: Mapping[str, Any]) -> Body:
        """Yield the answer of an endpoint as it arrives. Raises NodeFailure."""
        given = {name: value for name, value in asked.items() if value not in (None, "")}
        kind = "application/x-ndjson" if endpoint == "search" else "application/json"
        try:
            with closing(
                self._request_with_retries(f"/api/{endpoint}?{urlencode(given)}")
            ) as response:
                self._check_response(response, kind)
                # Not `readline`: it would treat an answer that breaks off between two chunks as complete.
                while data := response.read1(_PIECE):
                    yield data
                if response.length:
                    raise NodeFailure("its answer broke off")
        except TimeoutError:
            raise NodeFailure(f"it said nothing for {self._seconds:g} s") from None
        except http.client.IncompleteRead:
            raise NodeFailure("its answer broke off") from None
        except http.client.HTTPException as error:
            raise NodeFailure(f"it does not speak HTTP: {_error_text(error)}") from None
        except OSError as error:
            raise NodeFailure(f"its answer broke off: {_error_text(error)}") from None
        finally:
            self._close()

    def is_responding(self) -> bool:
        """Return whether the daemon answers /healthz: a search may take long to find its first line."""
        try:
            with closing(self._connect()) as connection:
                connection.request("GET", "/healthz")
                connection.getresponse().close()
        except (NodeFailure, http.client.HTTPException, OSError):
            return False
        return True

    def stop_request(self) -> None:
        """Make the request that is under way fail."""
        self._stopped.set()
        connection = self._connection
        made = connection.sock if connection is not None else None
        if made is not None:
            with suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)

    def _request_with_retries(self, target: str) -> http.client.HTTPResponse:
        headers = {"Accept-Encoding": "identity", "Connection": "close"}
        if self._access.token is not None:
            headers["Authorization"] = f"Bearer {self._access.token}"
        patience = PATIENCE
        while True:
            self._connection = self._connect()
            self._connection.request("GET", target, headers=headers)
            response = self._connection.getresponse()
            if response.status != 429 or not patience:
                return response
            patience -= 1
            response.close()
            self._close()
            self._stopped.wait(PAUSE)

    def _connect(self) -> http.client.HTTPConnection:
        """Return an open connection. Raises NodeFailure."""
        host, port = self._access.address.host, self._access.address.port
        made: http.client.HTTPConnection
        if self._access.address.tls:
            context = _known_context(self._access.ca)
            made = http.client.HTTPSConnection(host, port, timeout=CONNECTING, context=context)
        else:
            made = http.client.HTTPConnection(host, port, timeout=CONNECTING)
        try:
            made.connect()
        except TimeoutError:
            what = "it cannot be reached" if made.sock is None else "it does not begin TLS"
            raise NodeFailure(f"{what} within {CONNECTING:g} s") from None
        except ssl.SSLCertVerificationError as error:
            why = one_line(error.verify_message or str(error), 200).rstrip(".")
            raise NodeFailure(
                f"its certificate is refused: {why}; --nodes-ca FILE gives other authorities"
            ) from None
        except ssl.SSLError as error:
            raise NodeFailure(f"TLS with it failed: {_error_text(error)}") from None
        except OSError as error:
            raise NodeFailure(f"it cannot be reached: {_error_text(error)}") from None
        made.sock.settimeout(self._seconds)
        if self._stopped.is_set():
            raise NodeFailure("the search ended before it answered")
        return made

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _check_response(self, response: http.client.HTTPResponse, kind: str) -> None:
        """Raise NodeFailure unless the response has status 200 and the media type `kind`.

        It must also tell where its body ends: by a length, or by chunks.
        """
        status = response.status
        given = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
        if status == 200 and given == kind:
            if response.length is None and not response.chunked:
                # An answer without a length looks complete even if it broke off.
                raise NodeFailure("it does not say where its answer ends")
            return
        if status == 200:
            raise NodeFailure(f"it answers with {one_line(given, 60) or 'nothing'}, not with lines")
        if status == 401:
            sent = "refuses the token" if self._access.token else "asks for a token"
            hint = "" if self._access.token else "; --nodes-token-file FILE"
            raise NodeFailure(f"it {sent}{hint}")
        if 300 <= status < 400:
            raise NodeFailure(f"it redirects ({status}), and redirects are not followed")
        raise NodeFailure(f"it answers {status}{error_suffix_of(response.read(1 << 16))}", status)


def _error_text(error: Exception) -> str:
    said = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return one_line(str(said) or type(error).__name__, 200).rstrip(".").lower()
