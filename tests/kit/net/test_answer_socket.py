"""Answers to senders of datagrams."""

import socket

import pytest

from logsrv.kit import Sender
from logsrv.kit.connections.source import inet_source
from logsrv.kit.net.answer_socket import REMEMBERED, AnswerSocket, unix_path_of
from tests.parts.kept import kept


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("unix:", None),
        ("unix:/run/a", b"/run/a"),
        ("unix:@a", b"\0a"),
        ("unix:uid=0,pid=7", None),
        ("unix:uid=0,pid=7,/run/a,b\\x20c", b"/run/a,b c"),
        ("unix:./uid=0,pid=7", b"./uid=0,pid=7"),
    ],
)
def test_an_answer_goes_to_the_path_that_a_sender_has_bound(source, path):
    assert unix_path_of(Sender(None, source)) == path


def test_addresses_of_peers_that_were_answered_are_so_many_at_most():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        answering = AnswerSocket(bound.fileno())
        port = bound.getsockname()[1]
        for number in range(2 * REMEMBERED):
            there = f"127.0.{number >> 8}.{number & 255}"
            assert answering.send(b"x", Sender(there, inet_source("udp", there, port)))
            assert max(kept(answering).values()) <= REMEMBERED
        answering.close()
