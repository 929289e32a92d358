"""The place that the running logsrv was installed from, as pip takes it to install it once more."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import logsrv

NAME = "logsrv"


def origin() -> str:
    """Return a checkout, a wheel, a URL, or name and version for a package index.

    A wheel that is gone since is no place; it may be on an index all the same.
    """
    checkout = Path(logsrv.__file__).resolve().parents[1]
    if all((checkout / file).is_file() for file in ("setup.cfg", "pyproject.toml")):
        return str(checkout)
    try:
        record = direct_url(metadata.distribution(NAME))
    except metadata.PackageNotFoundError:
        record = {}
    return _direct(record) or f"{NAME}=={logsrv.__version__}"


def direct_url(distribution: metadata.Distribution) -> dict[str, Any]:
    """Return the place pip installed a distribution from (PEP 610); empty if that was an index."""
    record: dict[str, Any] = json.loads(distribution.read_text("direct_url.json") or "{}")
    return record


def path_in(record: dict[str, Any]) -> Path | None:
    """Return the path in such a record; None if it is another place, or there no longer."""
    url = urlsplit(str(record.get("url", "")))
    path = Path(unquote(url.path))
    return path if url.scheme == "file" and path.exists() else None


def _direct(record: dict[str, Any]) -> str:
    """Return the place in such a record; "" if there is none, or it is there no longer."""
    url = str(record.get("url", ""))
    if url.startswith("file:"):
        return str(path_in(record) or "")
    control = record.get("vcs_info")
    if control:
        return f"{NAME} @ {control['vcs']}+{url}@{control['commit_id']}"
    return f"{NAME} @ {url}" if url else ""
