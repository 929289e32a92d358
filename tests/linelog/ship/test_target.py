"""What a target says when it does not take something: each is one sentence, and says what is to be done."""

import attrs
import pytest
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.linelog.ship.reaching import unreachable_error
from logsrv.linelog.ship.report import ShipReport
from logsrv.linelog.ship.target import (
    MisplacedBlock,
    PartlyRefused,
    RefusedForGood,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.store.segments.segment import Position


def test_each_error_of_a_target_is_a_sentence():
    for error in (Unavailable("a"), TooMuchAtOnce("a"), RefusedForGood("a"), PartlyRefused("a", 2)):
        assert isinstance(error, LogsrvError) and str(error) == "a"
    assert str(MisplacedBlock(Position(17, 5))) == "the target is at 17:5"
    assert MisplacedBlock(None).place is None


def test_unavailable_has_the_seconds_until_the_next_attempt():
    assert (Unavailable("a").after, Unavailable("a").settled) == (None, False)
    assert Unavailable("a", after=3.0).after == 3.0
    assert Unavailable("a", settled=True).settled


def test_partly_refused_is_a_kind_of_refused_for_good():
    """Who knows nothing of parts sends halves: lines come twice, and none is lost."""
    some = PartlyRefused("a", 3, [1, 2, 5])
    assert isinstance(some, RefusedForGood)
    assert (some.number, list(some.which)) == (3, [1, 2, 5])
    assert list(PartlyRefused("a", 3).which) == []


def test_a_report_has_only_what_belongs_to_it():
    report = ShipReport("trouble", "the disk is full")
    assert report == ShipReport("trouble", why="the disk is full")
    assert (report.position, report.bytes, report.lines, report.seconds) == (None, 0, 0, 0.0)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        report.kind = "up"  # type: ignore[misc]


def test_a_refusal_goes_away_and_a_certificate_does_not():
    refused = Failure(ConnectionRefusedError())
    wrong = Failure(SSL.Error([("SSL routines", "", "certificate verify failed")]))
    file = Failure(ConfigurationError("ca.pem: No such file\x1b[31m"))
    why = unreachable_error("relp://a:1", refused)
    assert str(why) == "relp://a:1 cannot be reached: Connection was refused by other side"
    assert not why.settled
    assert unreachable_error("a", wrong).settled
    assert "its certificate has expired, is self-signed, or" in str(unreachable_error("a", wrong))
    assert str(unreachable_error("a", file)).endswith("No such file\\x1b[31m")
    assert unreachable_error("a", refused, file).settled


def test_a_certificate_of_another_name_is_said():
    why = unreachable_error("a", Failure(VerificationError(errors=[])))
    assert str(why) == "a cannot be reached: its certificate is for another name"
    assert why.settled


def test_a_connection_that_was_made_and_ended_says_so():
    assert str(unreachable_error("a", Failure(ConnectionDone()))) == "a closed the connection"


def test_a_connection_that_breaks_off_in_tls_is_no_certificate():
    why = unreachable_error("a", Failure(SSL.SysCallError(-1, "Unexpected EOF")))
    assert str(why) == "a cannot be reached: TLS: Unexpected EOF"
    assert not why.settled
