"""The plugin in a file: the one that the file declares, or one made from its only protocol."""

from __future__ import annotations

import re
import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from twisted.internet.protocol import AbstractDatagramProtocol, Protocol

from logsrv.errors import ConfigurationError
from logsrv.kit import Datagrams, Plugin, protocol_plugin
from logsrv.kit.service.plugin import IProtocolPlugin


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
