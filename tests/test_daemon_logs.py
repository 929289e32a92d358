"""The logs of daemons are checked when their test is over."""

import pytest

from bench.complaints import complaints
from tests.parts.daemon_logs import check_log

READY = "2026-11-21T17:09:32+0000 [logsrv.kit.service.service#info] greet is ready\n"
WARNED = READY.replace("info", "warn").replace("greet", "uncritical, and handled:")
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
def test_tracebacks_and_critical_records_are_complaints(record):
    assert complaints(READY + record + WARNED + "printed by somebody\n") == [record]


def test_an_expected_complaint_is_left_out():
    """By an expression that matches in the record, its traceback included; the others stay."""
    log = FAILED + CRITICAL + READY
    assert complaints(log, ["ZeroDivisionError"]) == [CRITICAL]
    assert complaints(log, [r"cannot \w+", "disk is full"]) == []
    assert complaints(log, ["greet is ready"]) == [FAILED, CRITICAL]


def test_an_unexpected_error_in_a_log_fails_the_test(tmp_path):
    log = tmp_path / "log"
    log.write_text(FAILED)
    with pytest.raises(AssertionError, match=r"1 errors in log, the first:\n2026.*cannot accept"):
        check_log(log)
    check_log(log, ["ZeroDivisionError"])
    log.write_text("x.py:1: ResourceWarning: unclosed <socket.socket fd=7>\n")
    with pytest.raises(AssertionError, match="unclosed"):
        check_log(log)
