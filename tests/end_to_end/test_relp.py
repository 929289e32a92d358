"""The `relp` input with rsyslog's omrelp, and with clients that wait for each answer."""

import socket

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.peers import as_stored, rsyslog, texts
from tests.parts.daemons import Logger
from tests.parts.ports import free_port

RELP = "relp:tcp:0:interface=127.0.0.1"
OPEN = b"1 open 30 relp_version=0\ncommands=syslog\n"


@pytest.mark.long
def test_rsyslog_sends_again_what_a_killed_server_had_not_acknowledged(logger, tmp_path):
    """No message is missing after kill -9 and a new start; acknowledged ones need not come again."""
    port = free_port()
    listen = f"relp:tcp:{port}:interface=127.0.0.1"
    server = logger("--sync", "always", listen=[listen])
    action = (
        f'action(type="omrelp" target="127.0.0.1" port="{port}" windowSize="64"'
        ' action.resumeRetryCount="-1" action.resumeInterval="1"'
        ' queue.type="LinkedList" queue.size="100000" queue.timeoutEnqueue="60000")'
    )
    sent = texts(3000)
    with rsyslog(tmp_path, action, 'module(load="omrelp")') as sender:
        sender.send(sent[:2000])
        server.wait_until(lambda: server.current.read_bytes().count(b"app: ") >= 100, "some")
        server.process.kill()
        server.process.wait(PATIENCE)
        again = logger("--sync", "always", listen=[listen])
        sender.send(sent[2000:])
        wanted = {as_stored(text) for text in sent}
        again.wait_until(lambda: wanted <= _texts(again), "all that was sent")


def _texts(server: Logger) -> set[bytes]:
    return {message.partition(b" app: ")[2] for message in server.messages()}


def test_another_client_waits_for_nothing(logger):
    """A single message is acknowledged at once, also to a client that waits for each answer."""
    server = logger("--sync", "always", listen=[RELP])
    with server.connect() as connection:
        connection.sendall(OPEN)
        assert b"commands=syslog" in connection.recv(65536)
        for number in range(2, 12):
            connection.sendall(b"%d syslog 7 message\n" % number)
            assert connection.recv(65536) == b"%d rsp 6 200 OK\n" % number
        connection.sendall(b"12 close 0\n")
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read() == b"12 rsp 0\n0 serverclose 0\n"
    assert server.messages() == [b"message"] * 10
