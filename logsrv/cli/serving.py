"""The process that serves a plugin file as twistd would, for `logsrv run`.

    python -m logsrv.cli.serving PARENT FILE REACTOR [OPTION…]

PARENT is the process that keeps the sockets. As systemd, it gives this one NOTIFY_SOCKET and LISTEN_FDS.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import traceback
from collections.abc import Iterable, Sequence
from keyword import iskeyword
from pathlib import Path
from types import ModuleType
from typing import Any

from twisted.application.reactors import installReactor
from twisted.internet.protocol import AbstractDatagramProtocol, Protocol
from twisted.internet.task import LoopingCall
from twisted.scripts import twistd as twistd_program

from logsrv.cli.arguments import tell
from logsrv.errors import ConfigurationError
from logsrv.kit import Datagrams, IProtocolPlugin, Plugin, protocol_plugin
from logsrv.kit.text.terminal import discard_unwritten_output

NOT_RUNNABLE = 3
"""The exit status for an error in the file, which another save may repair."""
WAITS = "WAITS"
"""The field of a message with a pipe, which the parent closes once no other process serves."""
PARENT_SECONDS = 0.5


def main(parent: str, file: str, reactor_name: str, *options: str) -> int:
    """Serve until a signal, or the end of the parent. Return the exit status."""
    path = Path(file)
    try:
        # `installReactor` imports the plugins of this folder; one of them may install the default reactor.
        if reactor_name != "default":
            installReactor(reactor_name)
        LoopingCall(_end_without_parent, int(parent)).start(PARENT_SECONDS, now=False)
        plugin = plugin_in(load(path), path)
        twistd = _twistd_options(plugin, path, options)
        if plugin.state is not None:
            # An error in a module that is named as text must show while the other process still serves.
            plugin.check()
            _wait_for_predecessor()
        twistd_program.runApp(twistd)
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


def _wait_for_predecessor() -> None:
    """Wait until the process that serves has ended: its state may still write what ours is to read."""
    ended, given = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as telling:
        telling.connect(os.environ["NOTIFY_SOCKET"])
        socket.send_fds(telling, [f"{WAITS}=1\n".encode()], [given])
    os.close(given)
    # The parent closes its copy, at its own end at the latest.
    os.read(ended, 1)
    os.close(ended)


def _end_without_parent(parent: int) -> None:
    if os.getppid() != parent:
        signal.raise_signal(signal.SIGTERM)


class BrokenFile(ConfigurationError):
    """The file's code cannot be run. `str()` of the error shows where, and why."""


def load(path: Path) -> ModuleType:
    """Run the code of a file, which can import the modules beside it. Raises BrokenFile.

    Their folder is the last of `sys.path`: a json.py there must not break code that reads JSON.
    """
    sys.path.append(str(path.parent))
    taken = path.stem in sys.stdlib_module_names or path.stem in sys.modules
    module = ModuleType(f"{path.stem}_plugin" if taken else path.stem)
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        code = compile(path.read_bytes(), path, "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 - the author's own file
    except ConfigurationError as error:
        raise BrokenFile(f"{path.name} cannot be loaded: {error}") from None
    except (Exception, SystemExit) as error:
        # Without the frame of this function, the traceback begins at the file's own code.
        own = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
        text = "".join(traceback.format_exception(own, chain=False)).rstrip()
        raise BrokenFile(f"{path.name} cannot be loaded:\n{text}") from None
    return module


def plugin_in(module: ModuleType, path: Path) -> Plugin:
    """Return the plugin of a loaded file. Raises BrokenFile if it has none, or more than one."""
    public = {id(value): value for name, value in vars(module).items() if name[0] != "_"}
    declared: list[Any] = [one for one in public.values() if IProtocolPlugin.providedBy(one)]
    if len(declared) == 1:
        plugin: Plugin = declared[0]
        return plugin
    name = _plugin_name(path)
    streams, datagrams = _own_protocols(module, public.values())
    if declared or len(streams) > 1 or len(datagrams) > 1:
        names = [each.name for each in declared] or [each.__name__ for each in streams + datagrams]
        raise BrokenFile(
            f"{path.name} has more than one thing to serve ({', '.join(names)}); define exactly one: "
            f'`plugin = protocol_plugin("{name}", …)`'
        )
    if not streams and not datagrams:
        raise BrokenFile(
            f"{path.name} has nothing to serve; it needs a subclass of LineProtocol, FrameProtocol "
            "or Datagrams, or `async def handle(connection)`, or a protocol_plugin(…)"
        )
    return protocol_plugin(
        name,
        (streams or datagrams)[0],
        datagrams=datagrams[0] if streams and datagrams else None,
        description=(module.__doc__ or "").strip().partition("\n")[0],
    )


def _own_protocols(module: ModuleType, values: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Return the protocols that the file itself defines: for connections, and for datagrams."""
    types = [one for one in values if isinstance(one, type) and one.__module__ == module.__name__]
    # Leave out the classes that are base classes of others in the file.
    last: list[Any] = [one for one in types if not any(one in other.__mro__[1:] for other in types)]
    datagrams = [one for one in last if issubclass(one, Datagrams | AbstractDatagramProtocol)]
    streams = [one for one in last if issubclass(one, Protocol) and one not in datagrams]
    handle = getattr(module, "handle", None)
    return streams + [handle] * callable(handle), datagrams


def _plugin_name(path: Path) -> str:
    name = re.sub(r"[^a-z0-9_]", "_", path.stem.lower())
    return name if name[0].isalpha() and not iskeyword(name) else "plugin"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
