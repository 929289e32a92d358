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
        told = metadata.distribution(NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        told = None
    return _direct(json.loads(told or "{}")) or f"{NAME}=={logsrv.__version__}"


def _direct(record: dict[str, Any]) -> str:
    """Return the place in a record of pip's (PEP 610); "" if there is none, or it is there no longer."""
    url = str(record.get("url", ""))
    if url.startswith("file:"):
        path = Path(unquote(urlsplit(url).path))
        return str(path) if path.exists() else ""
    control = record.get("vcs_info")
    if control:
        return f"{NAME} @ {control['vcs']}+{url}@{control['commit_id']}"
    return f"{NAME} @ {url}" if url else ""
