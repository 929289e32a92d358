"""The user at the other end of a connection within this machine; only root can try another one."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from logsrv.kit.net.peer_user import tells_users, user_name, user_of_peer
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.users import EVERYBODYS_PYTHON, as_root, nobody

pytestmark = pytest.mark.skipif(not tells_users(), reason="this system does not tell")


@pytest.fixture
def until_the_end() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


LISTENERS = [
    ("127.0.0.1", socket.AF_INET, "127.0.0.1"),
    ("::1", socket.AF_INET6, "::1"),
    ("::", socket.AF_INET6, "127.0.0.1"),
]


@pytest.mark.parametrize(("listening", "family", "to"), LISTENERS)
def test_the_user_of_a_connection_is_told_until_it_is_closed(listening, family, to, until_the_end):
    both = listening == "::"
    listener = until_the_end.enter_context(
        socket.create_server((listening, 0), family=family, dualstack_ipv6=both)
    )
    client = socket.create_connection((to, listener.getsockname()[1]), PATIENCE)
    until_the_end.enter_context(client)
    served = until_the_end.enter_context(listener.accept()[0])
    peer, host = served.getpeername()[:2], served.getsockname()[:2]
    assert user_of_peer(peer, host) == os.geteuid()
    client.shutdown(socket.SHUT_WR)
    assert user_of_peer(peer, host) == os.geteuid(), "it still reads"
    client.close()
    assert user_of_peer(peer, host) is None, "a socket of nobody is told as one of root"
    assert user_of_peer(("127.0.0.1", 1), host) is None


@as_root
@pytest.mark.skipif(not os.path.exists(EVERYBODYS_PYTHON), reason=f"no {EVERYBODYS_PYTHON}")
def test_another_user_is_told(until_the_end):
    listener = until_the_end.enter_context(socket.create_server(("127.0.0.1", 0)))
    port = listener.getsockname()[1]
    lines = (
        f"import socket,sys; s = socket.create_connection(('127.0.0.1', {port})); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [EVERYBODYS_PYTHON, "-c", lines], stdin=subprocess.PIPE, user=nobody().uid, cwd="/"
    )
    until_the_end.callback(process.wait, PATIENCE)
    assert process.stdin is not None
    until_the_end.callback(process.stdin.close)
    listener.settimeout(PATIENCE)
    served = until_the_end.enter_context(listener.accept()[0])
    assert user_of_peer(served.getpeername(), served.getsockname()) == nobody().uid
    assert user_name(nobody().uid) == "nobody"
