"""The twistd child: what it says is shown when something waited for does not come."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.kit.testing import TelnetSession, TwistdProcess, wait_until
from logsrv.kit.testing.process import complaints


@pytest.mark.slow
def test_a_child_starts_serves_and_stops(tmp_path: Path) -> None:
    with TwistdProcess(
        "greet", "--listen", "tcp:0:interface=127.0.0.1", directory=tmp_path
    ) as server:
        with TelnetSession(server.port()) as session:
            session.expect("Thank you for connecting")
        assert server.wait_for_log(r"greet is (\w+)")[1] == "ready"
        assert server.stop() in (0, -15)


@pytest.mark.slow
def test_a_child_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    """The error has what the child said, at once and not after a deadline."""
    process = TwistdProcess("greet", "--no-such-option", directory=tmp_path)
    with pytest.raises(AssertionError, match=r"ended with status 1 before[\s\S]*no-such-option"):
        process.start().ready()


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(AssertionError, match=r"waited 0\.01 s in vain for the moon"):
        wait_until(lambda: None, "the moon", 0.01)


READY = "2026-11-21T17:09:32+0000 [logsrv.kit.service.service#info] greet is ready\n"
TRACEBACK = """\
\tTraceback (most recent call last):
\t  File "a.py", line 1, in <module>
\tZeroDivisionError: division by zero
"""
FAILED = "2026-11-21T17:09:33+0000 [a.b#critical] cannot accept\n" + TRACEBACK
UNHANDLED = "2026-11-21T17:09:34+0000 [-] Unhandled error in Deferred:\n"
CRITICAL = "2026-11-21T17:09:35+0000 [a.b#critical] the disk is full\n"
PRINTED = TRACEBACK.replace("\t", "")


@pytest.mark.parametrize("record", [FAILED, UNHANDLED, CRITICAL, PRINTED])
def test_tracebacks_and_critical_records_are_complaints(record: str) -> None:
    assert complaints(READY + record + READY) == [record]


def test_a_log_without_errors_has_no_complaints() -> None:
    warned = READY.replace("info", "warn").replace("greet", "uncritical, and handled:")
    assert complaints(READY + warned + "printed by somebody\n") == []


def test_an_expected_complaint_is_left_out() -> None:
    """By an expression that matches in the record, its traceback included; the others stay."""
    log = FAILED + CRITICAL + READY
    assert complaints(log, ["ZeroDivisionError"]) == [CRITICAL]
    assert complaints(log, [r"cannot \w+", "disk is full"]) == []
    assert complaints(log, ["greet is ready"]) == [FAILED, CRITICAL]


def test_ports_are_found_for_each_kind_of_listener(tmp_path: Path) -> None:
    """In the order of the listeners; what has no port is left out."""
    process = TwistdProcess("logsrv", directory=tmp_path)
    process.log_path.write_text(
        "2026-11-22T13:36:27.412+00:00 office: listening for syslog on tcp 127.0.0.1:5514\n"
        "2026-11-22T13:36:27.412+00:00 listening on udp [::]:514\n"
        "2026-11-22T13:36:27.412+00:00 listening for lines on unix /run/log:9\n"
        "2026-11-22T13:36:27.412+00:00 listening for lines on proxied tls 0.0.0.0:6514\n"
        "2026-11-22T13:36:27.412+00:00 page and API at http://127.0.0.1:8080/\n"
        "2026-11-22T13:36:27.412+00:00 metrics at https://[::1]:9100/metrics\n"
        "2026-11-22T13:36:27.412+00:00 logsrv is ready\n"
    )
    assert process.ports() == [5514, 514, 6514, 8080, 9100]
