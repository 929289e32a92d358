"""The connection log: everyone is named, a busy turn is one event; why a connection failed."""

import json

import pytest
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure

from logsrv.kit.observe._log_lines import json_format
from logsrv.kit.observe.peer_log import (
    OTHER_NAME,
    UNTRUSTED,
    ConnectionLog,
    PeerLogger,
    end_sentence,
    failure_sentence,
)


def test_one_event_for_each_turn():
    clock = Clock()
    connections = ConnectionLog("tcp:7000", clock)
    with capturedLogs() as events:
        connections.log_connect("tcp:a")
        connections.log_connect("tcp:b")
        connections.log_disconnect("tcp:a", "closed")
        clock.advance(0)
        connections.log_datagrams("udp:c", 2)
        connections.flush()
        clock.advance(0)
    assert [formatEvent(event).splitlines() for event in events] == [
        [
            "Got connection from tcp:a on tcp:7000",
            "Got connection from tcp:b on tcp:7000",
            "Lost connection from tcp:a on tcp:7000: closed",
        ],
        ["Got 2 datagrams from udp:c on tcp:7000"],
    ]


def test_in_json_each_connect_is_an_object():
    connections = ConnectionLog("tcp:7000", Clock())
    with capturedLogs() as events:
        connections.log_connect("tcp:a")
        connections.log_disconnect("tcp:a", "closed\nbadly")
        connections.flush()
    objects = [json.loads(line) for line in json_format(events[0]).splitlines()]
    assert [one["msg"] for one in objects] == [
        "Got connection from tcp:a on tcp:7000",
        "Lost connection from tcp:a on tcp:7000: closed\nbadly",
    ]
    assert objects[0].keys() == objects[1].keys() == {"time", "level", "logger", "msg"}


def test_braces_in_a_message_are_fields_and_the_peer_is_one():
    with capturedLogs() as events:
        PeerLogger("here", "tcp:a").warn("{what} happened", what="{odd}")
    assert formatEvent(events[0]) == "tcp:a: {odd} happened"


def test_the_end_of_a_tls_connection_is_a_sentence():
    error = SSL.Error([("SSL routines", "", "protocol is shutdown")])
    assert end_sentence(Failure(error)) == "TLS: protocol is shutdown"
    assert end_sentence(Failure(ConnectionDone())) == "Connection was closed cleanly."
    assert end_sentence(Failure(SSL.Error())) == Failure(SSL.Error()).getErrorMessage()
    assert end_sentence(Failure(SSL.SysCallError(-1, "Unexpected EOF"))) == "TLS: Unexpected EOF"


def openssl(said: str) -> SSL.Error:
    return SSL.Error([("SSL routines", "", said)])


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (VerificationError(errors=[]), OTHER_NAME),
        (openssl("certificate verify failed"), UNTRUSTED),
        (openssl("packet length too long"), "it does not speak TLS"),
        (openssl("tlsv1 alert unknown ca"), "it does not trust our certificate"),
        (openssl("never heard\nof"), "TLS: never heard\\x0aof"),
        (SSL.SysCallError(-1, "Unexpected EOF"), "TLS: Unexpected EOF"),
        (ConnectionRefusedError(), "Connection was refused by other side"),
        (ValueError("an unknown ca"), "an unknown ca"),
    ],
)
def test_the_failure_of_a_connection_is_a_sentence(error, sentence):
    assert failure_sentence(Failure(error)) == sentence
