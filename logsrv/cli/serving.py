"""The process that serves a plugin file as twistd would, for `logsrv run`.

    python -m logsrv.cli.serving PARENT FILE REACTOR [OPTION…]

PARENT is the process that keeps the sockets. As systemd, it gives this one NOTIFY_SOCKET and LISTEN_FDS.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from twisted.application.reactors import installReactor
from twisted.internet.error import ReactorNotRunning
from twisted.internet.protocol import AbstractDatagramProtocol, Protocol
from twisted.internet.task import LoopingCall
from twisted.scripts import twistd as twistd_program

from logsrv.cli.arguments import tell
from logsrv.errors import ConfigurationError
from logsrv.kit import Datagrams, protocol_plugin
from logsrv.kit.service.plugin import IProtocolPlugin, Plugin
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


class BrokenFile(ConfigurationError):
    """The file's code cannot be run. `str()` of the error shows where, and why."""


def load(path: Path) -> ModuleType:
    """Run the code of a file, which can import the modules beside it. Raises BrokenFile.

    Their folder is the last of `sys.path`: a json.py there must not break code that reads JSON.
    """
    sys.path.append(str(path.parent))
    name = path.stem if path.stem.isidentifier() else "plugin"
    if name in sys.stdlib_module_names or name in sys.modules:
        name += "_plugin"
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    sys.modules[name] = module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise BrokenFile(_with_traceback(error, path)) from error
    return module


def _with_traceback(error: BaseException, path: Path) -> str:
    """Return the error with a traceback that begins at the file's own code."""
    found = traceback.TracebackException.from_exception(error)
    frames = [frame for frame in found.stack if "importlib" not in frame.filename]
    while frames and Path(frames[0].filename) != path:
        frames.pop(0)
    found.stack = traceback.StackSummary.from_list(frames)
    return f"{path.name} cannot be loaded:\n" + "".join(found.format(chain=False)).rstrip()


def plugin_in(module: ModuleType, path: Path) -> Plugin:
    """Return the plugin of a loaded file. Raises BrokenFile if it has none, or more than one."""
    own = [value for name, value in vars(module).items() if not name.startswith("_")]
    declared = _distinct([value for value in own if IProtocolPlugin.providedBy(value)])
    if len(declared) == 1:
        plugin: Plugin = declared[0]
        return plugin
    if declared:
        names = ", ".join(plugin.name for plugin in declared)
        raise BrokenFile(f"{path.name} has more than one plugin ({names}); it must have one")
    streams, datagrams = _own_protocols(module, own)
    if len(streams) > 1 or len(datagrams) > 1:
        names = ", ".join(value.__name__ for value in [*streams, *datagrams])
        raise BrokenFile(
            f"{path.name} has more than one protocol ({names}); say which with "
            f'`plugin = protocol_plugin("{_plugin_name(path)}", …)`'
        )
    if not streams and not datagrams:
        raise BrokenFile(
            f"{path.name} has nothing to serve; it needs a subclass of LineProtocol, FrameProtocol "
            "or Datagrams, or `async def handle(connection)`, or a protocol_plugin(…)"
        )
    served = [*streams, *datagrams]
    return protocol_plugin(
        _plugin_name(path),
        served[0],
        datagrams=served[-1] if streams and datagrams else None,
        description=(module.__doc__ or "").strip().partition("\n")[0],
    )


def _own_protocols(module: ModuleType, values: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return the protocols that the file itself defines: for connections, and for datagrams."""
    classes = _distinct(
        [
            value
            for value in values
            if isinstance(value, type)
            and value.__module__ == module.__name__
            and issubclass(value, Protocol | Datagrams | AbstractDatagramProtocol)
        ]
    )
    # Leave out the classes that are base classes of others in the file.
    last = [one for one in classes if not any(one in other.__mro__[1:] for other in classes)]
    datagrams = [value for value in last if issubclass(value, Datagrams | AbstractDatagramProtocol)]
    streams = [value for value in last if value not in datagrams]
    handle = getattr(module, "handle", None)
    if callable(handle):
        streams.append(handle)
    return streams, datagrams


def _distinct(values: list[Any]) -> list[Any]:
    return list({id(value): value for value in values}.values())


def _plugin_name(path: Path) -> str:
    name = re.sub(r"[^a-z0-9_]", "_", path.stem.lower())
    try:
        protocol_plugin(name, "a:B")
    except ConfigurationError:
        return "plugin"
    return name


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
