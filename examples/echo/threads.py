"""Echo lines: socketserver, a thread for each client. Usage: threads.py PORT"""

import sys
from socketserver import StreamRequestHandler, ThreadingTCPServer


class Echo(StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024


with Server(("127.0.0.1", int(sys.argv[1])), Echo) as server:
    server.serve_forever()
