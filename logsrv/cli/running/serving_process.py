"""The process that runs a plugin file and serves its clients.

    python -m logsrv.cli.running.serving_process CHANNEL HELD AGAIN REACTOR FILE [OPTION…]

HELD is JSON: the listening sockets that the parent keeps, key to descriptor. AGAIN is JSON: true if another
process has served before. CHANNEL is the descriptor of a socket to the parent:

| from | message | with |
| --- | --- | --- |
| child | `{"files": [path…]}`: files that it has loaded or tried to load, for watching | |
| child | `{"loaded": alone}`: it is ready to serve; `alone`: only after the other process has ended | |
| parent | a byte: serve | |
| child | `{"serving": [key…], "at": [address…]}`: it serves; a key for each socket | the sockets |
| parent | end of file: another process serves, or the parent has died | |
| child | end of file: it accepts no more connections | |

Its exit status is NOT_RUNNABLE for an error in the file, CANNOT_START for an error in options or endpoints.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.main import installReactor
from twisted.internet.protocol import connectionDone
from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    LogEvent,
    LogLevel,
    PredicateResult,
    globalLogBeginner,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.cli.arguments import tell
from logsrv.cli.running.held_sockets import holding_reactor
from logsrv.cli.running.plugin_file import BrokenFile, load, plugin_in
from logsrv.errors import ConfigurationError
from logsrv.kit.observe.log_lines import is_twisted_message
from logsrv.kit.options.standard_output import discard_unwritten_output
from logsrv.kit.service.log import log_observer_for

NOT_RUNNABLE = 3
CANNOT_START = 4
# Beginnings of the names of loggers whose messages of level `info` are only about starts and stops.
CHATTERING = ("logsrv.kit.service.", "logsrv.kit.net.")


def main(
    channel_descriptor: str, held: str, again: str, reactor_name: str, file: str, *options: str
) -> int:
    """Serve until the parent, or a signal, ends it. Returns the exit status."""
    sockets = {key: socket.socket(fileno=number) for key, number in json.loads(held).items()}
    try:
        reactor = holding_reactor(reactor_name, sockets)
    except ConfigurationError as error:
        tell(f"logsrv run: {error}")
        return CANNOT_START
    installReactor(reactor)
    channel = ParentChannel(socket.socket(fileno=int(channel_descriptor)))
    try:
        return _run(Path(file), options, channel, reactor, again=json.loads(again))
    finally:
        channel.close()
        reactor.close_all_sockets()


def _run(
    file: Path, options: Sequence[str], channel: ParentChannel, reactor: Any, *, again: bool
) -> int:
    plugin = _load_plugin(file, channel)
    if plugin is None:
        return NOT_RUNNABLE
    try:
        parsed = plugin.options()
        parsed.synopsis = f"Usage: logsrv run {file.name} {parsed.synopsis}"
        parsed.parseOptions(list(options))
        _serve(plugin, parsed, channel, reactor, again=again)
    except BrokenPipeError:
        # The reader of our output has closed the pipe, as in `--help | head`.
        discard_unwritten_output()
    except ConfigurationError as error:
        sentence = str(error)
        prefix = "" if sentence.startswith(f"{plugin.name}:") else f"{plugin.name}: "
        tell(f"logsrv run: {prefix}{sentence}")
        return CANNOT_START
    return 0


def _load_plugin(path: Path, channel: ParentChannel) -> Any:
    """Return the plugin of the file. None if the file is broken, which is reported here."""
    files = {str(path)}
    try:
        return plugin_in(load(path), path)
    except BrokenFile as error:
        files |= error.files
        tell(f"logsrv run: {error}")
        return None
    finally:
        loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        channel.send({"files": sorted(files_within(files | loaded, path.parent))})


def files_within(files: set[Any], directory: Path) -> set[str]:
    """Return the files of the plugin: those in `directory`, without virtual environments in it."""
    return {
        file
        for file in files
        if isinstance(file, str)
        and Path(file).is_relative_to(directory)
        and not Path(file).is_relative_to(sys.prefix)
        and Path(file).is_file()
    }


def _serve(plugin: Any, options: Any, channel: ParentChannel, reactor: Any, *, again: bool) -> None:
    """Serve until the end. Raises ConfigurationError if it cannot begin."""
    chatter = ChatterFilter(quiet=again)
    globalLogBeginner.beginLoggingTo(
        [
            FilteringLogObserver(
                log_observer_for(sys.stdout, options.settings.log_format), [chatter]
            )
        ],
        redirectStandardIO=False,
        discardBuffer=False,
    )
    settings = options.settings
    endpoints = reactor.with_held_endpoints(getattr(settings, "listen", None) or ())
    if endpoints:
        settings = attrs.evolve(settings, listen=endpoints)
    # The tables of a plugin with named listeners: one for each endpoint.
    if tables := getattr(settings, "listener", None):
        endpoints = reactor.with_held_endpoints(tuple(one.listen for one in tables))
        pairs = zip(tables, endpoints, strict=True)
        held = tuple(attrs.evolve(table, listen=endpoint) for table, endpoint in pairs)
        settings = attrs.evolve(settings, listener=held)
    options.settings = settings
    service = plugin.makeService(options)
    channel.send({"loaded": any(endpoint.kind != "stream" for endpoint in endpoints)})
    if channel.wait_for_go():
        ServingService(service, channel, reactor, chatter).run()


@implementer(ILogFilterPredicate)
class ChatterFilter:
    """A log filter, which always shows warnings and the messages of the plugin itself.

    quiet: hide messages about starts and stops, because the parent's one line says enough.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, event: LogEvent) -> Any:
        is_shown = not self.quiet or not _is_chatter(event)
        return PredicateResult.maybe if is_shown else PredicateResult.no


