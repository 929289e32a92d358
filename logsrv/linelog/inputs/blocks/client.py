"""A centre that gives out what it has, asked over HTTP: a connection that is made again when it breaks.

Plain blocking sockets. Each piece is compared with its checksum. A request that fails for the moment is
made again a few times; a copy that was given up can go on later with the pieces that came.
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
from logsrv.kit.text.outside_json import refusal_in
from logsrv.kit.web.deadline import Deadline, TooSlow
from logsrv.linelog.inputs.blocks.state import PATH, PIECE, CentreState, decode
from logsrv.linelog.ship.address import ShipURL

SECONDS = 30.0
"""The longest silence."""
LONGEST = 600.0
"""Seconds for one answer, which has 4 MiB: it may come byte by byte."""
PAUSES = (0.1, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each further try."""
LARGEST_STATE = 32 << 20
"""Bytes of a state: 500,000 segments have as much."""
_READ = 1 << 18
_CRC = re.compile(r"[0-9a-f]{8}")
_SAID = 1 << 16
_SOON = (429, 502, 503, 504)


class CentreError(LogsrvError):
    """The centre cannot be reached, does not answer as one, or refuses."""


class GoneError(CentreError):
    """The centre does not have it, or not any more."""


class UnreadableError(CentreError):
    """The centre cannot read it from its disk."""


class _Again(Exception):
    """The question may be answered later."""


@attrs.define(eq=False, kw_only=True)
class CentreClient:
    """The centre at a URL that ends in `/blocks`. token: that of `--restore-token-file` there."""

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
        """The address, as it may be shown."""
        return one_line(self._url.place)

    def state(self) -> CentreState:
        """Return what it has now. Raises CentreError."""
        data = self._asked("", None, LARGEST_STATE)
        try:
            return decode(data)
        except ValueError as error:
            raise CentreError(f"{self.place} says what it has, and {error}") from None

    def piece(self, name: str, begin: int, end: int) -> bytes:
        """Return a part of a file, or of the text of a segment by its number; or the beginning of that.

        Raises CentreError, and GoneError if the centre does not have it.
        """
        end = min(end, begin + PIECE)
        return self._asked(f"/{name}", f"bytes={begin}-{end - 1}", end - begin)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _asked(self, path: str, part: str | None, most: int) -> bytes:
        headers = {"Accept-Encoding": "identity"}
        if part is not None:
            headers["Range"] = part
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        for pause in (*self._pauses, None):
            try:
                with Deadline(lambda: self._connection, self._longest):
                    return self._answered(f"{self._url.path}/{PATH}{path}", headers, most)
            except TooSlow:
                self.close()
                raise CentreError(
                    f"{self.place} takes longer than {self._longest:g} s for an answer; give the same"
                    " command again to go on"
                ) from None
            except ssl.SSLCertVerificationError as error:
                self.close()
                why = one_line(error.verify_message or str(error), 200)
                raise CentreError(f"the certificate of {self.place} is refused: {why}") from None
            except (OSError, http.client.HTTPException, _Again) as error:
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

    def _answered(self, target: str, headers: Mapping[str, str], most: int) -> bytes:
        if self._connection is None:
            self._connection = self._made()
        self._connection.request("GET", target, headers=headers)
        response = self._connection.getresponse()
        status = response.status
        if status not in (200, 206):
            raise self._refused(status, response.read(_SAID))
        too_much = (response.length or 0) > most
        data = b"" if too_much else _body(response, most + 1)
        if not too_much and response.length and len(data) <= most:
            raise _Again("its answer broke off")
        if not 0 < len(data) <= most:
            raise CentreError(f"{self.place} gives more or less than it was asked for")
        if "Range" in headers:
            crc = response.getheader("Logsrv-CRC", "")
            if status != 206 or not _CRC.fullmatch(crc):
                raise CentreError(f"{self.place} does not answer as a centre does")
            if zlib.crc32(data) != int(crc, 16):
                raise _Again("what came has another checksum than it was sent with")
        return data

    def _made(self) -> http.client.HTTPConnection:
        host, port = self._url.host, self._url.port
        if self._url.tls:
            return http.client.HTTPSConnection(host, port, timeout=self._seconds, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=self._seconds)

    def _refused(self, status: int, body: bytes) -> Exception:
        said = refusal_in(body)
        if status in _SOON:
            return _Again(f"it answers with {status}{said}")
        if status == 401:
            return CentreError(
                f"{self.place} refuses the token: --token-file names the file that has what"
                " --restore-token-file has there"
            )
        if status == 404 and said:
            return GoneError(f"{self.place} answers{said}")
        if status == 500:
            return UnreadableError(f"{self.place} answers{said}")
        redirect = ", and redirects are not followed" if 300 <= status < 400 else ""
        return CentreError(f"{self.place} answers with {status}{said}{redirect}")


def _body(response: http.client.HTTPResponse, most: int) -> bytes:
    """Return so many bytes of an answer, or all; memory is taken for those that have come."""
    found = bytearray()
    while len(found) < most and (piece := response.read(min(_READ, most - len(found)))):
        found += piece
    return bytes(found)
