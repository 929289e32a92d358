"""The origin of the running logsrv, in a form from which pip can install it again."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import logsrv

NAME = "logsrv"


def installable_origin() -> str:
    """Return a checkout, a wheel, a URL, or name and version for a package index.

    If the wheel no longer exists, this is name and version: the index may have it.
    """
    checkout = Path(logsrv.__file__).resolve().parents[1]
    if all((checkout / file).is_file() for file in ("setup.cfg", "pyproject.toml")):
        return str(checkout)
    try:
        record = direct_url(metadata.distribution(NAME))
    except metadata.PackageNotFoundError:
        record = {}
    return _origin_in(record) or f"{NAME}=={logsrv.__version__}"


def direct_url(distribution: metadata.Distribution) -> dict[str, Any]:
    """Return pip's record of a distribution's origin (PEP 610); empty if that was a package index."""
    record: dict[str, Any] = json.loads(distribution.read_text("direct_url.json") or "{}")
    return record


def path_in_record(record: dict[str, Any]) -> Path | None:
    """Return the path in a record of `direct_url`; None if it has none, or the path no longer exists."""
    url = urlsplit(str(record.get("url", "")))
    path = Path(unquote(url.path))
    return path if url.scheme == "file" and path.exists() else None


def _origin_in(record: dict[str, Any]) -> str:
    """Return the origin in a record of `direct_url`; "" if it has none, or the file no longer exists."""
    url = str(record.get("url", ""))
    if url.startswith("file:"):
        return str(path_in_record(record) or "")
    control = record.get("vcs_info")
    if control:
        return f"{NAME} @ {control['vcs']}+{url}@{control['commit_id']}"
    return f"{NAME} @ {url}" if url else ""
