"""An archive in a bucket of S3 or a compatible server, of Google or of Azure (package obstore)."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import obstore
from obstore import exceptions
from obstore.store import S3Store, from_url

from logsrv.kit.children.child_side import limit_extra_memory
from logsrv.kit.text.escape import one_line
from logsrv.linelog.objects.interface import ArchiveError, ObjectExists, ObjectMissing
from logsrv.linelog.objects.url import ArchiveURL

T = TypeVar("T")
RETRIES: Any = {
    "max_retries": 8,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=5),
        "base": 2,
    },
}
_CONNECT = timedelta(seconds=5)
_READ = timedelta(seconds=30)
# A request that writes or removes fails after this time, enough for a segment of 60 MB at 64 KB/s. Callers
# that wait for the request give up earlier.
_WRITE = timedelta(minutes=20)
_PIECE = 1 << 20
LISTED = 256 << 20
"""The most bytes of memory for the names of a listing: enough for 250,000 segments. More: ArchiveError."""
LONGEST = 600.0
"""The most seconds that a listing may take; then it raises ArchiveError."""
_EACH = 180
"""Bytes of memory that each name of a listing takes in addition to its characters."""
# Bytes of memory for an answer, in addition to the data asked for: obstore reads an error message to its
# end, however long it is. If that takes more, the process ends.
_ANSWER = 256 << 20
# Bytes of memory for a page of a listing (a thousand names) while obstore reads it. If a page has no end,
# the process ends when it has used up this memory.
_PAGE = 64 << 20
# The addresses that a machine or a container of Amazon asks for keys.
_ASKS_FOR_KEYS = re.compile(r"http://169\.254\.|/latest/(?:api|meta-data)/")
_WRONG_REGION = ("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed")
_NO_KEYS = (
    "there are no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file with KEY SECRET"
    " by ?key-file=FILE"
)
_WRONG_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken")


class BucketArchive:
    """The objects below a prefix of a bucket.

    key: `KEY SECRET`; None: read from the file that the URL names, else from the environment. ca: a file
    with the certificate authorities to trust in addition to the system's authorities.
    """

    # The id of the process that has used obstore; 0 for none.
    _process: ClassVar[int] = 0

    def __init__(self, url: ArchiveURL, key: str | None = None, ca: Path | None = None) -> None:
        self.address = url.address
        self._url = url
        self._key = key
        self._ca = ca or url.options.get("ca")
        self._stores: dict[timedelta, Any] = {}

    def _client_with_timeout(self, timeout: timedelta) -> Any:
        """Return obstore's store object with this timeout for a request. Raises ArchiveError."""
        self._refuse_forked_process()
        if timeout not in self._stores:
            self._stores[timeout] = self._make_client(timeout)
        return self._stores[timeout]

    def _refuse_forked_process(self) -> None:
        """Raise ArchiveError in a forked process, where obstore has no threads and would wait for ever."""
        if BucketArchive._process not in (0, os.getpid()):
            raise ArchiveError(
                f"{self.address}: a text was moved to this archive during the search; search again"
            )
        BucketArchive._process = os.getpid()

    def _make_client(self, timeout: timedelta) -> Any:
        client: Any = {"connect_timeout": _CONNECT, "timeout": timeout}
        url = self._url
        endpoint = url.options.get("endpoint", os.environ.get("AWS_ENDPOINT_URL", ""))
        try:
            if self._ca is not None:
                client["root_certificate"] = Path(self._ca).read_bytes()
            if endpoint.startswith("http://"):
                client["allow_http"] = True
            given: Any = {"client_options": client, "retry_config": RETRIES}
            if url.scheme != "s3":
                return from_url(url.address, **given)
            config = {
                name: value for name, value in url.options.items() if name in ("endpoint", "region")
            } | self._read_access_keys()
            prefix = url.path.removeprefix("/") or None
            return S3Store(bucket=url.bucket, prefix=prefix, config=config, **given)  # type: ignore[arg-type]
        except OSError as error:
            why = f"{one_line(str(error.filename))}: {error.strerror}"
            raise ArchiveError(f"{self.address}: {why}", settled=True) from error
        except (exceptions.BaseError, ValueError) as error:
            why = one_line(_without_debug(str(error)))
            raise ArchiveError(f"{self.address}: {why}", settled=True) from error

    def _read_access_keys(self) -> dict[str, str]:
        """Return the caller's keys or those in the key file; if empty, obstore takes the environment's.

        Raises OSError and ArchiveError.
        """
        text, file = self._key, self._url.options.get("key-file")
        if text is None and file is not None:
            text = Path(file).read_text(encoding="utf-8", errors="replace")
        if text is None:
            return {}
        words = text.split()
        if len(words) != 2:
            raise ArchiveError(
                f"{self.address}: the file with its keys must contain KEY SECRET, and nothing else",
                settled=True,
            )
        return {"access_key_id": words[0], "secret_access_key": words[1]}

    def names(self, prefix: str = "", after: str = "") -> list[str]:
        """Return the names of all objects whose names begin with `prefix`."""
        return list(self.sizes(prefix, after))

    def sizes(self, prefix: str, after: str = "", until: str = "") -> dict[str, int]:
        async def listed() -> dict[str, int]:
            found: dict[str, int] = {}
            room = LISTED
            # Pages come in order, so no page after `until` is asked for.
            async for page in obstore.list(reading, prefix or None, offset=after or None):
                # A faulty server may send the same names again and again.
                room -= sum(len(one["path"]) + _EACH for one in page)
                if room < 0:
                    raise self._endless_listing_error(prefix)
                wanted = [one for one in page if not until or one["path"] < until]
                found.update((one["path"], one["size"]) for one in wanted)
                if len(wanted) < len(page):
                    break
            return found

        reading = self._client_with_timeout(_READ)
        return self._run_listing(prefix, listed, LISTED + _PAGE)

    def top_folders(self) -> list[str]:
        """Return the parts before the first slash in the names of objects."""

        async def listed() -> Any:
            return await obstore.list_with_delimiter_async(reading)

        reading = self._client_with_timeout(_READ)
        found = self._run_listing("", listed, _PAGE)["common_prefixes"]
        return [one.rstrip("/") for one in found]

    def _run_listing(
        self, prefix: str, listed: Callable[[], Coroutine[Any, Any, T]], memory: int
    ) -> T:
        """Return the result of a listing, with at most `memory` bytes of memory. Raises ArchiveError."""
        with self._request(prefix, memory):
            # A server may send pages without names for ever; only the async interface can stop that.
            try:
                return asyncio.run(asyncio.wait_for(listed(), LONGEST))
            except TimeoutError:
                raise self._endless_listing_error(prefix) from None

    def _endless_listing_error(self, prefix: str) -> ArchiveError:
        where = f"{prefix} in {self.address}" if prefix else self.address
        return ArchiveError(f"{where}: its list of names does not end")

    def create(self, name: str, pieces: Iterable[bytes]) -> None:
        """Make an object by one request: all of it is in memory. Raises as `Archive.create` does."""
        data = bytearray()
        for piece in pieces:
            # To join them would take twice the memory.
            data += piece
        with self._request(name, _ANSWER + 2 * len(data)):
            client = self._client_with_timeout(_WRITE)
            obstore.put(client, name, data, mode="create", use_multipart=False)

    def remove(self, name: str) -> None:
        with suppress(ObjectMissing), self._request(name, _ANSWER):
            obstore.delete(self._client_with_timeout(_WRITE), name)

    def read(self, name: str, at: int = 0, size: int = -1) -> bytes:
        """Return a part of an object; b"" if the part is after its end."""
        if not size:
            return b""
        options: Any = {} if size < 0 and not at else {"range": {"offset": at}}
        if size >= 0:
            options["range"] = (at, at + size)
        with self._request(name, _ANSWER + 2 * max(0, size)):
            try:
                got = obstore.get(self._client_with_timeout(_READ), name, options=options)
                return _first_bytes(got.stream(min_chunk_size=_PIECE), size)
            except exceptions.BaseError as error:
                if _http_status(str(error)) == 416:
                    return b""
                raise

    @contextmanager
    def _request(self, name: str, memory: int) -> Iterator[None]:
        """Limit the memory for a request, and raise an ArchiveError for an error of obstore."""
        try:
            with limit_extra_memory(memory):
                yield
        except exceptions.AlreadyExistsError as error:
            raise ObjectExists(f"{self.address} has {name} already") from error
        except (exceptions.BaseError, OSError) as error:
            text = str(error)
            why, settled = _cause_and_settled(text, self._url)
            if isinstance(error, FileNotFoundError) and why is None:
                raise ObjectMissing(f"{self.address} has no {name}", settled=True) from error
            where = f"{name} in {self.address}" if name else self.address
            raise ArchiveError(
                f"{where}: {why or _short_message(text)}", settled=settled
            ) from error


