"""The protocols of `greet`: a greeting, then the end or, with --stay, a conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from logsrv.greet.message import MESSAGE, MessageTemplate, parse_message
from logsrv.kit import (
    FILE,
    FLAG,
    ConfigurationError,
    DatagramLines,
    LineProtocol,
    Sender,
    one_line,
    option,
    read_file,
    rfc3339,
    time_of_day,
)

LARGEST_FILE = 64 * 1024
FAREWELLS = ("quit", "exit", "bye")


@attrs.frozen(kw_only=True)
class GreetOptions:
    """The options of `twistd greet`, in addition to the kit's."""

    message: MessageTemplate = option("Thank you for connecting", MESSAGE, "what to say")
    message_file: Path | None = option(None, FILE, "say the text of this file instead")
    stay: bool = option(False, FLAG, "keep the connection open and answer each line")
    log_connections: bool = option(True, FLAG, "a line in the log for each connect and disconnect")


class GreetingState:
    """The state of the service: the greeting, and how often it was sent."""

    def __init__(self, service: Any) -> None:
        self.count = 0
        self._clock = service.clock
        self.apply(service.settings)

    def apply(self, settings: GreetOptions) -> None:
        """Use the message of these settings. Raises ConfigurationError if the file cannot be used."""
        message = read_message(settings.message_file) if settings.message_file else settings.message
        self._message = message
        self._always = None if message.fields else message.render({})

    def next_greeting(self, peer: str) -> str:
        """Return the greeting for a peer, and count it."""
        self.count += 1
        if self._always is not None:
            return self._always
        host, port = host_and_port(peer)
        now = rfc3339(time_of_day(self._clock))
        return self._message.render(
            {"peer": peer, "host": host, "port": port, "time": now, "count": self.count}
        )

    def is_own_greeting(self, lines: list[str]) -> bool:
        """Return whether the lines are our own greeting, to any peer."""
        return self._message.resembles("\n".join(lines))


class Greet(LineProtocol):
    """A connection: the greeting, then the end or, with --stay, a conversation."""

    def connection_made(self) -> None:
        greeting = self.service.state.next_greeting(self.peer)
        if self.service.settings.stay:
            self.send_line(greeting)
            self.send_line("Say something, or quit to leave.")
        else:
            self.close(greeting)

    def line_received(self, line: str) -> None:
        if line.strip().lower() in FAREWELLS:
            self.close("Goodbye.")
        else:
            self.send_line(f"You said: {one_line(line)}")


class GreetDatagrams(DatagramLines):
    """The datagrams of a listener, each with one answer.

    One forged datagram could make two such servers greet each other for ever. So this one does not answer
    its own greeting, and after five greetings to an address sends it only one in five seconds.
    """

    max_answers = 0.2
    answer_burst = 5

    def lines_received(self, lines: list[str], peer: Sender) -> None:
        if self.service.state.is_own_greeting(lines):
            self.withhold(peer, "greeting", "it says what we say, as another greeting server would")
        else:
            self.send_line(self.service.state.next_greeting(peer.source), peer)


def host_and_port(peer: str) -> tuple[str, str]:
    """Return host and port of `tcp:127.0.0.1:51234` or `udp:[::1]:514`; empty for a peer without them."""
    scheme, _, rest = peer.partition(":")
    host, _, port = rest.rpartition(":")
    return ("", "") if scheme == "unix" else (host.strip("[]"), port)


def read_message(path: Path) -> MessageTemplate:
    """Return the message in a file. Raises ConfigurationError if the file cannot be used."""
    try:
        text = read_file(path, LARGEST_FILE).decode()
        return parse_message(text.removesuffix("\n").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise ConfigurationError(f"the message file {path} is not UTF-8") from None
    except ValueError as error:
        raise ConfigurationError(f"the message file {path}: {error}") from None
