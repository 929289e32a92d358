"""The base classes for the protocols of authors, and the connection that these classes use.

An author overrides one method, such as `line_received`, and calls others, such as `send_line`. The author's
code may wait: meanwhile, the connection reads nothing more from its peer. If a peer reads too slowly,
nothing more is read from the connections that write to this peer. All names for authors are in
`logsrv.kit`.

    from logsrv.kit import LineProtocol
    from logsrv.kit.testing import MemoryService

    class Shout(LineProtocol):
        def line_received(self, line):
            self.send_line(line.upper())

    peer = MemoryService(Shout).connect()
    peer.feed(b"hello\\r\\n")
    assert peer.received() == b"HELLO\\r\\n"

Its modules:

_line_protocol    lines, and one-line requests; _line_reader gives them line after line
_frame_protocol   frames of bytes
_stream           `async def handle(connection)`
_datagrams        datagrams, and lines in them
_plain_twisted    wrappers of Twisted's own protocols
_protocol         the base of all stream protocols, called by Twisted
_connection       the connection to a peer: runs the actions of the tables in _states
_sending          its output; holds back those who write to a slow peer
_idle             the idle time of one connection
_starting_tls     TLS that begins in the middle
_context          what a connection knows of its service, listener and author
_awaiting         coroutines, Deferreds and asyncio futures of an author; _deadline ends them
faults            errors of peers, and mistakes of authors
"""
