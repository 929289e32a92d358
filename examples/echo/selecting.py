"""Echo lines: select, through the module selectors. Usage: selecting.py PORT"""

import selectors
import socket
import sys
from selectors import EVENT_READ, EVENT_WRITE

LONGEST = 64 * 1024


def echo(line):
    return line


class Client:
    def __init__(self, connection):
        connection.setblocking(False)
        self.connection = connection
        self.unread = self.unsent = b""
        self.ended = False

    def ready(self, selector):
        if self.unsent:
            self.unsent = self.unsent[self.connection.send(self.unsent) :]
        else:
            data = self.connection.recv(65536)
            *lines, self.unread = (self.unread + data).split(b"\n")
            self.unsent = b"".join(echo(line) + b"\n" for line in lines)
            if not data:
                self.unsent += echo(self.unread)
            self.ended = not data or len(self.unread) > LONGEST
        if self.ended and not self.unsent:
            raise ConnectionError("there is nothing left to do")
        selector.modify(self.connection, EVENT_WRITE if self.unsent else EVENT_READ, self)


with (
    socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024) as server,
    selectors.DefaultSelector() as selector,
):
    selector.register(server, EVENT_READ, None)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                connection, _ = server.accept()
                selector.register(connection, EVENT_READ, Client(connection))
                continue
            try:
                key.data.ready(selector)
            except OSError:
                selector.unregister(key.fileobj)
                key.fileobj.close()
