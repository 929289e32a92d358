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

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
