"""`protocol_plugin`: a protocol and its options become a plugin of `twistd` and `twist`.

This module is all that `twistd --help` has to import; the rest loads when the plugin is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, overload

import attrs
from twisted.application.service import IService, IServiceMaker
from twisted.plugin import IPlugin
from zope.interface import Attribute, implementer

from logsrv import first_process
from logsrv.errors import ConfigurationError, LogsrvError, StartError
from logsrv.kit._protocol_plugin.arguments import check_options_class, check_plugin_arguments
from logsrv.kit.plugins import load_object
from logsrv.lazy_names import later_module

if TYPE_CHECKING:
    from typing import TypedDict, Unpack

    from logsrv.kit._protocol_plugin import chosen, factory, protocol_service
    from logsrv.kit._protocol_plugin.arguments import Served, ServedDatagrams, StateOf
    from logsrv.kit._protocol_plugin.protocol_service import ProtocolService
    from logsrv.kit.service import twisted_parts

    Settings = TypeVar("Settings", bound=attrs.AttrsInstance)
    State = TypeVar("State")

    class CommonArguments(TypedDict, total=False):
        """The arguments of `protocol_plugin` that have the same type in each overload."""

        description: str
        listen: str | Sequence[str]
        version: str
        start_tls: bool
        listeners: Mapping[str, Any]

else:
    # `twistd --help` needs none of it; options and help need not load what serves.
    chosen = later_module("logsrv.kit._protocol_plugin.chosen")
    factory = later_module("logsrv.kit._protocol_plugin.factory")
    protocol_service = later_module("logsrv.kit._protocol_plugin.protocol_service")
    twisted_parts = later_module("logsrv.kit.service.twisted_parts")


class IProtocolPlugin(IServiceMaker):
    """A plugin made with the kit, as `logsrv plugins` and `logsrv run` see it."""

    name = Attribute("The word after `twistd` on the command line; the same as `tapname`.")
    version = Attribute("The version of the plugin, as text.")
    listen = Attribute("The default endpoints, as a tuple of text.")

    def check() -> None:  # type: ignore[misc]
        """Load each object that the plugin names as text. Raises ConfigurationError if one is missing."""


@implementer(IProtocolPlugin, IPlugin)
@attrs.frozen(kw_only=True, eq=False)
class Plugin:
    """A plugin: the result of `protocol_plugin`, with the arguments of that as attributes.

    Two have another name: `settings` is the argument `options`, `given_version` is `version`.
    """

    name: str
    protocol: Any
    datagrams: Any
    settings: Any
    state: Any
    description: str
    listen: tuple[str, ...]
    given_version: str
    start_tls: bool = False
    listeners: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def version(self) -> str:
        """Return the version as text. Raises ConfigurationError if it is a name that is missing."""
        given = self.given_version
        return str(self.load_if_named(given)) if ":" in given else given

    @property
    def tapname(self) -> str:
        return self.name

    @property
    def options(self) -> Any:
        """Return the class of `twisted.python.usage.Options` for this plugin.

        Raises StartError with one sentence when the plugin's own options are wrong or missing, or if
        Twisted lacks a part that the kit uses.
        """
        first_process.end_at_stop()
        twisted_parts.require_private_parts()
        return chosen.options_class(self)

    def makeService(self, options: Any) -> IService:
        """Return the service for parsed options. Raises StartError with one sentence."""
        # Imported here: it loads what serves.
        from logsrv.kit.service.launch import launched

        service: IService = launched(
            self.name, options, lambda reactor: self.make_service_on(reactor, options)
        )
        return service

    def make_service_on(self, reactor: Any, options: Any) -> ProtocolService[Any, Any]:
        """Return the service for parsed options on any reactor. Raises StartError with one sentence."""
        try:
            given = {"": (self.protocol, self.datagrams)}
            given |= {name: (what, None) for name, what in self.listeners.items()}
            served = {
                name: factory.protocols_of(*map(self.load_if_named, pair))
                for name, pair in given.items()
            }
            return protocol_service.ProtocolService(
                self.name,
                options.settings,
                {
                    name: attrs.evolve(one, starts_tls=self.start_tls)
                    for name, one in served.items()
                },
                state=self.load_if_named(self.state) or (lambda service: SimpleNamespace()),
                load=options.reload,
                reactor=reactor,
                check_state=chosen.check_declared_objects(self),
            )
        except LogsrvError as error:
            sentence = str(error)
            prefix = "" if sentence.startswith(f"{self.name}: ") else f"{self.name}: "
            raise StartError(prefix + sentence) from error

    def load_if_named(self, what: object) -> Any:
        """Return the object that the text `what` names (`package.module:Name`); anything else unchanged.

        Raises ConfigurationError if there is no such object.
        """
        if not isinstance(what, str):
            return what
        try:
            return load_object(what)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.name}: {error}") from error

    def check(self) -> None:
        """Load each object that the plugin names as text, and compare them.

        Raises ConfigurationError if one is missing, or if a protocol is declared with others.
        """
        chosen.check_declared_objects(self)


@overload
def protocol_plugin(
    name: str,
    protocol: Served[Settings, State] | None,
    options: type[Settings] | str,
    *,
    datagrams: ServedDatagrams[Settings, State] | None = ...,
    state: StateOf[Settings, State],
    **rest: Unpack[CommonArguments],
) -> Plugin: ...
@overload
def protocol_plugin(
    name: str,
    protocol: Served[object, State] | None = ...,
    *,
    datagrams: ServedDatagrams[object, State] | None = ...,
    state: StateOf[object, State],
    **rest: Unpack[CommonArguments],
) -> Plugin: ...
@overload
def protocol_plugin(
    name: str,
    protocol: Served[Settings, SimpleNamespace],
    options: type[Settings] | str,
    *,
    datagrams: ServedDatagrams[Settings, SimpleNamespace] | None = ...,
    **rest: Unpack[CommonArguments],
) -> Plugin: ...
@overload
def protocol_plugin(
    name: str,
    protocol: Served[object, SimpleNamespace],
    *,
    datagrams: ServedDatagrams[object, SimpleNamespace] | None = ...,
    **rest: Unpack[CommonArguments],
) -> Plugin: ...
@overload
def protocol_plugin(
    name: str,
    *,
    options: type[Settings] | str,
    state: StateOf[Settings, Any],
    **rest: Unpack[CommonArguments],
) -> Plugin: ...
@overload
def protocol_plugin(
    name: str,
    *,
    options: type[Settings] | str | None = ...,
    datagrams: ServedDatagrams[Any, Any],
    state: StateOf[Any, Any] | None = ...,
    **rest: Unpack[CommonArguments],
) -> Plugin: ...
def protocol_plugin(
    name: str,
    protocol: object = None,
    options: object = None,
    *,
    description: str = "",
    listen: str | Sequence[str] = "tcp:7000",
    version: str = "0",
    start_tls: bool = False,
    datagrams: object = None,
    state: object = None,
    listeners: Mapping[str, object] | None = None,
) -> Plugin:
    """Return a plugin that serves `protocol`; assign it to a name in `twisted/plugins/NAME_plugin.py`.

    name: the word after `twistd` on the command line: lower-case letters, digits and `_`.
    protocol: a LineProtocol, RequestProtocol, FrameProtocol, Datagrams, DatagramLines or any Twisted
        Protocol or DatagramProtocol class; or a function, plain or `async def`, that takes a Connection.
    options: a frozen attrs class of the plugin's own options (`logsrv.kit.option`); the kit adds its own.
    listen: the endpoints to listen at by default, one or several. A plugin that does not listen has
        listen=(), no protocol, no datagrams, and a state that does the work.
    version: the text that `--version` prints, or the name of that text: `"package:__version__"`.
    start_tls: whether the protocol begins TLS itself (`self.start_tls()`), so that its listeners may have
        a certificate: `tcp:25:privateKey=key.pem:certKey=cert.pem`.
    datagrams: a class for datagrams, for a plugin whose `protocol` takes connections.
    listeners: listeners by name, for `--listen NAME:ENDPOINT`. Each serves what `protocol` may be, or a
        Resource class of twisted.web, which gets the service if it takes an argument. `self.listener` tells
        a protocol, and `connection.listener` a function, through which of them its peer came.
    state: a class or function that is called with the service, in the process that serves and as its user.
        Its result is `self.service.state`. The kit calls its methods `start()`, `apply(settings)`,
        `stopping()` and `close()`, as far as it has them; each may be plain or async. If the result is an
        async context manager (`contextlib.asynccontextmanager`), the state is the object that it yields.

    protocol, options, datagrams, state and the values of listeners may be given as text,
    `package.module:Name`. Then they are imported only when the plugin is chosen, and `twistd --help` loads
    only the plugin file.

    Raises ConfigurationError for a wrong argument; type checkers find most of these too.
    """
    check_plugin_arguments(
        name,
        listen,
        {"description": description, "version": version},
        {"protocol": protocol, "datagrams": datagrams, "state": state},
        listeners or {},
    )
    if not isinstance(start_tls, bool):
        raise ConfigurationError(f"{name}: start_tls={start_tls!r:.80} has to be True or False")
    if options is not None and not isinstance(options, str):
        check_options_class(name, options)
    if protocol is None and datagrams is None:
        if listen:
            raise ConfigurationError(
                f"{name}: there is neither a protocol nor datagrams to serve; a plugin that does not "
                "listen has listen=() and a state"
            )
        if state is None:
            raise ConfigurationError(f"{name}: a plugin that does not listen needs a state")
    return Plugin(
        name=name,
        protocol=protocol,
        datagrams=datagrams,
        settings=options,
        state=state,
        description=description or (f"Serve {name}." if listen else f"Run {name}."),
        listen=(listen,) if isinstance(listen, str) else tuple(listen),
        given_version=version,
        start_tls=start_tls,
        listeners=dict(listeners or {}),
    )
