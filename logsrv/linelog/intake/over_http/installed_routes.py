"""The routes of all formats over HTTP that are installed, for a listener of the `http` input."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.text.words import error_text
from logsrv.linelog.intake.over_http.http_format import HTTP_FORMATS, HttpFormat
from logsrv.linelog.intake.over_http.routes import Route, Routes

log = Logger()
_WITHOUT = "the http input does without {name}; mend it, then restart: {why}"


def checked_routes(plugin: HttpFormat) -> Routes:
    """Return the routes of a format. Raises TypeError if they are none, and what its function raises."""
    routes = plugin.routes()
    for path, each in routes.items():
        if not all(isinstance(one, Route) for one in each):
            raise TypeError(f"{path} has something that is no Route")
    return routes


def require_distinct_paths(plugins: Iterable[HttpFormat] | None = None) -> None:
    """Raise ConfigurationError if two formats take the same method of one path.

    plugins: the formats; None for all that are installed. One that cannot be loaded is passed over.
    """
    takers: dict[tuple[str, bytes], HttpFormat] = {}
    for plugin in HTTP_FORMATS.all().values() if plugins is None else plugins:
        routes: Routes = {}
        # `http_routes` says why a format cannot be used.
        with contextlib.suppress(Exception, SystemExit):
            routes = checked_routes(plugin)
        for path, each in routes.items():
            for method in dict.fromkeys(method for route in each for method in route.methods):
                other = takers.setdefault((_shape(path), method), plugin)
                if other is not plugin:
                    raise ConfigurationError(
                        f"two formats of the http input take {method.decode()} {path}: {other.name} and"
                        f" {plugin.name}; remove one of them, or change its path (logsrv plugins shows"
                        " their files)"
                    )


def _shape(path: str) -> str:
    """Return a path with `*` for each part in capitals, which stands for any."""
    return "/".join("*" if part.isupper() else part for part in path.split("/"))


def http_routes(tried: HttpFormat | None = None) -> Routes:
    """Return the routes of all formats for one listener; a format that cannot be loaded is logged.

    tried: a format that may not be installed, as in a test. Its routes win over those of any other.
    """
    found: dict[str, Sequence[Route]] = {}
    plugins = HTTP_FORMATS.all()
    if tried is not None:
        plugins = {tried.name: tried, **plugins, tried.name: tried}
    for plugin in plugins.values():
        try:
            routes = checked_routes(plugin)
        except (Exception, SystemExit) as error:
            why = str(error) if isinstance(error, ConfigurationError) else error_text(error)
            log.error(_WITHOUT, name=plugin.name, why=why)
        else:
            for path, each in routes.items():
                found[path] = (*found.get(path, ()), *each)
    return found