def _first_bytes(pieces: Iterable[Any], size: int) -> bytes:
    """Return the first `size` bytes, or all if `size` is negative. A server may send too many."""
    data = bytearray()
    for piece in pieces:
        data += piece
        if 0 <= size <= len(data):
            del data[size:]
            break
    return bytes(data)


def _http_status(text: str) -> int:
    found = re.search(r"status code: (\d{3})", text)
    return int(found[1]) if found else 0


def _cause_and_settled(text: str, url: ArchiveURL) -> tuple[str | None, bool]:
    """Return a message for a known error, else None; and whether the error will not go away by itself."""
    said = _without_debug(text)
    found = re.search(r"<Code>([A-Za-z0-9]{1,64})</Code>", said)
    code, status = found[1] if found else "", _http_status(said)
    told = code or str(status)
    expected = re.search(r"expecting '([a-z0-9-]{1,64})'", said)
    region = expected[1] if expected else "NAME"
    distrusted = re.search(r"InvalidCertificate\(([\sA-Za-z({]*)", text)
    settled = {
        "its certificate is not trusted ({}): name the authority by ?ca=FILE".format(
            re.findall(r"\w+", distrusted[1])[-1] if distrusted else ""
        ): distrusted,
        _NO_KEYS: _ASKS_FOR_KEYS.search(said),
        f"there is no bucket {url.bucket} at this server": code == "NoSuchBucket",
        f"the bucket is in another region: say which by ?region={region}": (
            code in _WRONG_REGION or status in (301, 307) or "incorrectly configured region" in said
        ),
        "the clock of this machine or of the server is wrong: their times differ": (
            code == "RequestTimeTooSkewed"
        ),
        f"the key is wrong, or is not valid any more ({told})": code in _WRONG_KEY or status == 401,
        f"the key may not do this here ({told})": status == 403,
    }
    for sentence, is_so in settled.items():
        if is_so:
            return sentence, True
    if status in (429, 503):
        return f"the server asks for fewer requests ({f'{status} {code}'.strip()})", False
    return None, False


def _without_debug(text: str) -> str:
    """Return the message of an obstore error without its debug part."""
    return text.partition("\n\nDebug source:")[0]


def _short_message(text: str) -> str:
    """Return the message of an obstore error in one line, without the request."""
    message = re.search(r"<Message>([^<]{1,200})</Message>", _without_debug(text))
    if message:
        return one_line(f"{_http_status(_without_debug(text))} {message[1]}")
    cause = re.findall(r'message: "([^"]{1,200})"', text)
    text_after = _without_debug(text).partition(" - ")[2] or _without_debug(text)
    return one_line(f"{text_after[:200]}: {cause[-1]}" if cause else text_after[:200])
