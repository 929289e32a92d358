"""Inspection sessions over a socket: each line is a command, which is answered before the next is read.

Only operators can reach a UNIX socket; `inspect_settings` checks that. Over TCP within this machine, others
are refused here, where the system tells whose a connection is.
"""

from __future__ import annotations

import os
import re
from code import InteractiveConsole
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from types import SimpleNamespace
from typing import Any, NoReturn

import attrs
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.logger import Logger

from logsrv.errors import PeerError
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.inspect._view import (
    FAREWELLS,
    NO_PYTHON,
    PYTHON,
    Service,
    ServiceView,
    answer_command,
)
from logsrv.kit.net.listen import ServerAndReceiver
from logsrv.kit.net.peer_user import UserOfPeer, user_name
from logsrv.kit.observe.metrics import MetricsPart
from logsrv.kit.observe.rate_limited_log import Failures
from logsrv.kit.protocols._context import ListenerContext
from logsrv.kit.protocols._line_protocol import LineProtocol
from logsrv.kit.text.escape import one_line

log = Logger()

PROMPT = "> "
FIRST, MORE = ">>> ", "... "
# The most characters of a line that is shown, the end is dropped; stacks have the longest lines.
LONGEST = 4000
# A web page can make a browser on this machine connect and send lines that look like commands.
_HTTP = re.compile(r"\S+ \S+ HTTP/\d(\.\d)?")


@attrs.frozen(kw_only=True, slots=False)
class SessionSettings(GuardPolicy):
    """The settings of an address of --inspect: who may connect, and whether they may run Python.

    keys: the public keys that may log in by SSH.
    """

    oversees: bool = True
    python: bool = False
    keys: Sequence[Any] = ()


def exit_prompt(status: object = None) -> NoReturn:
    """End the Python prompt: operators call this as `exit()` or `quit()`."""
    raise SystemExit(status)


class PythonPrompt(InteractiveConsole):
    """A Python prompt inside the service, for --inspect-python.

    It runs each statement in the thread that calls `run_line`. ended: true after exit().
    """

    def __init__(self, names: dict[str, Any]) -> None:
        # Python's own `exit` closes standard input, which a listener may read.
        super().__init__({"exit": exit_prompt, "quit": exit_prompt, **names}, "<inspect>")
        self.ended = False
        self._said = StringIO()

    @property
    def text(self) -> str:
        """Return the prompt before the next line."""
        return MORE if self.buffer else FIRST

    def write(self, data: str) -> None:
        self._said.write(data)

    def run_line(self, line: str) -> list[str]:
        """Take a typed line; return the lines of output, none while the statement is not finished."""
        self._said = StringIO()
        try:
            with redirect_stdout(self._said):
                self.push(line)
        except SystemExit:
            self.ended = True
        return self._said.getvalue().splitlines()


class Console:
    """The commands of one operator, over any transport.

    ended: true after a farewell. peer: the operator's name in the log.
    """

    def __init__(self, view: ServiceView, settings: SessionSettings, peer: str) -> None:
        self._view = view
        self._settings = settings
        self._peer = peer
        self._python: PythonPrompt | None = None
        self.ended = False
        self.greeting = one_line(f"{view.service.name}: help lists the commands", LONGEST)

    @property
    def prompt(self) -> str:
        """Return the text before the next line, if there is one."""
        if self.ended:
            return ""
        return PROMPT if self._python is None else self._python.text

    def run_line(self, line: str) -> list[str]:
        """Take a typed line; return the lines of its answer, escaped: they may contain text of peers."""
        return [one_line(text, LONGEST) for text in self._answer(line)]

    def _answer(self, line: str) -> Iterable[str]:
        words = line.split()
        if self._python is not None:
            said = self._python.run_line(line)
            if self._python.ended:
                self._python = None
            return said
        if words[:1] == [PYTHON]:
            return [self._begin_python_prompt()]
        if line.strip() in FAREWELLS:
            self.ended = True
            return ["Goodbye."]
        if words[:1] == ["log"] and len(words) > 1:
            log.info("{peer} changes the log: {line}", peer=self._peer, line=one_line(line))
        return answer_command(self._view, line) if words else ()

    def _begin_python_prompt(self) -> str:
        if not self._settings.python:
            return NO_PYTHON
        log.warn("{peer} has a Python prompt", peer=self._peer)
        self._python = PythonPrompt({"__name__": "inspect", "service": self._view.service})
        return "`service` is the running service, which waits while your code runs. exit() ends Python."


class Session(LineProtocol[SessionSettings, ServiceView]):
    """A session over a socket."""

    max_line = 4096
    ending = "\n"

    def connection_made(self) -> None:
        if (why := self._refusal()) is not None:
            raise PeerError(why)
        self._console = Console(self.service.state, self.service.settings, self.peer)
        self.send_line(self._console.greeting)
        self.write(self._console.prompt.encode())

    def _refusal(self) -> str | None:
        """Return why the peer may not look; None for the user of the service and root."""
        factory: Any = self.factory
        transport: Any = self.transport
        peer, host = transport.getPeer(), transport.getHost()
        if factory.user_of is None or not hasattr(peer, "host"):
            return None
        try:
            uid = factory.user_of((peer.host, peer.port), (host.host, host.port))
        except OSError as error:
            return f"cannot tell whose this connection is: {error.strerror}"
        if uid in (0, os.geteuid()):
            return None
        whose = "a user who has closed the connection" if uid is None else user_name(uid)
        return f"only the user of the service and root may look inside here, not {whose}"

    async def line_received(self, line: str) -> None:
        # Others get their turn between two commands, however many came at once.
        await deferLater(self.clock, 0)
        if _HTTP.fullmatch(line):
            raise PeerError("this is not a web server")
        for text in self._console.run_line(line):
            self.send_line(text)
        self.write(self._console.prompt.encode())
        if self._console.ended:
            self.close()
        await self.drain()


class SocketServer(ServerAndReceiver, ListenerContext, Factory):
    """The server of a site for sessions; builds one for each connection."""

    noisy = False

    def __init__(
        self,
        service: Service,
        label: str,
        rules: SessionSettings,
        metrics: MetricsPart,
        user_of: UserOfPeer | None = None,
    ) -> None:
        """user_of: tells whose a connection is; None if everybody may look who can connect."""
        self.user_of = user_of
        # Not a whole RunningService: sessions use no peers, tasks or links.
        session_service: Any = SimpleNamespace(
            state=ServiceView(service),
            metrics=service.metrics,
            clock=service.clock,
            failures=Failures(label, service.clock.seconds),
        )
        line_format = Session.make_line_format(Session.max_line)
        super().__init__(session_service, label, metrics, lambda settings: line_format)
        self.apply(rules)

    def apply(self, settings: SessionSettings) -> None:
        super().apply(settings)
        self.service.settings = settings

    def buildProtocol(self, addr: IAddress | None) -> Any:
        session = Session()
        session.factory = self
        return session
