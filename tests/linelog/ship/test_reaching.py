"""Reasons why a far side cannot be reached: in a sentence, and whether time changes them."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.linelog.ship.reaching import unreachable


def test_a_refusal_goes_away_and_a_certificate_does_not() -> None:
    refused = Failure(ConnectionRefusedError())
    wrong = Failure(SSL.Error([("SSL routines", "", "certificate verify failed")]))
    file = Failure(ConfigurationError("ca.pem: No such file\x1b[31m"))
    why = unreachable("relp://a:1", refused)
    assert str(why) == "relp://a:1 cannot be reached: Connection was refused by other side"
    assert not why.settled
    assert unreachable("a", wrong).settled
    assert "its certificate has expired, is self-signed, or" in str(unreachable("a", wrong))
    assert str(unreachable("a", file)).endswith("No such file\\x1b[31m")
    assert unreachable("a", refused, file).settled


def test_a_certificate_of_another_name_is_said() -> None:
    why = unreachable("a", Failure(VerificationError(errors=[])))
    assert str(why) == "a cannot be reached: its certificate is that of another name"
    assert why.settled


def test_a_connection_that_was_made_and_ended_says_so() -> None:
    assert str(unreachable("a", Failure(ConnectionDone()))) == "a closed the connection"


def test_a_connection_that_breaks_off_in_tls_is_no_certificate() -> None:
    why = unreachable("a", Failure(SSL.SysCallError(-1, "Unexpected EOF")))
    assert str(why) == "a cannot be reached: TLS: Unexpected EOF"
    assert not why.settled
