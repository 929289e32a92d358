"""The process that serves: `python -m logsrv.cli.running.child CHANNEL HELD AGAIN REACTOR FILE [OPTION…]`.

CHANNEL is the descriptor of the channel to the parent, HELD the listening sockets that the parent
holds, as JSON: key to descriptor; AGAIN says that one has served before, as JSON. Ends with
NOT_RUNNABLE when the file is at fault, and CANNOT_START when the options or the endpoints are.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.logger import FilteringLogObserver, globalLogBeginner

from logsrv.cli.arguments import tell
from logsrv.cli.running.channel import MessageChannel
from logsrv.cli.running.found import BrokenFile, load, plugin_in
from logsrv.cli.running.held import install_holding
from logsrv.cli.running.serving import Chatter, Serving
from logsrv.errors import ConfigurationError
from logsrv.kit.options.standard_output import forget_output
from logsrv.kit.service.process.log import log_to

NOT_RUNNABLE = 3
CANNOT_START = 4


def main(
    channel_descriptor: str, held: str, again: str, reactor_name: str, file: str, *options: str
) -> int:
    """Serve until the parent, or a signal, ends it. Returns the exit status."""

    sockets = {key: socket.socket(fileno=number) for key, number in json.loads(held).items()}
    channel = MessageChannel(socket.socket(fileno=int(channel_descriptor)))
    try:
        reactor = install_holding(sockets, reactor_name)
    except ConfigurationError as error:
        tell(f"logsrv run: {error}")
        return CANNOT_START
    try:
        return _run(Path(file), options, channel, reactor, quiet=json.loads(again))
    finally:
        channel.close()
        reactor.let_go()


def _run(
    file: Path, options: Sequence[str], channel: MessageChannel, reactor: Any, *, quiet: bool
) -> int:
    plugin = _load(file, channel)
    if plugin is None:
        return NOT_RUNNABLE
    try:
        parsed = plugin.options()
        parsed.synopsis = f"Usage: logsrv run {file.name} {parsed.synopsis}"
        parsed.parseOptions(list(options))
        return _serve(plugin, parsed, channel, reactor, quiet=quiet)
    except BrokenPipeError:
        # `--help | head`: who reads has seen enough.
        forget_output()
        return 0
    except ConfigurationError as error:
        sentence = str(error)
        prefix = "" if sentence.startswith(f"{plugin.name}:") else f"{plugin.name}: "
        tell(f"logsrv run: {prefix}{sentence}")
        return CANNOT_START


def _load(path: Path, channel: MessageChannel) -> Any:
    """The plugin of the file; None, when that was told, if it has none."""
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


def _serve(plugin: Any, options: Any, channel: MessageChannel, reactor: Any, *, quiet: bool) -> int:
    """Raises ConfigurationError when it cannot begin."""
    chatter = Chatter(quiet=quiet)
    globalLogBeginner.beginLoggingTo(
        [FilteringLogObserver(log_to(sys.stdout, options.settings.log_format), [chatter])],
        redirectStandardIO=False,
        discardBuffer=False,
    )
    endpoints = getattr(options.settings, "listen", None) or ()
    alone = any(endpoint.kind != "stream" for endpoint in endpoints)
    if endpoints:
        options.settings = attrs.evolve(options.settings, listen=reactor.with_held(endpoints))
    service = plugin.makeService(options)
    channel.send({"loaded": alone})
    if channel.receive() == "go":
        Serving(service, channel, reactor, chatter).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
