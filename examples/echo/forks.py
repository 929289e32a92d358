"""Echo lines: socketserver, a process for each client. Usage: forks.py PORT"""

import sys
from socketserver import ForkingTCPServer, StreamRequestHandler


class Echo(StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Server(ForkingTCPServer):
    allow_reuse_address = True
    max_children = 1000
    request_queue_size = 1024


with Server(("127.0.0.1", int(sys.argv[1])), Echo) as server:
    server.serve_forever()
