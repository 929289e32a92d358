"""The HTTP client that copies a centre, with plain blocking sockets; it connects again after a failure.

Each piece is compared with its checksum. A request with a temporary failure is repeated a few times; an
interrupted copy can go on later.
"""

from __future__ import annotations

import http.client
import re
import ssl
import zlib
from collections.abc import Callable, Mapping, Sequence

import attrs

from logsrv.errors import LogsrvError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.outside_json import error_suffix_of
from logsrv.kit.web.deadline import ConnectionDeadline, ExchangeTooSlow
from logsrv.linelog.inputs.blocks.state import PATH, PIECE, CentreState, decode_state
from logsrv.linelog.ship.address import ShipURL

SECONDS = 30.0
"""Longest silence of the centre, in seconds."""
LONGEST = 600.0
"""Longest time for one answer of up to 4 MiB, in seconds, because it may come byte by byte."""
PAUSES = (0.1, 0.5, 1.0, 2.0, 4.0)
"""Pause before each further try, in seconds."""
LARGEST_STATE = 32 << 20
"""Largest state in bytes, enough for 500,000 segments."""
_READ = 1 << 18
_CRC = re.compile(r"[0-9a-f]{8}")
_SAID = 1 << 16
_SOON = (429, 502, 503, 504)


class CentreError(LogsrvError):
    """The centre cannot be reached, is no centre, or refuses the request."""


class GoneError(CentreError):
    """The centre does not have the requested file, or has it no longer."""


class UnreadableError(CentreError):
    """The centre, the server to copy from, cannot read the requested file from its disk."""


class _TemporaryError(Exception):
    """A temporary failure: the request may succeed later."""


@attrs.define(eq=False, kw_only=True)
class CentreClient:
    """A client of the centre at a URL that ends in `/blocks`. token: as in its `--restore-token-file`."""

    _url: ShipURL
    _sleep: Callable[[float], object]
    _token: str | None = None
    _tls: ssl.SSLContext | None = None
    _seconds: float = SECONDS
    _longest: float = LONGEST
    _pauses: Sequence[float] = attrs.Factory(lambda: PAUSES)
    _connection: http.client.HTTPConnection | None = attrs.field(init=False, default=None)

    @property
    def place(self) -> str:
        """The address for messages, without secrets."""
        return one_line(self._url.loggable_url)

    def fetch_state(self) -> CentreState:
        """Fetch the centre's state now. Raises CentreError."""
        data = self._get_with_retries("", None, LARGEST_STATE)
        try:
            return decode_state(data)
        except ValueError as error:
            raise CentreError(f"{self.place} sends an invalid state: {error}") from None

    def fetch_piece(self, name: str, begin: int, end: int) -> bytes:
        """Fetch bytes from `begin` to `end` of a file, or of a segment's text by its number; perhaps fewer.

        Raises CentreError, and GoneError if the centre does not have it.
        """
        end = min(end, begin + PIECE)
        return self._get_with_retries(f"/{name}", f"bytes={begin}-{end - 1}", end - begin)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _get_with_retries(self, path: str, part: str | None, most: int) -> bytes:
        headers = {"Accept-Encoding": "identity"}
        if part is not None:
            headers["Range"] = part
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        for pause in (*self._pauses, None):
            try:
                with ConnectionDeadline(lambda: self._connection, self._longest):
                    return self._get_once(f"{self._url.path}/{PATH}{path}", headers, most)
            except ExchangeTooSlow:
                self.close()
                raise CentreError(
                    f"{self.place} takes longer than {self._longest:g} s for an answer; give the same"
                    " command again to go on"
                ) from None
            except ssl.SSLCertVerificationError as error:
                self.close()
                why = one_line(error.verify_message or str(error), 200)
                raise CentreError(f"the certificate of {self.place} is refused: {why}") from None
            except (OSError, http.client.HTTPException, _TemporaryError) as error:
                self.close()
                if pause is None:
                    why = one_line(str(error), 300) or type(error).__name__
                    raise CentreError(
                        f"{self.place}: {why}; give the same command again to go on"
                    ) from None
                self._sleep(pause)
            except CentreError:
                self.close()
                raise
        raise AssertionError

    def _get_once(self, target: str, headers: Mapping[str, str], most: int) -> bytes:
        if self._connection is None:
            self._connection = self._new_connection()
        self._connection.request("GET", target, headers=headers)
        response = self._connection.getresponse()
        status = response.status
        if status not in (200, 206):
            raise self._error_for(status, response.read(_SAID))
        too_much = (response.length or 0) > most
        data = b"" if too_much else _read_body(response, most + 1)
        if not too_much and response.length and len(data) <= most:
            raise _TemporaryError("its answer ended early")
        if not 0 < len(data) <= most:
            raise CentreError(f"{self.place} sends nothing, or more bytes than requested")
        if "Range" in headers:
            crc = response.getheader("Logsrv-CRC", "")
            if status != 206 or not _CRC.fullmatch(crc):
                raise CentreError(f"{self.place} does not answer as a centre does")
            if zlib.crc32(data) != int(crc, 16):
                raise _TemporaryError("the answer was damaged on its way: its checksum differs")
        return data

    def _new_connection(self) -> http.client.HTTPConnection:
        host, port = self._url.host, self._url.port
        if self._url.tls:
            return http.client.HTTPSConnection(host, port, timeout=self._seconds, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=self._seconds)

    def _error_for(self, status: int, body: bytes) -> Exception:
        said = error_suffix_of(body)
        if status in _SOON:
            return _TemporaryError(f"it answers with {status}{said}")
        if status == 401:
            return CentreError(
                f"{self.place} refuses the token: --token-file must name a file with the token of"
                " --restore-token-file there"
            )
        if status == 404 and said:
            return GoneError(f"{self.place} answers{said}")
        if status == 500:
            return UnreadableError(f"{self.place} answers{said}")
        redirect = ", and redirects are not followed" if 300 <= status < 400 else ""
        return CentreError(f"{self.place} answers with {status}{said}{redirect}")


def _read_body(response: http.client.HTTPResponse, most: int) -> bytes:
    """Return up to `most` bytes of an answer; takes memory only for received bytes."""
    found = bytearray()
    while len(found) < most and (piece := response.read(min(_READ, most - len(found)))):
        found += piece
    return bytes(found)
