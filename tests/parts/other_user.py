"""Another user of the machine, who tries what he likes: ports, sockets, files. Only root can be one."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.users import EVERYBODYS_PYTHON, as_root, nobody

NEEDED = [
    as_root,
    pytest.mark.skipif(not os.path.exists(EVERYBODYS_PYTHON), reason=f"no {EVERYBODYS_PYTHON}"),
]
"""The marks of a module whose tests need another user."""

# Each request is method, path, body and headers.
_ASK = """
import http.client, json, sys
found = {}
for method, path, body, headers in json.load(sys.stdin):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    found[f"{method} {path}"] = [answer.status, answer.read(200).decode()]
    connection.close()
print(json.dumps(found))
"""
Asked: TypeAlias = tuple[str, str, str | None, Mapping[str, str]]
"""Method, path, body and headers of a request."""

# Each attempt is a list: what to do, where, and what to send. Its outcome is a text: what was read, or the
# name of the error.
_TRY = """
import json, os, socket, sys
SECONDS = float(sys.argv[1])

def talk(made, address, sent):
    with made as one:
        one.settimeout(SECONDS)
        one.connect(address)
        one.sendall(sent.encode())
        if one.type == socket.SOCK_DGRAM:
            return ""
        one.shutdown(socket.SHUT_WR)
        found = b""
        while len(found) < 1 << 20:
            data = one.recv(65536)
            if not data:
                break
            found += data
        return found.decode("utf-8", "replace")

def attempt(what, where, sent):
    if what == "tcp":
        return talk(socket.socket(), ("127.0.0.1", where), sent)
    if what == "udp":
        return talk(socket.socket(type=socket.SOCK_DGRAM), ("127.0.0.1", where), sent)
    if what == "unix":
        return talk(socket.socket(socket.AF_UNIX), where, sent)
    if what == "unixgram":
        return talk(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), where, sent)
    if what == "list":
        return " ".join(os.listdir(where))
    if what == "read":
        with open(where, "rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace")
    if what == "append":
        with open(where, "ab") as file:
            file.write(sent.encode())
        return "written"
    if what == "create":
        with open(os.path.join(where, "strange"), "x"):
            return "written"
    if what == "remove":
        os.remove(where)
        return "removed"

outcomes = []
for one in json.load(sys.stdin):
    try:
        outcomes.append(attempt(*one))
    except OSError as error:
        outcomes.append("refused: " + type(error).__name__)
print(json.dumps(outcomes))
"""


def attempts(*tried: tuple[str, Any, str]) -> list[str]:
    """Return the outcome of each attempt of nobody: what was read, or `refused: ERROR`.

    An attempt is what, where, and what is sent: at "tcp" and "udp" a port of 127.0.0.1, at "unix" and
    "unixgram" the path of a socket, and "list", "read", "append", "create" and "remove" take a path.
    """
    done = subprocess.run(
        [EVERYBODYS_PYTHON, "-c", _TRY, str(PATIENCE)],
        input=json.dumps(tried).encode(),
        stdout=subprocess.PIPE,
        user=nobody().uid,
        group=nobody().gid,
        extra_groups=[],
        cwd="/",
        check=True,
        timeout=2 * PATIENCE,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def read(path: str, **headers: str) -> Asked:
    return "GET", path, None, headers


def answers_to_nobody(port: int, *asked: Asked) -> dict[str, tuple[int, str]]:
    """Return status and text of each answer, by method and path."""
    done = subprocess.run(
        [EVERYBODYS_PYTHON, "-c", _ASK, str(port)],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        user=nobody().uid,
        cwd="/",
        check=True,
        timeout=PATIENCE,
    )
    return {asked: (status, text) for asked, (status, text) in json.loads(done.stdout).items()}


def get(path: str = "/", method: str = "GET", body: str = "") -> str:
    """Return a request of HTTP, after which the server closes the connection."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}" if body else f"{head}\r\n"


@attrs.frozen
class OpenSocket:
    """A socket of a process that others can reach. kind: as for `attempts`. place: its port or path."""

    kind: str
    place: int | str


def open_sockets(pid: int) -> set[OpenSocket]:
    """Return all sockets of a process and its children that others can reach, by the kernel's tables."""
    inodes = {
        os.readlink(link).removeprefix("socket:[").removesuffix("]")
        for each in (pid, *_descendants(pid))
        for link in Path(f"/proc/{each}/fd").iterdir()
        if os.path.islink(link) and os.readlink(link).startswith("socket:[")
    }
    found = set()
    for table, kind, state in (
        ("tcp", "tcp", "0A"),
        ("tcp6", "tcp", "0A"),
        ("udp", "udp", "07"),
        ("udp6", "udp", "07"),
    ):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and fields[3] == state:
                found.add(OpenSocket(kind, int(fields[1].rpartition(":")[2], 16)))
    for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[6] in inodes:
            found.add(OpenSocket("unix" if fields[4] == "0001" else "unixgram", fields[7]))
    return found


def _descendants(pid: int) -> list[int]:
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return children + [other for child in children for other in _descendants(child)]
