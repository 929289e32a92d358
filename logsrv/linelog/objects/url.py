"""The address of an archive: `file:///PATH`, or a bucket such as `s3://BUCKET/PREFIX`."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

FILE = "file"
BUCKETS = {"s3": ("endpoint", "region", "key-file", "ca"), "gs": ("ca",), "az": ("ca",)}
"""The schemes of buckets, each with the options that may follow the question mark."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
VARIABLES = {
    "s3": (
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"),
        *("AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ROLE_ARN"),
        *("AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ENDPOINT_URL_STS"),
        *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        *("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_METADATA_ENDPOINT", "AWS_IMDSV1_FALLBACK"),
    ),
    "gs": (
        *("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH", "GOOGLE_SERVICE_ACCOUNT_KEY"),
        *("GOOGLE_APPLICATION_CREDENTIALS", "HOME"),
    ),
    "az": (
        *("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY"),
        *("AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_TOKEN"),
        *("AZURE_STORAGE_CLIENT_ID", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_STORAGE_TENANT_ID"),
        *("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"),
        *("AZURE_FEDERATED_TOKEN_FILE", "AZURE_STORAGE_ENDPOINT", "IDENTITY_ENDPOINT"),
        *("IDENTITY_HEADER", "MSI_ENDPOINT"),
    ),
}
"""The environment variables with the keys of a bucket, or with the address at which to reach it."""
_BUCKET = r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}"
# The characters that S3 calls safe, except those with a meaning in a shell or a URL.
_PREFIX = r"(?:/[A-Za-z0-9_.=-]+)*"
_ENDPOINT = r"https?://[A-Za-z0-9.:\[\]_-]+/?"


class ArchiveURL(NamedTuple):
    """An address: the path of a directory, or a bucket and a path in the bucket.

    path: begins with a slash, or is empty. options: endpoint, region, key-file, ca.
    """

    scheme: str
    bucket: str
    path: str
    options: dict[str, str]

    @property
    def environment_variables(self) -> tuple[str, ...]:
        """The names of the environment variables that a process needs to reach the archive."""
        names = VARIABLES.get(self.scheme)
        return () if names is None else (*names, *_PROXIES, *map(str.lower, _PROXIES))

    @property
    def address(self) -> str:
        """The address for messages, without its options."""
        return f"{self.scheme}://{self.bucket}{self.path}"


def environment_variables(url: str) -> tuple[str, ...]:
    """Return the names of the environment variables that a reader of a URL needs. Raises ValueError."""
    return parse_archive_url(url).environment_variables


def parse_archive_url(url: str) -> ArchiveURL:
    """Return the address in a text. Raises ValueError, whose message says what is wrong."""
    scheme, _, rest = url.partition("://")
    if scheme == FILE:
        return ArchiveURL(FILE, "", _checked_path(rest), {})
    if scheme not in BUCKETS:
        raise ValueError(
            "an archive is at a URL such as file:///srv/archive or s3://bucket/archive"
        )
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if not re.fullmatch(_BUCKET, parts.netloc):
        raise ValueError(f"names no bucket, such as {scheme}://bucket/archive")
    if not re.fullmatch(_PREFIX, path) or ".." in path.split("/") or parts.fragment:
        raise ValueError("after a bucket write only letters, digits, _, =, . and - between slashes")
    return ArchiveURL(scheme, parts.netloc, path, _parse_options(scheme, parts.query))


def _checked_path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("the path of an archive has three slashes before it: file:///srv/archive")
    if any(character in path for character in "?#%\\") or ".." in path.split("/"):
        raise ValueError("a path of an archive has no ?, #, %, backslash or .. in it")
    return path.rstrip("/") or "/"


def _parse_options(scheme: str, query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in BUCKETS[scheme]:
            known = ", ".join(BUCKETS[scheme])
            raise ValueError(f"after the ? of {scheme}: only these options are allowed: {known}")
    if not re.fullmatch(_ENDPOINT, options.get("endpoint", "https://s3")):
        raise ValueError("endpoint= is an address such as https://s3.example.org:9000")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", options.get("region", "eu-central-1")):
        raise ValueError("region= is a name such as eu-central-1")
    return options
