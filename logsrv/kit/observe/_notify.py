"""Messages to the service manager, as sd_notify(3) sends them: lines of KEY=VALUE in a datagram."""

from __future__ import annotations

import socket
from collections.abc import MutableMapping, Sequence

from twisted.logger import Logger

from logsrv.kit.text.escape import one_line

log = Logger()

SOCKET = "NOTIFY_SOCKET"
# Seconds. The manager takes a message at once, unless it hangs; then the service goes on without it.
SEND_SECONDS = 2.0


def notify_message(**fields: str | int) -> bytes:
    """Return a message with a line for each field; line ends in a value are escaped."""
    lines = (f"{name}={one_line(str(value))}\n" for name, value in fields.items())
    return "".join(lines).encode("utf-8", "backslashreplace")


def socket_address(text: str) -> str:
    """Return the socket address for the value of NOTIFY_SOCKET: a path, or `@` and an abstract name.

    Raises ValueError for anything else, such as `vsock:`.
    """
    if text.startswith("@") and text != "@":
        return "\0" + text[1:]
    if not text.startswith("/"):
        raise ValueError("neither a path nor @ and a name")
    return text


class Notifier:
    """Sends messages to the service manager. address: its socket; None for no service manager.

    The first message that cannot be sent is logged, and the next only after one was sent.
    """

    def __init__(self, address: str | None) -> None:
        self.address = address
        self._failing = False

    @classmethod
    def take_from(cls, environment: MutableMapping[str, str]) -> Notifier:
        """Return the notifier of an environment; remove the variable, so that children do not get it."""
        text = environment.pop(SOCKET, "")
        try:
            return cls(socket_address(text) if text else None)
        except ValueError as error:
            log.warn("NOTIFY_SOCKET={text} is {error}", text=one_line(text), error=str(error))
            return cls(None)

    def send(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a message, with open files that the manager shall keep. Any thread may call this."""
        if self.address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                # After a failure without a wait: while the reactor waits here, it serves nobody.
                sending.settimeout(0 if self._failing else SEND_SECONDS)
                sending.connect(self.address)
                socket.send_fds(sending, [data], list(descriptors))
        except OSError as error:
            if not self._failing:
                log.warn(
                    "no message reaches the service manager at {address}: {error}",
                    address=one_line(self.address),
                    error=error.strerror or str(error),
                )
            self._failing = True
        else:
            self._failing = False


def first_line(sentence: str) -> str:
    """Return the first line for a status, which is one line; `…` stands for others, which the log has."""
    first, *others = sentence.split("\n")
    return f"{first} …" if others else first


def report_refusal(sentence: str, environment: MutableMapping[str, str]) -> int:
    """Tell the service manager, if any, that the configuration is wrong; return the exit status to use.

    It is EX_CONFIG (78) of sysexits.h, so that the manager does not try again; 1 without a manager.
    """
    notifier = Notifier.take_from(environment)
    notifier.send(notify_message(STATUS=first_line(sentence)))
    return 1 if notifier.address is None else 78
