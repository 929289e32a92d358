"""`protocol_plugin`: a protocol and its options become a plugin of `twistd` and `twist`.

Everything else is loaded when the plugin is chosen: this module is all that `twistd --help` pays for.
"""

from __future__ import annotations

import keyword
import re
from typing import Any

import attrs
from twisted.application.service import IService, IServiceMaker
from twisted.plugin import IPlugin
from twisted.python.reflect import namedAny
from zope.interface import Attribute, implementer

from logsrv.errors import ConfigurationError

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OBJECT = re.compile(r"[\w.]+:\w+")


class IProtocolPlugin(IServiceMaker):
    """A plugin made with the kit, as `logsrv plugins` and `logsrv run` see it."""

    name = Attribute("What one types behind `twistd`; the same as `tapname`.")
    version = Attribute("Of the plugin, as text.")
    listen = Attribute("The endpoints it listens at unless told otherwise, as a tuple of text.")


@implementer(IProtocolPlugin, IPlugin)
@attrs.frozen(kw_only=True, eq=False)
class Plugin:
    """A plugin, as `protocol_plugin` gives it; its arguments are there."""

    name: str
    protocol: Any
    datagrams: Any
    settings: Any
    state: Any
    description: str
    listen: tuple[str, ...]
    version: str

    @property
    def tapname(self) -> str:
        return self.name

    @property
    def options(self) -> Any:
        """The class of `twisted.python.usage.Options` for this plugin."""
        from logsrv.kit.service.make import usage_class

        return usage_class(self)

    def makeService(self, options: Any) -> IService:
        """The service for parsed options. Raises StartError with one sentence."""
        from twisted.internet import reactor

        from logsrv.kit.service.make import make_service

        service = make_service(self, options, reactor)
        service.signals.hold()
        return service

    def loaded(self, what: object) -> Any:
        """`what`, or the object that it names if it is a string `package.module:Name`.

        Raises ConfigurationError when there is nothing of that name.
        """
        if not isinstance(what, str):
            return what
        if not _OBJECT.fullmatch(what):
            raise ConfigurationError(
                f"{self.name}: {what!r} is no name such as package.module:Name"
            )
        try:
            return namedAny(what.replace(":", "."))
        except AttributeError as error:
            raise ConfigurationError(f"{self.name}: there is no {what}: {error}") from error


def protocol_plugin(
    name: str,
    protocol: object = None,
    options: object = None,
    *,
    description: str = "",
    listen: str | tuple[str, ...] = "tcp:7000",
    version: str = "0",
    datagrams: object = None,
    state: object = None,
) -> Plugin:
    """A plugin that serves `protocol`, to be assigned to a name in `twisted/plugins/NAME_plugin.py`.

    name: what one types behind `twistd`: lower-case letters, digits and `_`.
    protocol: a LineProtocol, RequestProtocol, DatagramLines or any Twisted Protocol class; or a
        function, plain or `async def`, that takes a Connection.
    options: a frozen attrs class of own options (`logsrv.kit.option`); the kit's are added to it.
    listen: where to listen by default: one endpoint or several.
    version: what `--version` prints.
    datagrams: a DatagramLines class, for what takes connections by `protocol` and datagrams as well.
    state: called with the service when it is made; what it returns is `self.service.state`. Its
        `apply(settings)` is called upon a reload and its `close()` at the end, if it has them.

    protocol, options, datagrams and state may be given as text, `package.module:Name`, which is
    imported only when the plugin is chosen: `twistd --help` loads no more than the plugin file.

    Raises ConfigurationError for a name that cannot be one.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfigurationError(
            f"{name!r:.80} cannot be the name of a plugin; "
            "it has to be lower-case letters, digits and _, beginning with a letter, such as shout"
        )
    if protocol is None and datagrams is None:
        raise ConfigurationError(f"{name}: there is neither a protocol nor datagrams to serve")
    return Plugin(
        name=name,
        protocol=protocol,
        datagrams=datagrams,
        settings=options,
        state=state,
        description=description or f"Serve {name}.",
        listen=(listen,) if isinstance(listen, str) else tuple(listen),
        version=version,
    )
