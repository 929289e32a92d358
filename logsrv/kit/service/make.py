"""The options and the service of a Plugin, made once it is chosen."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Protocol

import attrs

from logsrv.errors import LogsrvError, StartError
from logsrv.kit.net.endpoints import Endpoint, parse_endpoint
from logsrv.kit.net.settings import ConnectionSettings
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import SIZE, endpoint_kind
from logsrv.kit.options.usage import SettingsOptions, usage_options
from logsrv.kit.service.protocol_service import ProtocolService, Serves, served

ENDPOINT = endpoint_kind(parse_endpoint, locate=Endpoint.located)


class Declared(Protocol):
    """A plugin as `protocol_plugin` gives it, as far as it is needed here."""

    @property
    def name(self) -> str: ...
    @property
    def protocol(self) -> Any: ...
    @property
    def datagrams(self) -> Any: ...
    @property
    def settings(self) -> Any: ...
    @property
    def state(self) -> Any: ...
    @property
    def description(self) -> str: ...
    @property
    def listen(self) -> tuple[str, ...]: ...
    @property
    def version(self) -> str: ...
    def loaded(self, what: object) -> Any: ...


@attrs.frozen(kw_only=True, slots=False)
class LineLimit:
    """The option of everything that reads lines."""

    max_line: int = option("64KiB", SIZE, "how long a line may be")


def settings_class(plugin: Declared) -> type[Any]:
    """The author's options and the kit's in one frozen class; where both have one, it is the author's."""
    own = plugin.loaded(plugin.settings)
    bases = (*((own,) if own is not None else ()), LineLimit, ConnectionSettings)
    listen = option(plugin.listen, ENDPOINT, "where to listen", repeatable=True)
    made: type[Any] = attrs.make_class(
        f"{plugin.name.title()}Settings",
        {"listen": listen},
        bases=bases,
        frozen=True,
        kw_only=True,
        slots=False,
    )
    made.__annotations__["listen"] = tuple[Endpoint, ...]
    return made


def usage_class(plugin: Declared) -> type[SettingsOptions[Any]]:
    """The `usage.Options` of a plugin."""
    return usage_options(
        settings_class(plugin),
        name=plugin.name,
        version=plugin.version,
        description=plugin.description,
    )


def served_by(plugin: Declared) -> Serves:
    """Load what a plugin serves. Raises ConfigurationError."""
    return served(plugin.loaded(plugin.protocol), plugin.loaded(plugin.datagrams))


def make_service(
    plugin: Declared, options: SettingsOptions[Any], reactor: Any
) -> ProtocolService[Any, Any]:
    """The service of a plugin for parsed options. Raises StartError with one sentence."""
    try:
        return ProtocolService(
            plugin.name,
            options.settings,
            served_by(plugin),
            state=plugin.loaded(plugin.state) or (lambda service: SimpleNamespace()),
            load=options.reload,
            reactor=reactor,
        )
    except LogsrvError as error:
        raise StartError(f"{plugin.name}: {error}") from error
