"""Messages to the service manager, as sd_notify(3) sends them: lines of KEY=VALUE in a datagram."""

from __future__ import annotations

import socket
from collections.abc import MutableMapping, Sequence

from twisted.logger import Logger

from logsrv.kit.text.escape import one_line

log = Logger()

SOCKET = "NOTIFY_SOCKET"
# The manager takes a message in at once, unless it hangs; then the service goes on without it.
SEND_SECONDS = 2.0


def message(**fields: str | int) -> bytes:
    """Return a message of these fields, each on a line of its own whatever is in it."""
    lines = (f"{name}={one_line(str(value))}\n" for name, value in fields.items())
    return "".join(lines).encode("utf-8", "backslashreplace")


def address_of(text: str) -> str:
    """Return the address of a UNIX socket as NOTIFY_SOCKET gives it: a path, or `@` and an abstract name.

    Raises ValueError for anything else, such as `vsock:`.
    """
    if text.startswith("@") and text != "@":
        return "\0" + text[1:]
    if not text.startswith("/"):
        raise ValueError("neither a path nor @ and a name")
    return text


class Notifier:
    """A way to the service manager; where that is None, nobody is told anything.

    A message that cannot be sent is said in the log, once until one has been sent again.
    """

    def __init__(self, address: str | None) -> None:
        self.address = address
        self._failing = False

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str]) -> Notifier:
        """The way that an environment names; it is taken out there: children are not the service."""
        text = environment.pop(SOCKET, "")
        try:
            return cls(address_of(text) if text else None)
        except ValueError as error:
            log.warn("NOTIFY_SOCKET={text} is {error}", text=one_line(text), error=str(error))
            return cls(None)

    def send(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a message, with open files if it is to keep them. May be called in any thread."""
        if self.address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                # It is waited for once: each second in which the reactor waits here serves nobody.
                sending.settimeout(0 if self._failing else SEND_SECONDS)
                sending.connect(self.address)
                socket.send_fds(sending, [data], list(descriptors))
        except OSError as error:
            if not self._failing:
                log.warn(
                    "the service manager at {address} cannot be told how this service is: {error}",
                    address=one_line(self.address),
                    error=error.strerror or str(error),
                )
            self._failing = True
        else:
            self._failing = False


def refused(sentence: str, environment: MutableMapping[str, str]) -> int:
    """Tell the service manager, if there is one, that the configuration is wrong; return the exit status.

    With EX_CONFIG of sysexits.h it knows that another try would end like this; 1 where nobody asks.
    """
    notifier = Notifier.taken_from(environment)
    notifier.send(message(STATUS=sentence))
    return 1 if notifier.address is None else 78
