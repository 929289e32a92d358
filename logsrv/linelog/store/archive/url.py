"""The address of an archive: `file:///PATH`, or a bucket such as `s3://BUCKET/PREFIX`."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from logsrv.named import NamedTuple

FILE = "file"
BUCKETS = {"s3": ("endpoint", "region", "key-file", "ca"), "gs": ("ca",), "az": ("ca",)}
"""The schemes of buckets, each with what may stand behind the question mark."""
_BUCKET = r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}"
# The characters that S3 calls safe, without those that mean something to a shell or in a URL.
_PREFIX = r"(?:/[A-Za-z0-9_.=-]+)*"
_ENDPOINT = r"https?://[A-Za-z0-9.:\[\]_-]+/?"


class ArchiveURL(NamedTuple):
    """An address: the path of a directory; or a bucket, and the path of what is in it.

    path: begins with a slash, or is empty. options: endpoint, region, key-file, ca.
    """

    scheme: str
    bucket: str
    path: str
    options: dict[str, str]

    @property
    def place(self) -> str:
        """The address for people to read, without its options."""
        return f"{self.scheme}://{self.bucket}{self.path}"


def parse_archive_url(url: str) -> ArchiveURL:
    """Return the address in a text. Raises ValueError with what is wrong."""
    scheme, _, rest = url.partition("://")
    if scheme == FILE:
        return ArchiveURL(FILE, "", _path(rest), {})
    if scheme not in BUCKETS:
        raise ValueError(
            "an archive is at a URL such as file:///srv/archive or s3://bucket/archive"
        )
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if not re.fullmatch(_BUCKET, parts.netloc):
        raise ValueError(f"names no bucket, such as {scheme}://bucket/archive")
    if not re.fullmatch(_PREFIX, path) or ".." in path.split("/") or parts.fragment:
        raise ValueError("behind a bucket are letters, digits, _, =, . and - between slashes")
    return ArchiveURL(scheme, parts.netloc, path, _options(scheme, parts.query))


def _path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("the path of an archive has three slashes before it: file:///srv/archive")
    if any(character in path for character in "?#%\\") or ".." in path.split("/"):
        raise ValueError("a path of an archive has no ?, #, %, backslash or .. in it")
    return path.rstrip("/") or "/"


def _options(scheme: str, query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in BUCKETS[scheme]:
            known = ", ".join(BUCKETS[scheme])
            raise ValueError(f"behind the ? of {scheme}: may stand {known}, and nothing else")
    if not re.fullmatch(_ENDPOINT, options.get("endpoint", "https://s3")):
        raise ValueError("endpoint= is an address such as https://s3.example.org:9000")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", options.get("region", "eu-central-1")):
        raise ValueError("region= is a name such as eu-central-1")
    return options
