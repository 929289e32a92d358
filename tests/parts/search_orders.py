"""What a searching process is asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from logsrv.linelog.http.endpoints import BY_PATH
from logsrv.linelog.http.searching.search_order import SearchOrder
from tests.parts.stores import BEGIN

NO_LIMITS = {"since": "", "until": "", "source": ""}


def values_of(name: str, query: str = "", now: float = BEGIN + 1000) -> dict[str, Any]:
    """Return the values of a request to an endpoint, as its function gets them.

    Those of `tail` are without `begin` and `end`, which the server sets.
    """
    values = {**BY_PATH[f"/api/{name}"].parse(query.encode(), now).values}
    return values if name != "tail" else NO_LIMITS | values


def order_of(
    store: Path, function: str, values: Mapping[str, object], only: str = ""
) -> SearchOrder:
    """Return what the daemon would send for these values."""
    return {
        "function": function,
        "values": values,
        "progress": bool(values.get("progress")),
        "only": only,
        "directory": str(store),
        "seconds": 30,
        "variables": {},
    }
