"""Programs that run in the machine under test, on nothing but Debian's python3."""

# Posts numbers one by one, and prints each that was acknowledged, from when the server listens (a reload
# may end before that) until it is gone.
ACKNOWLEDGED = """
import http.client, itertools, socket, time
for _ in range(6000):
    with socket.socket() as trial:
        if trial.connect_ex(("127.0.0.1", 8088)) == 0:
            break
    time.sleep(0.01)
server = http.client.HTTPConnection("127.0.0.1", 8088, timeout=60)
for number in itertools.count():
    try:
        server.request("POST", "/lines", f"acknowledged {number}.", {"Content-Type": "text/plain"})
        answer = server.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        break
    if answer.status == 200:
        print(number, flush=True)
"""

# Sends a number over a connection of its own, one after the other, until /tmp/enough is there; prints each
# connection that was refused or broken, and how many there were.
CONNECTIONS = """
import itertools, os, socket
for number in itertools.count():
    try:
        with socket.create_connection(("127.0.0.1", 1234), timeout=60) as connection:
            connection.sendall(f"connection {number}.\\n".encode())
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    except OSError as error:
        print(number, error, flush=True)
    if number == 0:
        print("begun", flush=True)
    if os.path.exists("/tmp/enough"):
        break
print("sent", number + 1, flush=True)
"""

# Has the port of the lines until /tmp/free is there.
TAKES_A_PORT = """
import os, socket, time
with socket.create_server(("127.0.0.1", 1234)):
    print("taken", flush=True)
    while not os.path.exists("/tmp/free"):
        time.sleep(0.1)
"""