def _is_chatter(event: LogEvent) -> bool:
    if event.get("log_level") is not LogLevel.info:
        return False
    namespace = event.get("log_namespace") or ""
    return namespace.startswith(CHATTERING) or is_twisted_message(event)


@implementer(IReadDescriptor)
class ParentChannel:
    """The socket to the parent. over: called when the parent has ended its side."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.over: Callable[[], None] = lambda: None

    def send(self, message: object, descriptors: Sequence[int] = ()) -> None:
        # The parent may have died: then nobody needs the message.
        with contextlib.suppress(OSError):
            data = json.dumps(message).encode() + b"\n"
            socket.send_fds(self._connection, [data], list(descriptors))

    def wait_for_go(self) -> bool:
        """Wait for the parent's byte; return False if it closes the socket instead."""
        return bool(self._connection.recv(1))

    def fileno(self) -> int:
        return self._connection.fileno()

    def logPrefix(self) -> str:
        return "parent"

    def doRead(self) -> Any:
        return connectionDone.value

    def connectionLost(self, reason: Failure) -> None:
        self.over()

    def close(self) -> None:
        self._connection.close()


@attrs.define(eq=False)
class ServingService:
    """A service on a reactor that is a `SocketHoldingMixin`. It reports each step to the parent."""

    _service: Any
    _channel: ParentChannel
    _reactor: Any
    _chatter: ChatterFilter
    _failure: Failure | None = None

    def run(self) -> None:
        """Serve until the parent, or a signal, ends it. Raises the error if the service cannot start."""
        service, reactor = self._service, self._reactor
        # The parent learns of the start by the channel.
        service.launch = None
        service.privilegedStartService()
        reactor.addSystemEventTrigger("before", "shutdown", self._stop_service)
        service.startService()
        service.when_ready().addCallback(self._report_serving).addErrback(self._stop_after_failure)
        self._channel.over = self._stop_for_successor
        reactor.addReader(self._channel)
        reactor.run()
        if self._failure is not None:
            self._failure.raiseException()

    def _report_serving(self, _: object) -> None:
        used = self._reactor.used
        message = {"serving": list(used), "at": self._service.addresses}
        self._channel.send(message, [each.fileno() for each in used.values()])
        self._chatter.quiet = False

    def _stop_after_failure(self, failure: Failure) -> None:
        self._failure = failure
        self._stop_reactor()

    def _stop_for_successor(self) -> None:
        """End, because another process serves now, or the parent has died."""
        self._chatter.quiet = True
        self._stop_reactor()

    def _stop_reactor(self) -> None:
        # The reactor may be stopping already.
        with contextlib.suppress(ReactorNotRunning):
            self._reactor.stop()

    def _stop_service(self) -> Any:
        stopped = self._service.stopService()
        # The sockets are closed in the next turn of the reactor, before `_close_channel` runs.
        self._reactor.callLater(0, self._close_channel)
        return stopped

    def _close_channel(self) -> None:
        self._reactor.removeReader(self._channel)
        self._channel.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
