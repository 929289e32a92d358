"""The extension points: every place where the code of others plugs into ours, in one list.

`make docs` writes docs/extending.md from it; a test looks that each is there, and described on its page.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class ExtensionPoint:
    """A place where code of others plugs in.

    where: the interface, class or function, as `module:name`.
    purpose: what one adds with it.
    found: how it is found, or put in.
    page: the page of docs/ that describes it.
    """

    where: str
    purpose: str
    found: str
    page: str

    @property
    def name(self) -> str:
        """The name without the module."""
        return self.where.partition(":")[2]


@attrs.frozen
class Subject:
    """The extension points of one subject."""

    title: str
    points: tuple[ExtensionPoint, ...]


EXTENSION_POINTS = (
    Subject(
        "A server of your own",
        (
            ExtensionPoint(
                "logsrv.kit:protocol_plugin",
                "a plugin of `twistd` and `twist`, made of a protocol",
                "an object in a file `twisted/plugins/*.py` on the Python path, or in the file given to "
                "`logsrv run`",
                "kit.md",
            ),
            ExtensionPoint(
                "logsrv.kit:IProtocolPlugin",
                "the interface of such a plugin, for one that is not made by `protocol_plugin`",
                "as above; it is an `IServiceMaker`",
                "kit.md",
            ),
            ExtensionPoint(
                "logsrv.kit:LineProtocol",
                "what happens with the lines of a connection",
                "a subclass, given to `protocol_plugin`",
                "kit.md",
            ),
            ExtensionPoint(
                "logsrv.kit:RequestProtocol",
                "the answer to a request, a line each",
                "a subclass, given to `protocol_plugin`",
                "kit.md",
            ),
            ExtensionPoint(
                "logsrv.kit:DatagramLines",
                "what happens with the lines of datagrams",
                "a subclass, given to `protocol_plugin`, also as `datagrams=`",
                "kit.md",
            ),
            ExtensionPoint(
                "logsrv.kit:Connection",
                "a conversation as one function",
                "`async def handle(connection)`, given to `protocol_plugin`",
                "kit.md",
            ),
            ExtensionPoint(
                "twisted.internet.protocol:Protocol",
                "any protocol class of Twisted, as it is",
                "a subclass, given to `protocol_plugin`",
                "kit.md",
            ),
            ExtensionPoint(
                "logsrv.kit:ProtocolService",
                "what lives as long as the service, with `apply(settings)` for a reload and `close()`",
                "`state=`, a class or function that is called with this service",
                "kit.md",
            ),
        ),
    ),
    Subject(
        "Options and counters",
        (
            ExtensionPoint(
                "logsrv.kit:option",
                "an option: on the command line, in the TOML file, in the environment, in the help",
                "a field of a frozen attrs class, given to `protocol_plugin`",
                "kit.md",
            ),
            ExtensionPoint(
                "logsrv.kit:Kind",
                "a kind of values: how text becomes one, and what is said of text that cannot",
                "the second argument of `option`",
                "kit.md",
            ),
            ExtensionPoint(
                "logsrv.kit.observe.metrics:Metric",
                "a counter or gauge of your own",
                "`service.metrics.declare(Metric(…))`, in `state`",
                "kit.md",
            ),
        ),
    ),
    Subject(
        "The line logger",
        (
            ExtensionPoint(
                "logsrv.linelog.inputs.intake:IInput",
                "a wire format that `twistd logsrv --listen NAME:ENDPOINT` takes",
                "an object that provides it and `IPlugin`, in a file `twisted/plugins/*.py`",
                "inputs.md",
            ),
            ExtensionPoint(
                "logsrv.linelog.inputs.intake:IDatagramReceiver",
                "the half of an input that takes datagrams",
                "what `IInput.datagrams` returns",
                "inputs.md",
            ),
        ),
    ),
    Subject(
        "Endpoints",
        (
            ExtensionPoint(
                "twisted.internet.interfaces:IStreamServerEndpointStringParser",
                "a type of endpoint to listen on, for every `--listen`",
                "an object that provides it and `IPlugin`, in a file `twisted/plugins/*.py`",
                "operating.md",
            ),
            ExtensionPoint(
                "twisted.internet.interfaces:IStreamClientEndpointStringParserWithReactor",
                "a type of endpoint to connect to, for `logsrv connect`",
                "an object that provides it and `IPlugin`, in a file `twisted/plugins/*.py`",
                "connect.md",
            ),
        ),
    ),
    Subject(
        "Tests of your own",
        (
            ExtensionPoint(
                "logsrv.kit.testing:MemoryService",
                "a plugin in memory, with a clock that goes when you say so",
                "called with the plugin, in a test",
                "testing.md",
            ),
            ExtensionPoint(
                "logsrv.kit.testing:serve",
                "a plugin on a loopback port, in the test's own process",
                "called with the plugin, in a test",
                "testing.md",
            ),
            ExtensionPoint(
                "logsrv.kit.testing:TwistdProcess",
                "a plugin in a real `twistd`",
                "called with its arguments, in a test",
                "testing.md",
            ),
            ExtensionPoint(
                "logsrv.kit.testing.fixtures:in_memory",
                "the same three as fixtures of pytest: `in_memory`, `serving`, `twistd`",
                '`pytest_plugins = ["logsrv.kit.testing.fixtures"]`',
                "testing.md",
            ),
            ExtensionPoint(
                "logsrv.kit.testing:transcripts",
                "the conversations in your documentation, as tests",
                "called with a Markdown text",
                "testing.md",
            ),
        ),
    ),
)
