"""The interfaces of inputs, and the plugins that name them; light to import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface, implementer

from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.plugins import call_object
from logsrv.kit.text.misspelt import check_spelling
from logsrv.old_names import accepts_old_argument

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IProtocolFactory

    from logsrv.linelog.intake.intake import Intake
    from logsrv.linelog.intake.options import InputOptions


class IDatagramReceiver(Interface):
    """An object that takes the datagrams of a listener.

    If the object sends answers, it also has `attach(listener)`, which logsrv calls before it binds the
    listener. If the object keeps a socket or unfinished messages, it also has `close()`, which logsrv calls
    after the last datagram.
    """

    def datagrams_received(payloads: Sequence[bytes], source: IAddress) -> None:
        """Take consecutive datagrams from one source address, in the order of their arrival."""


class IInput(Interface):
    """A wire format that the line logger accepts."""

    name = Attribute("The NAME in `--listen NAME:ENDPOINT`.")

    def stream(intake: Intake) -> IProtocolFactory:
        """Return the factory for connections. Raises ConfigurationError if the input takes none."""

    def datagrams(intake: Intake) -> IDatagramReceiver:
        """Return the receiver for datagrams. Raises ConfigurationError if the input takes none."""


@accepts_old_argument("place", "reference")
@implementer(IInput, IPlugin)
@attrs.frozen
class InputFormat:
    """The plugin of an input whose module is imported when the input is first used.

    name: the NAME in `--listen NAME:ENDPOINT`. reference: the input's class, `module:class`. about: who
    speaks it, a few words for `logsrv help inputs`. options: the names of the options of `InputOptions`
    that it uses, so that an operator who gives another is told. joins: whether --join is for its lines.
    stores_blocks: whether it stores blocks of other stores, unchanged, so that masks and drops must be
    given to these.

        forward = InputFormat(
            "forward", "logsrv.linelog.formats.forward.input:Forward", "Fluentd and Fluent Bit",
            options=("shared_key", *BODIES),
        )
    """

    name: str
    reference: str
    about: str = ""
    options: tuple[str, ...] = ()
    joins: bool = False
    stores_blocks: bool = False

    def parse_endpoint(self, text: str) -> Endpoint:
        """Return the endpoint in the text after `NAME:`. Raises ValueError with one sentence."""
        return parse_endpoint(text)

    def label(self, text: str, endpoint: Endpoint) -> str:
        """Return the text of a --listen without its files, for metrics and the log."""
        if not endpoint.has_certificate and endpoint.scheme != "tls":
            return text
        return f"{self.name}:" * text.startswith(f"{self.name}:") + endpoint.label

    def check_settings(self, text: str, endpoint: Endpoint, options: InputOptions) -> None:
        """Raise ConfigurationError if it must not listen with these options. text: of the --listen."""

    def load(self) -> IInput:
        """Return the input. Raises ConfigurationError for a broken module or class."""
        made: IInput = call_object(self.reference)
        return made

    def stream(self, intake: Intake) -> IProtocolFactory:
        return self.load().stream(intake)

    def datagrams(self, intake: Intake) -> IDatagramReceiver:
        return self.load().datagrams(intake)


def check_input_spelling(made: object) -> None:
    """Raise ConfigurationError for a misspelt name in an author's input, or in a class that it names."""
    check_spelling(type(made))
    for name in ("connection", "joining", "receiver"):
        named = getattr(made, name, None)
        if isinstance(named, type):
            check_spelling(named)
