"""The interfaces of inputs, and the plugins that name them; light to import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface, implementer

from logsrv.kit.plugins import call_object

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IProtocolFactory

    from logsrv.linelog.intake.intake import Intake


class IDatagramReceiver(Interface):
    """A receiver of a listener's datagrams.

    A receiver that answers also has `attach(listener)`, called before the listener is bound. A receiver
    that keeps a socket or half a message also has `close()`, called after the last datagram.
    """

    def datagrams_received(payloads: Sequence[bytes], source: IAddress) -> None:
        """Take consecutive datagrams from one source address, in the order of their arrival."""


class IInput(Interface):
    """A wire format that the line logger accepts."""

    name = Attribute("The NAME in `--listen NAME:ENDPOINT`.")

    def stream(intake: Intake) -> IProtocolFactory:
        """Return the factory of a stream listener. Raises ConfigurationError if the input has none."""

    def datagrams(intake: Intake) -> IDatagramReceiver:
        """Return the receiver of a datagram listener. Raises ConfigurationError if the input has none."""


@implementer(IInput, IPlugin)
@attrs.frozen
class InputFormat:
    """The plugin of an input whose module is imported when the input is first used.

    name: the NAME in `--listen NAME:ENDPOINT`. place: the input's class, `module:class`. about: who speaks
    it, a few words for `logsrv help inputs`. options: the names
    of the options of `InputOptions` that it uses, so that an operator who gives another is told. joins:
    whether --join is for its lines.

        forward = InputFormat(
            "forward", "logsrv.linelog.formats.forward.input:Forward", "Fluentd and Fluent Bit",
            options=("shared_key", *BODIES),
        )
    """

    name: str
    place: str
    about: str = ""
    options: tuple[str, ...] = ()
    joins: bool = False

    def load(self) -> IInput:
        """Return the input. Raises ConfigurationError for a broken module or class."""
        made: IInput = call_object(self.place)
        return made

    def stream(self, intake: Intake) -> IProtocolFactory:
        return self.load().stream(intake)

    def datagrams(self, intake: Intake) -> IDatagramReceiver:
        return self.load().datagrams(intake)
