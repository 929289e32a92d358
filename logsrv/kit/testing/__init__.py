"""PUBLIC: what tests of a plugin made with the kit need. Nothing here knows pytest but `fixtures`.

| name | what it is |
| --- | --- |
| `MemoryService`, `MemoryPeer`, `MemorySender` | a plugin without sockets, with a clock that you advance |
| `conformance` | puts a protocol through all that it should stand: cuts, slow peers, garbage, a stop … |
| `every_split` | all the ways in which a network may cut some bytes |
| `serve`, `Running` | a plugin in this process, on free loopback ports |
| `TwistdProcess`, `TWISTD`, `wait_until` | a plugin in a real `twistd` child process |
| `TelnetSession` | a scripted conversation: `expect`, `send` |
| `transcripts`, `play` | the conversations in a documentation file, as tests |
| `examples` | the Python examples in a documentation file, to be run |

`pytest_plugins = ["logsrv.kit.testing.fixtures"]` gives pytest the fixtures `in_memory`, `serving` and
`twistd`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logsrv.kit.testing.documents import examples as examples
    from logsrv.kit.testing.documents import play as play
    from logsrv.kit.testing.documents import transcripts as transcripts
    from logsrv.kit.testing.memory import MemoryService as MemoryService
    from logsrv.kit.testing.memory import every_split as every_split
    from logsrv.kit.testing.peer import MemoryPeer as MemoryPeer
    from logsrv.kit.testing.peer import MemorySender as MemorySender
    from logsrv.kit.testing.process import TWISTD as TWISTD
    from logsrv.kit.testing.process import TwistdProcess as TwistdProcess
    from logsrv.kit.testing.process import wait_until as wait_until
    from logsrv.kit.testing.running import Running as Running
    from logsrv.kit.testing.running import serve as serve
    from logsrv.kit.testing.session import TelnetSession as TelnetSession
    from logsrv.kit.testing.trials import conformance as conformance

_MODULES = {
    "documents": "examples play transcripts",
    "memory": "MemoryService every_split",
    "peer": "MemoryPeer MemorySender",
    "process": "TWISTD TwistdProcess wait_until",
    "running": "Running serve",
    "session": "TelnetSession",
    "trials": "conformance",
}
_HOME = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Some tests only start processes, and want no reactor in their own.
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    # And no `__all__`: with one, `help(logsrv.kit.testing)` shows everything about each of these.
    return sorted(_HOME)
