"""The process that serves a plugin file as twistd would.

    python -m logsrv.cli.running.serving PARENT FILE REACTOR [OPTION…]

PARENT is the process that keeps the sockets. As systemd, it gives this one NOTIFY_SOCKET and LISTEN_FDS.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.application.reactors import installReactor
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import LoopingCall
from twisted.scripts import twistd as twistd_program

from logsrv.cli.arguments import tell
from logsrv.cli.running.plugin_file import BrokenFile, load, plugin_in
from logsrv.errors import ConfigurationError
from logsrv.kit.service.plugin import Plugin
from logsrv.kit.text.terminal import discard_unwritten_output

NOT_RUNNABLE = 3
"""The exit status for an error in the file, which another save may repair."""
PARENT_SECONDS = 0.5


def main(parent: str, file: str, reactor_name: str, *options: str) -> int:
    """Serve until a signal, or the end of the parent. Return the exit status."""
    path = Path(file)
    try:
        # `installReactor` imports the plugins of this folder; one of them may install the default reactor.
        if reactor_name != "default":
            installReactor(reactor_name)
        from twisted.internet import reactor

        LoopingCall(_end_without_parent, int(parent), reactor).start(PARENT_SECONDS, now=False)
        plugin = plugin_in(load(path), path)
        twistd_program.runApp(_twistd_options(plugin, path, options))
    except BrokenPipeError:
        # The reader of our output has closed the pipe, as in `--help | head`.
        discard_unwritten_output()
    except BrokenFile as error:
        tell(f"logsrv run: {error}")
        return NOT_RUNNABLE
    except ConfigurationError as error:
        tell(f"logsrv run: {plugin.name}: {str(error).removeprefix(f'{plugin.name}: ')}")
        return 1
    return 0


def _twistd_options(plugin: Plugin, path: Path, options: Sequence[str]) -> Any:
    """Return the options of a twistd that runs this plugin. Raises ConfigurationError."""
    parsed = plugin.options()
    parsed.synopsis = f"Usage: logsrv run {path.name} {parsed.synopsis}"
    parsed.parseOptions(list(options))
    twistd: Any = twistd_program.ServerOptions()  # type: ignore[attr-defined]
    twistd.parseOptions(["--nodaemon", "--pidfile=", "--no_save"])
    twistd.subCommand, twistd.subOptions = plugin.name, parsed
    twistd.loadedPlugins = {plugin.name: plugin}
    parsed.parent = twistd
    return twistd


def _end_without_parent(parent: int, reactor: Any) -> None:
    if os.getppid() != parent:
        with suppress(ReactorNotRunning):
            reactor.stop()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
