"""A process for tests that is handed files: `python -m answering`."""

import json
import os
import socket
import sys

from logsrv.kit.children.frames import MessageReader, frame_parts

if __name__ == "__main__":
    messages = MessageReader()
    with socket.socket(fileno=os.dup(0)) as connection:
        while True:
            data, files, _, _ = socket.recv_fds(connection, 1 << 16, 1)
            if not data:
                break
            for message in messages.receive(data):
                match json.loads(b"".join(message)):
                    case {"say": text}:
                        connection.sendall(b"".join(frame_parts(text.encode())))
                    case {"write": text}:
                        os.write(files[0], text.encode())
                        os.close(files[0])
                        connection.sendall(b"".join(frame_parts(b"")))
                    case {"end": text}:
                        sys.exit(text)
