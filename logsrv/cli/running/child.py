"""The process that serves: `python -m logsrv.cli.running.child CHANNEL HELD FILE [OPTION…]`.

CHANNEL is the descriptor of the channel to the parent, HELD the listening sockets that the parent
holds, as JSON: key to descriptor. Ends with NOT_RUNNABLE when the file is at fault, and
CANNOT_START when the options or the endpoints are.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from logsrv.cli.arguments import tell
from logsrv.cli.running.channel import Channel
from logsrv.errors import ConfigurationError

NOT_RUNNABLE = 3
CANNOT_START = 4


def main(channel_descriptor: str, held: str, file: str, *options: str) -> int:
    """Serve until the parent, or a signal, ends it. Returns the exit status."""
    # Before anything else, so that all of Twisted gets this reactor.
    from logsrv.cli.running.held import install_holding

    sockets = {key: socket.socket(fileno=number) for key, number in json.loads(held).items()}
    reactor = install_holding(sockets)
    channel = Channel(socket.socket(fileno=int(channel_descriptor)))
    try:
        return _run(Path(file), options, channel, reactor)
    finally:
        channel.close()
        reactor.let_go()


def _run(file: Path, options: Sequence[str], channel: Channel, reactor: Any) -> int:
    plugin = _load(file, channel)
    if plugin is None:
        return NOT_RUNNABLE
    try:
        parsed = plugin.options()
        parsed.parseOptions(list(options))
        return _serve(plugin, parsed, channel, reactor)
    except BrokenPipeError:
        # `--help | head`: who reads has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ConfigurationError as error:
        sentence = str(error)
        prefix = "" if sentence.startswith(f"{plugin.name}:") else f"{plugin.name}: "
        tell(f"logsrv run: {prefix}{sentence}")
        return CANNOT_START


def _load(path: Path, channel: Channel) -> Any:
    """The plugin of the file; None, when that was told, if it has none."""
    from logsrv.cli.running.found import BrokenFile, load, plugin_in

    files = {str(path)}
    try:
        return plugin_in(load(path), path)
    except BrokenFile as error:
        files |= error.files
        tell(f"logsrv run: {error}")
        return None
    finally:
        loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        channel.send({"files": sorted(local(files | loaded, path.parent))})


def local(files: set[Any], directory: Path) -> set[str]:
    """Return those of `files` that are the author's: in `directory`, but in no environment within it."""
    return {
        file
        for file in files
        if isinstance(file, str)
        and Path(file).is_relative_to(directory)
        and not Path(file).is_relative_to(sys.prefix)
        and Path(file).is_file()
    }


def _serve(plugin: Any, options: Any, channel: Channel, reactor: Any) -> int:
    """Raises ConfigurationError when it cannot begin."""
    from twisted.internet.protocol import Factory, Protocol, connectionDone
    from twisted.logger import globalLogBeginner, textFileLogObserver
    from twisted.python.failure import Failure

    class Parent(Protocol):
        """The end of the channel to the parent: without the parent nobody would end us."""

        def connectionLost(self, reason: Failure = connectionDone) -> None:
            if reactor.running:
                reactor.stop()

    globalLogBeginner.beginLoggingTo(
        [textFileLogObserver(sys.stdout)], redirectStandardIO=False, discardBuffer=False
    )
    endpoints = options.settings.listen
    alone = any(endpoint.kind != "stream" for endpoint in endpoints)
    options.settings = attrs.evolve(options.settings, listen=reactor.with_held(endpoints))
    service = plugin.makeService(options)
    channel.send({"loaded": alone})
    if channel.receive() != "go":
        return 0
    service.privilegedStartService()

    def leave() -> Any:
        stopped = service.stopService()
        # The sockets are closed in the next turn of the reactor, before this is called.
        reactor.callLater(0, left)
        return stopped

    def left() -> None:
        # When it is the parent that has gone, nobody waits for this.
        with contextlib.suppress(OSError):
            channel.send({"left": True})

    reactor.addSystemEventTrigger("before", "shutdown", leave)
    service.startService()
    keys = list(reactor.used)
    channel.send({"serving": keys}, [reactor.used[key].fileno() for key in keys])
    reactor.adoptStreamConnection(channel.fileno(), socket.AF_UNIX, Factory.forProtocol(Parent))
    reactor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
