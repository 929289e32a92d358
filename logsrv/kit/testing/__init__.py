"""Helpers for tests of a plugin that uses the kit: in memory, on real sockets, or in a real twistd.

A test in memory sends bytes, reads answers and advances the clock itself, so the test never has to wait. A
test of the whole program starts `twistd` and talks to it. Only the module `fixtures` needs pytest.

    from logsrv.kit import LineProtocol
    from logsrv.kit.testing import MemoryService

    class Reminder(LineProtocol):
        def line_received(self, line):
            self.later(60, self.send_line, line)

    service = MemoryService(Reminder)
    peer = service.connect()
    peer.feed(b"tea\\r\\n")
    assert peer.received() == b""
    service.clock.advance(60)
    assert peer.received() == b"tea\\r\\n"

| name | what it is |
| --- | --- |
| `MemoryService`, `MemoryPeer`, `MemorySender` | a plugin without sockets, with a clock that you advance |
| `http_request`, `MemoryAnswer` | a request to a plugin in memory that speaks HTTP, and its answer |
| `conformance` | tests that a protocol survives split input, slow peers, garbage, a stop … |
| `every_split` | many ways in which a network may split some bytes |
| `serve`, `Running` | a plugin in this process, on free loopback ports |
| `TwistdProcess`, `TWISTD`, `wait_until` | a plugin in a real `twistd` child process |
| `TelnetSession` | a scripted conversation: `expect`, `send` |
| `self_signed_certificate`, `SelfSigned` | a certificate and its key, for tests of TLS |
| `transcripts`, `play` | the conversations in a documentation file, as tests |
| `examples` | the Python examples in a documentation file, to run them |

`pytest_plugins = ["logsrv.kit.testing.fixtures"]` gives pytest the fixtures `in_memory`, `serving` and
`twistd`.
"""

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
