"""A connection that failed is told in a sentence about the peer."""

import pytest
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure

from logsrv.kit.net.failures import OTHER_NAME, UNTRUSTED, failure_sentence


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
